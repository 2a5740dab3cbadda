"""What counts: the newest accepted revision of each segment less all marks, and the pictures that are left."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, QuerySet, Sum

from marketplace.accounts.models import User
from marketplace.contracts.models import Contract
from marketplace.diary.day import DAY_S, Entry, read_content, thumbnails_and_pictures
from marketplace.diary.models import Mark, Picture, Revision, StoredPicture
from wire import canonical, marks
from wire.diary import Activity, Segment
from wire.week import week_start_ms
from wire.words import ActivitySource, RevisionReason

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
    return list(found.select_related("device", "policy").order_by("start_s", "device_id"))


def revisions_of_segment(contract_id: UUID, device_id: UUID, start_s: int) -> QuerySet[Revision]:
    """Give every revision of one segment, oldest first."""
    found = Revision.objects.filter(contract_id=contract_id, device_id=device_id, start_s=start_s)
    return found.select_related("policy").order_by("revision")


def worked_ms(contract: Contract, *, from_s: int, until_s: int) -> int:
    """Sum the worked time of a contract in a half-open time (seconds since the epoch)."""
    found = newest_revisions().filter(contract=contract, start_s__gte=from_s, start_s__lt=until_s)
    return found.aggregate(total=Sum("worked_ms"))["total"] or 0


def billing_week_s(moment_s: int) -> tuple[int, int]:
    """Give the billing week of a moment: Monday 00:00 UTC to the next (PRODUCT.md, "Words")."""
    start_s = week_start_ms(moment_s * 1000) // 1000
    return start_s, start_s + WEEK_S


def named_pictures(contract_id: UUID) -> QuerySet[Picture]:
    """Give the pictures that what counts of a contract names; a withdrawn or withheld one is not among them."""
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


def read_mark(row: Mark) -> marks.Mark:
    """Read a mark."""
    return canonical.decode(bytes(row.content), marks.Mark)


def marks_of(contract: Contract, *, from_s: int, until_s: int) -> list[marks.Mark]:
    """Give the marks on the segments of a contract in a half-open time (seconds since the epoch), oldest first."""
    found = Mark.objects.filter(contract=contract, start_s__gte=from_s, start_s__lt=until_s).order_by("number")
    return [read_mark(row) for row in found]


def marks_after(user: User, number: int) -> marks.MarkList:
    """Give a freelancer's marks after a number, as many as one answer holds."""
    mine = Mark.objects.filter(freelancer=user)
    newest = mine.aggregate(newest=Max("number"))["newest"] or 0
    found = mine.filter(number__gt=number).order_by("number")[: marks.MARKS_PER_ANSWER]
    return marks.MarkList(marks=tuple(read_mark(row) for row in found), newest=newest)


def read_revision(row: Revision) -> Segment:
    """Read what a revision holds; of one whose content was destroyed, only what its link and its key still say."""
    if row.content is not None:
        return read_content(bytes(row.content))
    return Segment(
        contract=row.contract_id,
        device=row.device_id,
        start_s=row.start_s,
        revision=row.revision,
        reason=RevisionReason.RECORDED,
        policy_version=row.policy.version,
        clock_offset_ms=0,
        intervals=(),
        activity=Activity(source=ActivitySource.NONE, minutes=()),
        snapshots=(),
    )


def _entries(contract: Contract, revisions: Iterable[Revision]) -> list[Entry]:
    revisions = list(revisions)
    if not revisions:
        return []
    named = marks_of(contract, from_s=revisions[0].start_s, until_s=revisions[-1].start_s + 1)
    read = [(one, marks.less(read_revision(one), named)) for one in revisions]
    stored = frozenset(stored_among(contract.pk, thumbnails_and_pictures(segment for _, segment in read)))
    return [
        Entry(
            segment=segment,
            device_name=one.device.name,
            received_ms=one.received_ms,
            stored=stored,
            marks=tuple(mark for mark in named if mark.is_of(segment)),
        )
        for one, segment in read
    ]
