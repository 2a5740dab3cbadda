"""What a person changes of recorded time until the week's lock: operations on a contract and a range of UTC.

Ranges are half-open, in milliseconds since the epoch. Everything here is pure: what an edit makes of intervals, and
whether it may be made (PRODUCT.md, "Time" and "The billing week").
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from tracker.domain.errors import RefusedError
from tracker.domain.segment import LABEL_LIMIT, MEMO_LIMIT, Interval, segment_start_ms, split
from tracker.domain.session import Phase, State
from wire.week import lock_ms, week_start_ms
from wire.words import SEGMENT_MS, Kind

UNDO_MS = 10_000
_LAST_MS = 253_370_000_000_000  # in the year 9998: its lock can be written, too
_MOST_FREE = 5  # ranges named in one sentence


@dataclass(frozen=True, slots=True)
class Describe:
    """Give time another memo or label; None leaves it as it is, an empty label takes it away."""

    contract: UUID
    from_ms: int
    to_ms: int
    memo: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """Take time away, of a part of a segment or of whole ones."""

    contract: UUID
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Move:
    """Give time to another contract, where it is manual time with a memo of its own."""

    contract: UUID
    from_ms: int
    to_ms: int
    target: UUID
    memo: str


@dataclass(frozen=True, slots=True)
class Add:
    """Add manual time to a contract."""

    contract: UUID
    from_ms: int
    to_ms: int
    memo: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Withhold:
    """Withhold the pictures taken in a range; the time stays."""

    contract: UUID
    from_ms: int
    to_ms: int


Edit = Describe | Remove | Move | Add | Withhold


@dataclass(frozen=True, slots=True)
class Gaining:
    """The contract that an edit gives manual time to, as far as it decides whether it may have it."""

    title: str
    is_active: bool
    allows_manual_time: bool
    started_ms: int


# What becomes of intervals


def after(intervals: Iterable[Interval], edit: Edit) -> tuple[Interval, ...]:
    """Give the intervals after an edit, in order; not a millisecond changes besides what is meant."""
    edited = [piece for interval in intervals for piece in _pieces(interval, edit)]
    if isinstance(edit, Add):
        edited += added(edit)
    return tuple(sorted(edited, key=lambda one: (one.start_ms, one.contract)))


def added(edit: Add) -> tuple[Interval, ...]:
    """Give the intervals that an edit adds, one a segment."""
    label = edit.label or None
    return tuple(split(Interval(edit.contract, edit.from_ms, edit.to_ms, Kind.MANUAL, edit.memo, label)))


def overlaps(interval: Interval, edit: Edit) -> bool:
    """Tell whether an edit is about any of an interval."""
    return interval.contract == edit.contract and interval.start_ms < edit.to_ms and edit.from_ms < interval.end_ms


def segments_of(edit: Edit) -> range:
    """Give the starts of the segments that an edit reaches into."""
    return range(segment_start_ms(edit.from_ms), edit.to_ms, SEGMENT_MS)


def joined(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Make one of neighbours in a segment that differ in nothing; the intervals are in order."""
    together: list[Interval] = []
    for one in intervals:
        last = together[-1] if together else None
        if (
            last is not None
            and last.end_ms == one.start_ms
            and segment_start_ms(last.start_ms) == segment_start_ms(one.start_ms)
            and (last.contract, last.kind, last.memo, last.label) == (one.contract, one.kind, one.memo, one.label)
        ):
            together[-1] = replace(last, end_ms=one.end_ms)
        else:
            together.append(one)
    return tuple(together)


def _pieces(interval: Interval, edit: Edit) -> Iterator[Interval]:
    if not overlaps(interval, edit) or isinstance(edit, Add | Withhold):
        yield interval
        return
    start_ms, end_ms = max(interval.start_ms, edit.from_ms), min(interval.end_ms, edit.to_ms)
    if interval.start_ms < start_ms:
        yield replace(interval, end_ms=start_ms)
    match edit:
        case Describe(memo=memo, label=label):
            yield replace(
                interval,
                start_ms=start_ms,
                end_ms=end_ms,
                memo=interval.memo if memo is None else memo,
                label=interval.label if label is None else label or None,
            )
        case Move(target=target, memo=memo):
            yield Interval(target, start_ms, end_ms, Kind.MANUAL, memo)
        case Remove():
            pass
    if end_ms < interval.end_ms:
        yield replace(interval, start_ms=end_ms)


# Whether it may be made


def undecided_ms(state: State) -> int | None:
    """Give the instant from which time may still be taken away by idleness or kept after a pause; None: no such."""
    open_ms = [state.idle_cut_ms, state.paused_since_ms if state.phase is Phase.PAUSED else None]
    return min((one for one in open_ms if one is not None), default=None)


def check(
    edit: Edit,
    recorded: Sequence[Interval],
    *,
    asked_ms: int,
    undecided_from_ms: int | None,
    gaining: Gaining | None,
) -> None:
    """Hold an edit to the rules.

    Args:
        edit: what is to be done.
        recorded: all that is recorded on this device in the edit's range, of every contract, in order.
        asked_ms: marketplace time when the person asked for it.
        undecided_from_ms: as `undecided_ms` gives it.
        gaining: the contract that is to get time, for Add and Move.

    Raises:
        RefusedError: it may not be made.
    """
    _check_range(edit, asked_ms)
    if gaining is not None and isinstance(edit, Add | Move):
        _check_gaining(edit, gaining)
    _check_words(edit)
    if isinstance(edit, Add):
        _check_free(edit, recorded, asked_ms, undecided_from_ms)
    elif not isinstance(edit, Withhold):
        _check_touched(edit, recorded, undecided_from_ms)


def free_ranges(recorded: Iterable[Interval], from_ms: int, to_ms: int) -> list[tuple[int, int]]:
    """Give the stretches of a range in which nothing is recorded; the intervals are in order."""
    free, start_ms = list[tuple[int, int]](), from_ms
    for one in recorded:
        if one.start_ms > start_ms:
            free.append((start_ms, min(one.start_ms, to_ms)))
        start_ms = max(start_ms, one.end_ms)
    if start_ms < to_ms:
        free.append((start_ms, to_ms))
    return free


def check_span(from_ms: int, to_ms: int) -> None:
    """Hold an edit's range to what can be said of it alone.

    Raises:
        RefusedError: it is empty, reaches into two billing weeks, or is of no time that a calendar knows.
    """
    if to_ms <= from_ms:
        raise RefusedError("The range ends before it begins. Give --from before --to.")
    if from_ms < 0 or to_ms > _LAST_MS:
        raise RefusedError("That was before there were computers, or is in no calendar. Give another day.")
    if week_start_ms(from_ms) != week_start_ms(to_ms - 1):
        raise RefusedError(
            "The range reaches over Monday 00:00 UTC, into another billing week. Edit the part before it and the part "
            "after it one by one."
        )


def _check_range(edit: Edit, asked_ms: int) -> None:
    check_span(edit.from_ms, edit.to_ms)
    if lock_ms(edit.from_ms) <= asked_ms and not isinstance(edit, Remove | Withhold):
        raise RefusedError(
            f"The week was locked at {instant_text(lock_ms(edit.from_ms))} and billed. Its time can only be lowered "
            "now, or its pictures withheld."
        )


def _check_gaining(edit: Add | Move, gaining: Gaining) -> None:
    if isinstance(edit, Move) and edit.target == edit.contract:
        raise RefusedError(f"The time is on “{gaining.title}” already. Name another contract to move it to.")
    if not gaining.is_active:
        raise RefusedError(f"The contract “{gaining.title}” is not active; no time can be added to it.")
    if not gaining.allows_manual_time:
        raise RefusedError(f"The contract “{gaining.title}” does not allow manual time, so it can get none by hand.")
    if edit.from_ms < gaining.started_ms:
        raise RefusedError(
            f"The contract “{gaining.title}” started at {instant_text(gaining.started_ms)}; no time can be added "
            "before that."
        )
    if not edit.memo.strip():
        raise RefusedError("Time added by hand needs a memo. Say what was done.")


def _check_words(edit: Edit) -> None:
    if isinstance(edit, Describe) and edit.memo is None and edit.label is None:
        raise RefusedError("There is nothing to change. Give a memo or a label.")
    memo = edit.memo if isinstance(edit, Describe | Move | Add) else None
    label = edit.label if isinstance(edit, Describe | Add) else None
    if memo is not None and len(memo) > MEMO_LIMIT:
        raise RefusedError(f"A memo can have at most {MEMO_LIMIT:,} characters. Shorten it.")
    if label is not None and len(label) > LABEL_LIMIT:
        raise RefusedError(f"A label can have at most {LABEL_LIMIT} characters. Shorten it.")


def _check_free(edit: Add, recorded: Sequence[Interval], asked_ms: int, undecided_from_ms: int | None) -> None:
    if edit.to_ms > asked_ms:
        raise RefusedError(
            f"It is {instant_text(asked_ms)} by the marketplace's clock; no time can be added in the future."
        )
    if undecided_from_ms is not None and edit.to_ms > undecided_from_ms:
        raise RefusedError(
            f"What the time from {instant_text(undecided_from_ms)} on was, the timer has still to decide. Stop it "
            "first, or add time before that."
        )
    taken = [one for one in recorded if one.start_ms < edit.to_ms and edit.from_ms < one.end_ms]
    if taken:
        free = free_ranges(taken, edit.from_ms, edit.to_ms)
        named = [f"{instant_text(start_ms)} to {instant_text(end_ms)}" for start_ms, end_ms in free[:_MOST_FREE]]
        said = f"Free are: {', '.join(named)}" if free else "Nothing of this range is free"
        more = f", and {len(free) - _MOST_FREE} more" if len(free) > _MOST_FREE else ""
        raise RefusedError(f"You worked then already, and nobody works twice at once. {said}{more}.")


def _check_touched(edit: Edit, recorded: Sequence[Interval], undecided_from_ms: int | None) -> None:
    touched = [one for one in recorded if overlaps(one, edit)]
    if not touched:
        raise RefusedError(
            f"Nothing of this contract is recorded from {instant_text(edit.from_ms)} to {instant_text(edit.to_ms)}. "
            "See what is with: daybook diary"
        )
    last_ms = max(min(one.end_ms, edit.to_ms) for one in touched)
    if undecided_from_ms is not None and last_ms > undecided_from_ms:
        raise RefusedError(
            f"The time from {instant_text(undecided_from_ms)} on may still be taken away by idleness. Stop the timer "
            "first, or edit what lies before that."
        )


def instant_text(utc_ms: int) -> str:
    """Write an instant for a sentence, with milliseconds where it has any."""
    instant = datetime.fromtimestamp(utc_ms / 1000, UTC)
    part = f".{utc_ms % 1000:03}" if utc_ms % 1000 else ""
    return f"{instant:%Y-%m-%d %H:%M:%S}{part} UTC"
