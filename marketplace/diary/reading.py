"""What counts: the newest accepted revision of each segment, and the pictures that it names."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Sum

from marketplace.contracts.models import Contract
from marketplace.diary.day import DAY_S, Entry, read_content, thumbnails_and_pictures
from marketplace.diary.models import Picture, Revision, StoredPicture
from wire.week import week_start_ms

WEEK_S = 7 * DAY_S
LARGEST_START_S = 2**52  # beyond any date, within every database's integers


def newest_revisions() -> QuerySet[Revision]:
    """Give the revisions that no later one of the same segment follows."""
    later = Revision.objects.filter(
        contract=OuterRef("contract"),
        device=OuterRef("device"),
        start_s=OuterRef("start_s"),
        revision__gt=OuterRef("revision"),
    )
    return Revision.objects.filter(~Exists(later))


def revisions_of(contract: Contract, *, from_s: int, until_s: int) -> list[Revision]:
    """Give what counts of a contract in a half-open time (seconds since the epoch), in the order worked."""
    found = newest_revisions().filter(contract=contract, start_s__gte=from_s, start_s__lt=until_s)
    return list(found.select_related("device").order_by("start_s", "device_id"))


def worked_ms(contract: Contract, *, from_s: int, until_s: int) -> int:
    """Sum the worked time of a contract in a half-open time (seconds since the epoch)."""
    found = newest_revisions().filter(contract=contract, start_s__gte=from_s, start_s__lt=until_s)
    return found.aggregate(total=Sum("worked_ms"))["total"] or 0


def billing_week_s(moment_s: int) -> tuple[int, int]:
    """Give the billing week of a moment: Monday 00:00 UTC to the next (PRODUCT.md, "Words")."""
    start_s = week_start_ms(moment_s * 1000) // 1000
    return start_s, start_s + WEEK_S


def named_pictures(contract_id: UUID) -> QuerySet[Picture]:
    """Give the pictures that what counts of a contract names; a withdrawn one is not among them."""
    return Picture.objects.filter(revision__in=newest_revisions().filter(contract_id=contract_id))


def stored_among(contract_id: UUID, hashes: Iterable[str]) -> set[str]:
    """Tell which of these pictures of a contract are in the store."""
    found = StoredPicture.objects.filter(contract_id=contract_id, sha256__in=list(hashes))
    return set(found.values_list("sha256", flat=True))


def entries(contract: Contract, *, from_s: int, until_s: int) -> list[Entry]:
    """Give the segments of a contract in a half-open time (seconds since the epoch) as a page shows them."""
    return _entries(contract, revisions_of(contract, from_s=from_s, until_s=until_s))


def entry(contract: Contract, *, device_id: UUID, start_s: int) -> Entry | None:
    """Give one segment as a page shows it, or None where the contract has none."""
    if start_s > LARGEST_START_S:
        return None
    found = [one for one in revisions_of(contract, from_s=start_s, until_s=start_s + 1) if one.device_id == device_id]
    return next(iter(_entries(contract, found)), None)


def _entries(contract: Contract, revisions: Iterable[Revision]) -> list[Entry]:
    read = [(one, read_content(bytes(one.content))) for one in revisions]
    stored = frozenset(stored_among(contract.pk, thumbnails_and_pictures(segment for _, segment in read)))
    return [
        Entry(segment=segment, device_name=one.device.name, received_ms=one.received_ms, stored=stored)
        for one, segment in read
    ]
