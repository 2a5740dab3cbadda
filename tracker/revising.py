"""From a standing segment and an edit to the segment's next content: pure, for carrying out and for showing alike."""

from collections.abc import Collection, Iterable
from uuid import UUID

from msgspec import structs

from tracker.domain import editing
from tracker.domain.editing import Add, Describe, Edit, Move, Remove, Withhold
from tracker.domain.segment import Interval
from wire import diary
from wire.diary import Activity, Segment, Snapshot
from wire.words import MINUTE_MS, ActivitySource, Kind, RevisionReason, SnapshotStatus


def revised(segment: Segment, edit: Edit, *, left: Iterable[Snapshot] = (), is_alone: bool = True) -> Segment:
    """Give a segment's next content after an edit of its own contract; the revision's number is one on.

    Snapshots of time that goes stay as withheld, so that cutting around a picture cannot buy protection; they go with
    the last of the time (PRODUCT.md, "Snapshots and privacy").

    Args:
        segment: the revision that stands.
        edit: what is done to it.
        left: snapshots of the segment's unsealed part, where all of that is taken away.
        is_alone: whether the segment has no unsealed part that stays, so that no interval left means deleted.
    """
    intervals = intervals_of(segment)
    changed = editing.joined(one for one in editing.after(intervals, edit) if one.contract == segment.contract)
    is_gone = is_alone and not changed
    snapshots = [_withheld(one) if _is_about(segment, one, edit) else one for one in segment.snapshots]
    return structs.replace(
        segment,
        revision=segment.revision + 1,
        reason=_reason(edit, is_gone=is_gone),
        intervals=_relative(segment, changed),
        activity=_activity(segment, changed, edit, is_gone=is_gone),
        snapshots=() if is_gone else tuple(sorted((*snapshots, *left), key=lambda one: one.at_ms)),
    )


def enlarged(segment: Segment, arrived: Iterable[Interval], reason: RevisionReason) -> Segment:
    """Give a segment's next content with time that is added or was moved to it; the revision's number is one on."""
    intervals = sorted((*intervals_of(segment), *arrived), key=lambda one: one.start_ms)
    return structs.replace(
        segment,
        revision=segment.revision + 1,
        reason=reason,
        intervals=_relative(segment, editing.joined(intervals)),
    )


def begun(contract: UUID, device: UUID, start_ms: int, *, policy_version: int, clock_offset_ms: int) -> Segment:
    """Give a segment in which nothing is recorded yet; its revision 0 is never sealed."""
    return Segment(
        contract=contract,
        device=device,
        start_s=start_ms // 1000,
        revision=0,
        reason=RevisionReason.ADDED,
        policy_version=policy_version,
        clock_offset_ms=clock_offset_ms,
        intervals=(),
        activity=Activity(source=ActivitySource.NONE, minutes=()),
        snapshots=(),
    )


def with_pictures(segment: Segment, named: Collection[str]) -> Segment:
    """Let the snapshots be withheld whose pictures are not kept any more: an edit that was refused destroyed them."""
    return structs.replace(
        segment,
        snapshots=tuple(
            one if all(picture.sha256 in named for picture in one.pictures) else _withheld(one)
            for one in segment.snapshots
        ),
    )


def intervals_of(segment: Segment) -> tuple[Interval, ...]:
    """Give a segment's intervals with their UTC instants."""
    start_ms = segment.start_s * 1000
    return tuple(
        Interval(segment.contract, start_ms + one.start_ms, start_ms + one.end_ms, one.kind, one.memo, one.label)
        for one in segment.intervals
    )


def withholds(segment: Segment, edit: Edit) -> bool:
    """Tell whether an edit withholds any of a segment's pictures."""
    return any(_is_about(segment, one, edit) for one in segment.snapshots)


def _is_about(segment: Segment, snapshot: Snapshot, edit: Edit) -> bool:
    """Tell whether a snapshot has pictures that an edit withholds."""
    at_ms = segment.start_s * 1000 + snapshot.at_ms
    is_there = edit.contract == segment.contract and edit.from_ms <= at_ms < edit.to_ms and bool(snapshot.pictures)
    return is_there and isinstance(edit, Remove | Move | Withhold)


def _withheld(snapshot: Snapshot) -> Snapshot:
    return structs.replace(snapshot, status=SnapshotStatus.WITHHELD, reason=None, pictures=(), window=None)


def _reason(edit: Edit, *, is_gone: bool) -> RevisionReason:
    match edit:
        case Describe():
            return RevisionReason.DESCRIBED
        case Remove():
            return RevisionReason.DELETED if is_gone else RevisionReason.CUT
        case Move():
            return RevisionReason.MOVED
        case Add():
            return RevisionReason.ADDED
        case Withhold():
            return RevisionReason.WITHHELD


def _relative(segment: Segment, intervals: Iterable[Interval]) -> tuple[diary.Interval, ...]:
    start_ms = segment.start_s * 1000
    return tuple(
        diary.Interval(
            start_ms=one.start_ms - start_ms,
            end_ms=one.end_ms - start_ms,
            kind=one.kind,
            memo=one.memo,
            label=one.label,
        )
        for one in intervals
    )


def _activity(segment: Segment, changed: Iterable[Interval], edit: Edit, *, is_gone: bool) -> Activity:
    """Leave the minutes behind of which nothing is left but what was entered by hand."""
    if not isinstance(edit, Remove | Move):
        return segment.activity
    start_ms = segment.start_s * 1000
    worked = [(one.start_ms - start_ms, one.end_ms - start_ms) for one in changed if one.kind is not Kind.MANUAL]
    touched = range((edit.from_ms - start_ms) // MINUTE_MS, -((start_ms - edit.to_ms) // MINUTE_MS))
    return structs.replace(
        segment.activity,
        minutes=tuple(
            one
            for one in segment.activity.minutes
            if not is_gone
            and (
                one.minute not in touched
                or any(
                    from_ms < (one.minute + 1) * MINUTE_MS and one.minute * MINUTE_MS < to_ms
                    for from_ms, to_ms in worked
                )
            )
        ),
    )
