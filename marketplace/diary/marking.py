"""Marks made on the web: the freelancer withholds pictures and deletes time (PRODUCT.md, "Snapshots and privacy")."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Max

from marketplace.accounts.models import Device, User
from marketplace.contracts.models import Contract
from marketplace.diary import destruction, reading
from marketplace.diary.day import thumbnails_and_pictures
from marketplace.diary.models import Destruction, Mark, Revision
from marketplace.record import services as record
from wire import canonical, chain, diary, marks
from wire.leaf import MarkLeaf

log = structlog.get_logger(__name__)
_NAMELESS = "The freelancer"  # who has no name may have an address, which is not the client's to read


@dataclass(frozen=True, slots=True)
class Key:
    """Which segment: its contract, the device that recorded it, and its start in seconds since the epoch."""

    contract_id: UUID
    device_id: UUID
    start_s: int


def withhold(user: User, key: Key, at_ms: int, *, reason: str, now_ms: int) -> marks.Mark | None:
    """Withhold the pictures of one snapshot; the time is kept.

    Args:
        user: must be the contract's freelancer.
        key: the segment.
        at_ms: the snapshot's instant, from the segment's start.
        reason: theirs, for the record.
        now_ms: when.

    Returns the mark, or None where there is no such picture (any more).

    Raises:
        Contract.DoesNotExist: there is no such contract of theirs; nobody can tell which.
    """

    def named(segment: diary.Segment) -> tuple[tuple[marks.Stretch, ...], tuple[str, ...]]:
        shots = [one for one in segment.snapshots if one.at_ms == at_ms]
        return (), tuple(dict.fromkeys(picture.sha256 for one in shots for picture in one.pictures))

    return _mark(user, key, marks.MarkKind.WITHHELD, named, reason=reason, now_ms=now_ms)


def delete(user: User, key: Key, *, reason: str, now_ms: int) -> marks.Mark | None:
    """Delete the time of a segment that counts now, with its pictures; time that comes later stands.

    The arguments, the result and the errors are those of `withhold`.
    """

    def named(segment: diary.Segment) -> tuple[tuple[marks.Stretch, ...], tuple[str, ...]]:
        return _joined(segment.intervals), tuple(dict.fromkeys(picture.sha256 for picture in segment.pictures()))

    return _mark(user, key, marks.MarkKind.DELETED, named, reason=reason, now_ms=now_ms)


_Named = tuple[tuple[marks.Stretch, ...], tuple[str, ...]]


def _mark(
    user: User, key: Key, kind: marks.MarkKind, names: Callable[[diary.Segment], _Named], *, reason: str, now_ms: int
) -> marks.Mark | None:
    """Make a mark of what a segment names now, hide it at once, and note its destruction."""
    contract = Contract.objects.get(pk=key.contract_id, freelancer=user)
    with transaction.atomic():
        # The device with its person, as for taking in a batch: no revision and no other mark may come in between.
        device = Device.objects.select_for_update().select_related("user").filter(pk=key.device_id, user=user).first()
        entry = reading.entry(contract, device_id=key.device_id, start_s=key.start_s)
        if device is None or entry is None:
            return None
        ranges, pictures = names(entry.segment)
        if not ranges and not pictures:
            return None
        last = Mark.objects.filter(freelancer=user).aggregate(last=Max("number"))["last"] or 0
        made = marks.Mark(
            number=last + 1,
            contract=key.contract_id,
            device=key.device_id,
            start_s=key.start_s,
            kind=kind,
            ranges=ranges,
            pictures=pictures,
            actor=user.name.strip() or _NAMELESS,
            reason=reason,
            made_ms=now_ms,
        )
        salt, content = chain.new_salt(), canonical.encode(made)
        leaf = MarkLeaf(contract=contract.pk, number=made.number, digest=chain.digest(salt, content).hex())
        [logged] = record.append([leaf], now_ms=now_ms).rows
        row = Mark.objects.create(
            freelancer=user,
            number=made.number,
            contract=contract,
            device_id=key.device_id,
            start_s=key.start_s,
            actor=user,
            salt=salt,
            content=content,
            made_ms=now_ms,
            leaf=logged,
        )
        hashes = _hide(contract, key)
        Destruction.objects.create(mark=row, hashes=sorted(hashes), due_ms=destruction.due_ms(made))
    log.info("marked", contract=str(contract.pk), number=made.number, kind=str(kind))
    destruction.carry_out(now_ms=now_ms)
    return made


def _hide(contract: Contract, key: Key) -> set[str]:
    """Take time and pictures of every revision of a segment out of what counts; gives the pictures' hashes."""
    named = reading.marks_of(contract, from_s=key.start_s, until_s=key.start_s + 1)
    rows = list(reading.revisions_of_segment(contract.pk, key.device_id, key.start_s))
    left = [marks.less(reading.read_revision(row), named) for row in rows]
    gone: set[str] = set()
    for row, one in zip(rows, left, strict=True):
        kept = thumbnails_and_pictures([one] if left[-1].intervals else [])  # earlier revisions go with the newest
        pictures = row.pictures.exclude(sha256__in=kept)
        gone |= set(pictures.values_list("sha256", flat=True))
        pictures.delete()
        Revision.objects.filter(pk=row.pk).update(worked_ms=one.worked_ms)
    return gone


def _joined(intervals: Iterable[diary.Interval]) -> tuple[marks.Stretch, ...]:
    """Give the time of intervals, which are in order, with those that touch as one stretch."""
    joined: list[marks.Stretch] = []
    for one in intervals:
        if joined and joined[-1].end_ms == one.start_ms:
            joined[-1] = marks.Stretch(start_ms=joined[-1].start_ms, end_ms=one.end_ms)
        else:
            joined.append(marks.Stretch(start_ms=one.start_ms, end_ms=one.end_ms))
    return tuple(joined)
