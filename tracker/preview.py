"""A day of the diary as an edit will leave it, by the rules that carry the edit out; pure."""

from collections import defaultdict
from datetime import UTC, datetime
from uuid import UUID

from msgspec import structs

from tracker.commands import DiaryAnswer, DiarySegment, PendingEdit
from tracker.domain import editing
from tracker.domain.clock import Moment
from tracker.domain.editing import Add, Edit
from tracker.domain.segment import Interval, segment_start_ms
from tracker.revising import begun, enlarged, intervals_of, revised
from wire.contract import Contract
from wire.diary import Segment
from wire.words import RevisionReason


def preview(
    answer: DiaryAnswer, edit: Edit, pending: PendingEdit, gaining: Contract | None, device: UUID, now: Moment
) -> DiaryAnswer:
    """Show a day after an edit.

    Args:
        answer: the day as it is recorded.
        edit: what is to be done.
        pending: what is told of it.
        gaining: the contract that gets time by it, None where none does.
        device: this device.
        now: the moment.
    """
    difference_ms = 0
    segments, arrived = list[DiarySegment](), defaultdict[int, list[Interval]](list)
    for piece in editing.added(edit) if isinstance(edit, Add) else ():
        arrived[segment_start_ms(piece.start_ms)].append(piece)
    for one in answer.segments:
        shown = one
        is_touched = one.segment.contract == edit.contract and one.start_ms in editing.segments_of(edit)
        if is_touched and not isinstance(edit, Add):
            after = editing.after(intervals_of(one.segment), edit)
            arrived[one.start_ms] += [piece for piece in after if piece.contract != edit.contract]
            shown = _showing(one, revised(one.segment, edit))
        if one.sync_state != "rejected":
            difference_ms += shown.worked_ms - one.worked_ms
        segments.append(shown)
    for start_ms, pieces in arrived.items():
        if gaining is not None and pieces and _day_of(start_ms) == answer.day:
            difference_ms += sum(piece.worked_ms for piece in pieces)
            _show_arrived(segments, start_ms, pieces, gaining, device, now)
    return structs.replace(
        answer,
        worked_ms=answer.worked_ms + difference_ms,
        segments=tuple(sorted(segments, key=lambda one: (one.start_ms, one.contract_title))),
        pending=pending,
    )


def _show_arrived(
    segments: list[DiarySegment], start_ms: int, pieces: list[Interval], contract: Contract, device: UUID, now: Moment
) -> None:
    """Put time into the segment that it arrives in, or into one that begins with it."""
    for number, one in enumerate(segments):
        if (one.segment.contract, one.start_ms) == (contract.id, start_ms):
            segments[number] = _showing(one, enlarged(one.segment, pieces, RevisionReason.ADDED))
            return
    base = begun(
        contract.id, device, start_ms, policy_version=contract.policy.version, clock_offset_ms=now.clock_offset_ms
    )
    segment = enlarged(base, pieces, RevisionReason.ADDED)
    segments.append(
        DiarySegment(
            contract_title=contract.title,
            client=contract.client,
            start_ms=start_ms,
            worked_ms=segment.worked_ms,
            billable_ms=segment.worked_ms,
            over_limit_ms=0,
            intervals=(),
            sync_state="recording",
            detail=None,
            segment=segment,
        )
    )


def _showing(one: DiarySegment, segment: Segment) -> DiarySegment:
    return structs.replace(
        one,
        segment=segment,
        worked_ms=segment.worked_ms,
        billable_ms=min(one.billable_ms, segment.worked_ms),
        over_limit_ms=min(one.over_limit_ms, segment.worked_ms),
        intervals=(),
    )


def _day_of(start_ms: int) -> str:
    return datetime.fromtimestamp(start_ms / 1000, UTC).date().isoformat()
