"""The timer as a pure state machine: `transition(state, event, now)` gives the next state and what is to be recorded.

Timers only send ticks: whether a tick means worked time, idleness or a suspended machine is decided here, from the
moments alone (PRODUCT.md, "Time"). Between ticks, `looked` only notes that the machine ran: a suspension that no
signal announced ends what is worked at the last look.
"""

import enum
from dataclasses import dataclass, field, replace
from typing import assert_never
from uuid import UUID

from tracker.domain.clock import Moment
from tracker.domain.errors import RefusedError
from tracker.domain.events import (
    Assign,
    ContractEnded,
    Declare,
    Declared,
    Discard,
    Effect,
    Event,
    Keep,
    Lock,
    NewTerms,
    Notice,
    SetLabel,
    SetMemo,
    Start,
    Stop,
    Suspend,
    TakeAway,
    TakenOver,
    Terms,
    Tick,
    Told,
    Unlock,
    Worked,
)
from tracker.domain.segment import Interval, whole_characters
from wire.week import DAY_MS, day_start_ms, week_start_ms
from wire.words import Kind

TICK_S = 5
LOOK_S = 1
SUSPENSION_MS = 1000  # a boot-time clock ahead of the monotonic one by more than this was suspended, not misread
_MISREAD_MS = 50  # how far apart two clocks are read at the worst, so that a start seems to lie before a stop


class Phase(enum.StrEnum):
    """Whether time is being recorded."""

    STOPPED = "stopped"
    TRACKING = "tracking"
    PAUSED = "paused"


class PauseReason(enum.StrEnum):
    """Why the timer paused by itself."""

    IDLE = "idle"
    LOCKED = "locked"
    SUSPENDED = "suspended"
    TAKEN_OVER = "taken_over"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in UTC milliseconds, half-open."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class State:
    """Where the timer stands.

    While tracking, `counted` is the moment up to which time is recorded and `last_input_ms` (monotonic) the newest
    sign of the person; unless stopped, `seen` is the last moment looked at. While paused, `away` are the stretches in
    which the machine ran, which the person may keep as manual time. `started_ms`, `paused_since_ms` and
    `recorded_to_ms` (the end of the newest time recorded) are UTC, `session_ms` is
    worked time since the start. A screen that is locked is never tracked on, unless work is declared.
    """

    phase: Phase = Phase.STOPPED
    contract: UUID | None = None
    memo: str = ""
    label: str | None = None
    declared: Declared | None = None
    terms: Terms = field(default_factory=Terms)
    started_ms: int = 0
    counted: Moment | None = None
    last_input_ms: int = 0
    session_ms: int = 0
    pause_reason: PauseReason | None = None
    paused_since_ms: int | None = None
    seen: Moment | None = None
    away: tuple[Span, ...] = ()
    is_locked: bool = False
    recorded_to_ms: int = 0

    @property
    def is_over_limit(self) -> bool:
        """Whether time is being tracked beyond the weekly limit."""
        return self.phase is Phase.TRACKING and _is_used_up(self.terms.limit_left_ms)

    @property
    def idle_cut_ms(self) -> int | None:
        """The instant (UTC) from which idleness may still take time away; None where it cannot."""
        last = self.counted or self.seen
        if last is None or (self.phase is Phase.PAUSED and self.pause_reason is not PauseReason.LOCKED):
            return None
        return last.utc_ms if self.declared else min(last.utc_ms, last.utc_ms - last.mono_ms + self.last_input_ms)


Step = tuple[State, tuple[Effect, ...]]


def transition(state: State, event: Event, now: Moment) -> Step:
    """Count the time up to now and handle one event.

    Raises:
        RefusedError: the policy does not allow what was asked for, or there is nothing it could apply to. The state
            given is still the one to go on from: the next event counts the time that this one did not.
    """
    if isinstance(event, Tick) and state.phase is Phase.TRACKING:
        state = replace(state, last_input_ms=max(state.last_input_ms, min(event.last_input_ms, now.mono_ms)))
    state, counted = _advance(state, now)
    state, handled = _handle(state, event, now)
    state, settled = _settled(state)
    return state, counted + handled + settled


def looked(state: State, now: Moment) -> State:
    """Note that the machine ran on until now; neither counts nor records, so nothing needs to be committed.

    To be called at least every `LOOK_S` seconds unless stopped. After a suspension the state stays as it was, for the
    next event to end the work at the look before.
    """
    if state.seen is None or has_slept(state, now):
        return state
    return _stayed_away(state, _carried_on(state.seen, now))


def has_slept(state: State, now: Moment) -> bool:
    """Tell whether the machine was suspended since the last look, so that a tick is due at once."""
    if state.seen is None:
        return False
    return (now.boot_ms - state.seen.boot_ms) - max(0, now.mono_ms - state.seen.mono_ms) > SUSPENSION_MS


def idle_due_ms(state: State) -> int | None:
    """Give when (monotonic) the idle limit is reached if no input comes; None where idleness is not looked for.

    To be ticked at: an input just after it would hide it, and the end of the program would leave it uncut.
    """
    is_watched = state.phase is Phase.TRACKING or state.pause_reason is PauseReason.LOCKED
    if not is_watched or state.declared is not None:
        return None
    return state.last_input_ms + state.terms.idle_limit_s * 1000


def shifted(state: State, by_ms: int) -> State:
    """Move the state's timestamps: what was provisional has been corrected by so many milliseconds."""
    return replace(
        state,
        started_ms=state.started_ms + by_ms,
        counted=_shifted_moment(state.counted, by_ms),
        seen=_shifted_moment(state.seen, by_ms),
        paused_since_ms=None if state.paused_since_ms is None else state.paused_since_ms + by_ms,
        away=tuple(Span(span.start_ms + by_ms, span.end_ms + by_ms) for span in state.away),
        recorded_to_ms=state.recorded_to_ms + by_ms,
    )


def _shifted_moment(moment: Moment | None, by_ms: int) -> Moment | None:
    if moment is None:
        return None
    return replace(
        moment, utc_ms=moment.utc_ms + by_ms, clock_offset_ms=moment.clock_offset_ms + by_ms, is_provisional=False
    )


def _handle(state: State, event: Event, now: Moment) -> Step:  # noqa: PLR0911, PLR0912 (a line an event)
    match event:
        case Tick():
            return state, ()
        case Start():
            return _started(state, event, now), ()
        case Stop():
            return _stopped(state), ()
        case SetMemo(memo):
            return replace(state, memo=whole_characters(memo)), ()
        case SetLabel(label):
            return replace(state, label=_whole(label)), ()
        case Declare(declared):
            return _declared(state, declared), ()
        case Discard():
            return _resumed(state), ()
        case Keep():
            return _kept(state)
        case Assign():
            return _assigned(state, event)
        case Lock():
            return replace(state, is_locked=True), ()
        case Unlock():
            return _unlocked(replace(state, is_locked=False)), ()
        case Suspend():
            return _suspended(state)
        case NewTerms(terms):
            return _renegotiated(state, terms)
        case ContractEnded():
            return (state, ()) if state.phase is Phase.STOPPED else (_stopped(state), (Told(Notice.CONTRACT_ENDED),))
        case TakenOver(at_ms):
            return _taken_over(state, at_ms, now)
        case _:
            assert_never(event)


# Time


def _advance(state: State, now: Moment) -> Step:
    """Go on to now: count what was worked, find idleness and suspension.

    What lies between the last look and the discovery of a suspension is nobody's: part of it was before, part after,
    and no clock tells how much.
    """
    if state.seen is None:
        return state, ()
    if not has_slept(state, now):
        return _run(state, _carried_on(state.seen, now))
    seen_ms = state.seen.utc_ms
    state, effects = _run(state, state.seen)
    if state.phase is Phase.STOPPED:
        return state, effects
    state, told = _suspended(state)
    return replace(state, seen=now, terms=_renewed(state.terms, seen_ms, now.utc_ms)), effects + told


def _carried_on(last: Moment, now: Moment) -> Moment:
    """Give now as the monotonic clock carries the last moment on.

    The two clocks are read one after the other and rounded; by themselves they would make gaps and overlaps of a
    millisecond or more.
    """
    passed_ms = max(0, now.mono_ms - last.mono_ms)
    return replace(_later(last, passed_ms), clock_offset_ms=now.clock_offset_ms, is_provisional=now.is_provisional)


def _later(moment: Moment, ms: int) -> Moment:
    return replace(moment, utc_ms=moment.utc_ms + ms, boot_ms=moment.boot_ms + ms, mono_ms=moment.mono_ms + ms)


def _run(state: State, to: Moment) -> Step:
    """Go on to a moment before which the machine did not sleep."""
    effects: tuple[Effect, ...] = ()
    while state.counted is not None and state.contract is not None:
        stretch_ms = _stretch_ms(state, state.counted, to)
        if stretch_ms <= 0:
            break
        state, more = _counted(state, state.contract, state.counted, stretch_ms)
        effects += more
    if _is_idle(state, to):
        state, more = _idled(state, to)
        effects += more
    return _stayed_away(state, to), effects


def _stretch_ms(state: State, counted: Moment, to: Moment) -> int:
    """Give how much can be counted in one go: to the last input if idle, midnight, or the end of what is allowed."""
    end_ms = state.last_input_ms if _is_idle(state, to) else to.mono_ms
    stretch_ms = min(end_ms - counted.mono_ms, day_start_ms(counted.utc_ms) + DAY_MS - counted.utc_ms)
    if state.declared is not None:
        stretch_ms = min(stretch_ms, state.terms.declared_left_ms)
    if state.terms.stops_at_limit and state.terms.limit_left_ms is not None:
        stretch_ms = min(stretch_ms, state.terms.limit_left_ms)
    return stretch_ms


def _counted(state: State, contract: UUID, counted: Moment, ms: int) -> Step:
    """Record so many milliseconds of work."""
    to = _later(counted, ms)
    kind = Kind.TRACKED if state.declared is None else Kind.DECLARED
    worked = Worked(Interval(contract, counted.utc_ms, to.utc_ms, kind, state.memo, state.label))
    terms = _less_limit(state.terms, ms)
    if state.declared is not None:
        terms = replace(terms, declared_left_ms=terms.declared_left_ms - ms)
    state, told = _with_terms(state, _renewed(terms, counted.utc_ms, to.utc_ms))
    state, settled = _settled(
        replace(state, counted=to, recorded_to_ms=to.utc_ms, session_ms=state.session_ms + ms, seen=to)
    )
    return state, (worked, *told, *settled)


def _is_idle(state: State, to: Moment) -> bool:
    """Tell whether the last input lies an idle limit back; a locked screen hides no idleness that led to it."""
    due_ms = idle_due_ms(state)
    return due_ms is not None and to.mono_ms >= due_ms


def _idled(state: State, to: Moment) -> Step:
    """Pause as of the last input, and take away what was counted and pictured since."""
    last = state.counted or state.seen
    if last is None:
        return state, ()
    since_ms = last.utc_ms + state.last_input_ms - last.mono_ms
    paused = _paused(_taken_away(state, since_ms), PauseReason.IDLE, last)
    away = (Span(since_ms, last.utc_ms),) if since_ms < last.utc_ms else ()
    paused = replace(paused, paused_since_ms=since_ms, away=away)
    return paused, (TakeAway(since_ms, to.utc_ms), Told(Notice.IDLE))


def _taken_away(state: State, from_ms: int) -> State:
    """Give back to session and limit what was counted from an instant (UTC) on."""
    until_ms = state.paused_since_ms if state.counted is None else state.counted.utc_ms
    from_ms = max(from_ms, state.started_ms)
    if until_ms is None or from_ms >= until_ms:
        return state
    since_ms = max(from_ms, week_start_ms(until_ms))
    return replace(
        state,
        terms=_less_limit(state.terms, since_ms - until_ms),
        session_ms=state.session_ms - (until_ms - from_ms),
        recorded_to_ms=from_ms,
    )


# What the terms allow


def _is_used_up(left_ms: int | None) -> bool:
    return left_ms is not None and left_ms <= 0


def _less_limit(terms: Terms, ms: int) -> Terms:
    return terms if terms.limit_left_ms is None else replace(terms, limit_left_ms=terms.limit_left_ms - ms)


def _renewed(terms: Terms, before_ms: int, after_ms: int) -> Terms:
    """Allow what a new UTC day and a new billing week allow, if one began between two instants (UTC)."""
    if day_start_ms(before_ms) == day_start_ms(after_ms):
        return terms
    if week_start_ms(before_ms) != week_start_ms(after_ms):
        terms = replace(terms, limit_left_ms=terms.limit_per_week_ms)
    return replace(terms, declared_left_ms=terms.declared_per_day_ms)


def _with_terms(state: State, terms: Terms) -> Step:
    """Go on by other terms; says so when they reach the limit (where it stops the timer, `_settled` says it)."""
    was_over, state = state.is_over_limit, replace(state, terms=terms)
    is_told = state.is_over_limit and not was_over and not terms.stops_at_limit
    return state, (Told(Notice.LIMIT_REACHED),) if is_told else ()


def _renegotiated(state: State, terms: Terms) -> Step:
    """Go on by other terms from now; a shorter idle limit may be up already, and input to come must not hide that."""
    state, told = _with_terms(state, terms)
    state, settled = _settled(state)
    if state.seen is None:
        return state, told + settled
    state, idled = _run(state, state.seen)
    return state, told + settled + idled


def _settled(state: State) -> Step:
    """End what may not go on: tracking at the limit, declared time that is used up, tracking a locked screen."""
    if state.counted is None:
        return state, ()
    if state.terms.stops_at_limit and state.is_over_limit:
        return _stopped(state), (Told(Notice.LIMIT_REACHED),)
    effects: tuple[Effect, ...] = ()
    if state.declared is not None and state.terms.declared_left_ms <= 0:
        state = replace(state, declared=None, last_input_ms=max(state.last_input_ms, state.counted.mono_ms))
        effects = (Told(Notice.DECLARED_TIME_USED),)
    if state.is_locked and state.declared is None and state.counted is not None:
        state = _paused(state, PauseReason.LOCKED, state.counted)
        effects += (Told(Notice.LOCKED),)
    return state, effects


# Starting and stopping


def _started(state: State, event: Start, now: Moment) -> State:
    """Start, or switch without a gap; a break may have brought in a corrected timestamp, so then it starts by now."""
    if event.terms.stops_at_limit and _is_used_up(event.terms.limit_left_ms):
        raise RefusedError(
            "This week's limit is used up, and the timer is set to stop there; choose to track on, or wait for Monday."
        )
    at = state.counted or _after(now, state.recorded_to_ms)
    return State(
        phase=Phase.TRACKING,
        contract=event.contract,
        memo=whole_characters(event.memo),
        label=_whole(event.label),
        terms=event.terms,
        started_ms=at.utc_ms,
        counted=at,
        last_input_ms=at.mono_ms,
        seen=at,
        is_locked=state.is_locked,
        recorded_to_ms=state.recorded_to_ms,
    )


def _after(moment: Moment, recorded_to_ms: int) -> Moment:
    """Give a moment that a misread clock puts before what is recorded; more than a misreading is the caller's word."""
    is_misread = 0 < recorded_to_ms - moment.utc_ms <= _MISREAD_MS
    return replace(moment, utc_ms=recorded_to_ms) if is_misread else moment


def _stopped(state: State) -> State:
    return State(
        contract=state.contract,
        memo=state.memo,
        label=state.label,
        is_locked=state.is_locked,
        recorded_to_ms=state.recorded_to_ms,
    )


def _whole(label: str | None) -> str | None:
    return None if label is None else whole_characters(label)


def _declared(state: State, declared: Declared | None) -> State:
    if declared is None and state.declared is None:
        return state
    if state.counted is None:
        raise RefusedError("Start the timer first; reading and meetings are declared while it runs.")
    if declared is not None and state.terms.declared_left_ms <= 0:
        raise RefusedError("This contract has no declared time left today.")
    return replace(state, declared=declared, last_input_ms=state.counted.mono_ms)


# Pauses


def _paused(state: State, reason: PauseReason, at: Moment) -> State:
    """Pause as of a moment; the time away begins there."""
    return replace(
        state, phase=Phase.PAUSED, counted=None, declared=None, pause_reason=reason, paused_since_ms=at.utc_ms,
        seen=at, away=(),
    )  # fmt: skip


def _suspended(state: State) -> Step:
    """Pause; a locked screen's pause becomes one that ends only when the person says so."""
    if state.counted is not None:
        return _paused(state, PauseReason.SUSPENDED, state.counted), (Told(Notice.SUSPENDED),)
    if state.pause_reason is PauseReason.LOCKED:
        return replace(state, pause_reason=PauseReason.SUSPENDED), (Told(Notice.SUSPENDED),)
    return state, ()


def _stayed_away(state: State, to: Moment) -> State:
    """Note that the machine ran up to a moment; in a pause this is time away, unless another device has it."""
    if state.phase is not Phase.PAUSED or state.seen is None or to.mono_ms <= state.seen.mono_ms:
        return state if state.seen is None else replace(state, seen=to)
    away = state.away
    if state.pause_reason is not PauseReason.TAKEN_OVER:
        span = Span(state.seen.utc_ms, to.utc_ms)
        if away and away[-1].end_ms == span.start_ms:
            away, span = away[:-1], Span(away[-1].start_ms, span.end_ms)
        away = (*away, span)
    return replace(state, seen=to, away=away, terms=_renewed(state.terms, state.seen.utc_ms, to.utc_ms))


def _resumed(state: State) -> State:
    """Track on, on the same contract."""
    if state.seen is None or state.phase is not Phase.PAUSED:
        raise RefusedError("The timer is not paused, so there is no time away to decide about.")
    at = _after(state.seen, state.recorded_to_ms)
    return replace(
        state, phase=Phase.TRACKING, started_ms=at.utc_ms, counted=at, last_input_ms=at.mono_ms, session_ms=0,
        pause_reason=None, paused_since_ms=None, seen=at, away=(),
    )  # fmt: skip


def _unlocked(state: State) -> State:
    """Track on after a lock; one that idleness or a suspension made longer waits for the person's choice."""
    if state.pause_reason is not PauseReason.LOCKED:
        return state
    return replace(_resumed(state), session_ms=state.session_ms)


def _kept(state: State) -> Step:
    resumed = _resumed(state)
    if not state.terms.allows_manual_time:
        raise RefusedError("This contract allows no manual time, so the time away cannot be kept.")
    this_week_ms = week_start_ms(resumed.started_ms)
    kept_ms = sum(span.end_ms - max(span.start_ms, this_week_ms) for span in state.away if span.end_ms > this_week_ms)
    resumed, told = _with_terms(resumed, _less_limit(resumed.terms, kept_ms))
    resumed, manual = _manual(resumed, state.away, state.contract, state.memo, state.label)
    return resumed, manual + told


def _assigned(state: State, event: Assign) -> Step:
    resumed = _resumed(state)
    if event.contract == state.contract:
        raise RefusedError("The timer is on that contract; keep the time away instead.")
    if not event.terms.allows_manual_time:
        raise RefusedError("That contract allows no manual time, so the time away cannot be assigned to it.")
    if not event.memo.strip():
        raise RefusedError("Say what you did in the time away: time assigned to another contract needs its own memo.")
    return _manual(resumed, state.away, event.contract, event.memo, None)


def _manual(state: State, away: tuple[Span, ...], contract: UUID | None, memo: str, label: str | None) -> Step:
    if contract is None or not away:
        return state, ()
    memo = whole_characters(memo)
    return replace(state, recorded_to_ms=away[-1].end_ms), tuple(
        Worked(Interval(contract, span.start_ms, span.end_ms, Kind.MANUAL, memo, label)) for span in away
    )


def _taken_over(state: State, at_ms: int, now: Moment) -> Step:
    """Leave the time from an instant on to the other device, also what was recorded before a pause or a stop."""
    is_told = state.phase is not Phase.STOPPED and state.pause_reason is not PauseReason.TAKEN_OVER
    until_ms = max(now.utc_ms, state.recorded_to_ms)
    effects: tuple[Effect, ...] = (TakeAway(at_ms, until_ms),) if at_ms < until_ms else ()
    if is_told:
        effects += (Told(Notice.TAKEN_OVER),)
    cut = _taken_away(state, at_ms)
    if cut.counted is not None:
        cut = replace(_paused(cut, PauseReason.TAKEN_OVER, cut.counted), paused_since_ms=min(at_ms, cut.counted.utc_ms))
    elif cut.paused_since_ms is not None:
        away = tuple(Span(one.start_ms, min(one.end_ms, at_ms)) for one in cut.away if one.start_ms < at_ms)
        cut = replace(
            cut, pause_reason=PauseReason.TAKEN_OVER, paused_since_ms=min(at_ms, cut.paused_since_ms), away=away
        )
    return cut, effects
