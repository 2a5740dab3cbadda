"""The timer as a pure state machine: `transition(state, event, now)` gives the next state and what is to be recorded.

Timers only send ticks: whether a tick means worked time, idleness or a suspended machine is decided here, from the
moments alone (PRODUCT.md, "Time").
"""

import enum
from dataclasses import dataclass, replace
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
from wire.words import Kind

TICK_S = 5
SUSPENSION_MS = 1000  # a boot-time clock ahead of the monotonic one by more than this was suspended, not skewed


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
    sign of the person; while paused, `seen` is the last moment looked at, and `away` the stretches in which the machine
    ran, which the person may keep as manual time. `started_ms` and `paused_since_ms` are UTC, `session_ms` is worked
    time since the start.
    """

    phase: Phase = Phase.STOPPED
    contract: UUID | None = None
    memo: str = ""
    label: str | None = None
    declared: Declared | None = None
    terms: Terms = Terms()
    started_ms: int = 0
    counted: Moment | None = None
    last_input_ms: int = 0
    session_ms: int = 0
    pause_reason: PauseReason | None = None
    paused_since_ms: int | None = None
    seen: Moment | None = None
    away: tuple[Span, ...] = ()
    is_locked: bool = False

    @property
    def is_over_limit(self) -> bool:
        """Whether time is being tracked beyond the weekly limit."""
        left_ms = self.terms.limit_left_ms
        return self.phase is Phase.TRACKING and left_ms is not None and left_ms <= 0


Step = tuple[State, tuple[Effect, ...]]


def transition(state: State, event: Event, now: Moment) -> Step:
    """Count the time up to now and handle one event.

    Raises:
        RefusedError: the policy does not allow what was asked for, or there is nothing it could apply to; the state
            stays as it is.
    """
    if isinstance(event, Tick):
        state = replace(state, last_input_ms=max(state.last_input_ms, event.last_input_ms))
    state, effects = _advance(state, now)
    state, more = _handle(state, event, now)
    return state, effects + more


def shifted(state: State, by_ms: int) -> State:
    """Move the state's timestamps: what was provisional has been corrected by so many milliseconds."""
    return replace(
        state,
        started_ms=state.started_ms + by_ms,
        counted=_shifted_moment(state.counted, by_ms),
        seen=_shifted_moment(state.seen, by_ms),
        paused_since_ms=None if state.paused_since_ms is None else state.paused_since_ms + by_ms,
        away=tuple(Span(span.start_ms + by_ms, span.end_ms + by_ms) for span in state.away),
    )


def _shifted_moment(moment: Moment | None, by_ms: int) -> Moment | None:
    return None if moment is None else replace(moment, utc_ms=moment.utc_ms + by_ms, is_provisional=False)


def _handle(state: State, event: Event, now: Moment) -> Step:  # noqa: PLR0911, PLR0912 (a line an event)
    match event:
        case Tick():
            return state, ()
        case Start():
            return _started(event, now, is_locked=state.is_locked), ()
        case Stop():
            return _stopped(state), ()
        case SetMemo(memo):
            return replace(state, memo=whole_characters(memo)), ()
        case SetLabel(label):
            return replace(state, label=label and whole_characters(label)), ()
        case Declare(declared):
            return _declare(state, declared, now)
        case Discard():
            return _resumed(_require_pause(state), now), ()
        case Keep():
            return _keep(state, now)
        case Assign():
            return _assign(state, event, now)
        case Lock():
            return _lock(replace(state, is_locked=True), now)
        case Unlock():
            return _unlock(replace(state, is_locked=False), now), ()
        case Suspend():
            return _pause(state, PauseReason.SUSPENDED, now)
        case NewTerms(terms):
            return replace(state, terms=terms), ()
        case ContractEnded():
            if state.phase is Phase.STOPPED:
                return state, ()
            return _stopped(state), (Told(Notice.CONTRACT_ENDED),)
        case TakenOver(at_ms):
            return _take_over(state, at_ms, now)
        case _:
            assert_never(event)


# Time


def _advance(state: State, now: Moment) -> Step:
    """Count the time since the last moment: worked, or ended by suspension or idleness."""
    if state.phase is Phase.PAUSED and state.seen is not None:
        return _stay_away(state, now, state.seen), ()
    if state.phase is not Phase.TRACKING or state.counted is None:
        return state, ()
    counted_ms = state.counted.utc_ms
    passed_ms = now.mono_ms - state.counted.mono_ms
    suspended_ms = now.boot_ms - state.counted.boot_ms - passed_ms
    idle_ms = now.mono_ms - state.last_input_ms
    if state.declared is None and idle_ms >= state.terms.idle_limit_s * 1000:
        state, effects = _count(state, now, passed_ms - idle_ms)
        return _go_idle(state, effects, counted_ms + passed_ms - idle_ms, now)
    state, effects = _count(state, now, passed_ms)
    if suspended_ms <= SUSPENSION_MS:
        return state, effects
    state, more = _pause(state, PauseReason.SUSPENDED, now)
    return state, effects + more


def _count(state: State, now: Moment, passed_ms: int) -> Step:
    """Count so many milliseconds on from the counted moment; declared time and the limit may end within them."""
    effects: list[Effect] = []
    while passed_ms > 0 and state.phase is Phase.TRACKING and state.counted and state.contract:
        piece_ms = passed_ms
        if state.declared is not None:
            piece_ms = min(piece_ms, state.terms.declared_left_ms)
        if state.terms.stops_at_limit and state.terms.limit_left_ms is not None:
            piece_ms = min(piece_ms, max(0, state.terms.limit_left_ms))
        passed_ms -= piece_ms
        if piece_ms:
            end_ms = state.counted.utc_ms + piece_ms
            kind = Kind.TRACKED if state.declared is None else Kind.DECLARED
            effects.append(
                Worked(Interval(state.contract, state.counted.utc_ms, end_ms, kind, state.memo, state.label))
            )
        state, told = _spend(state, now, piece_ms)
        effects += told
    return state, tuple(effects)


def _spend(state: State, now: Moment, worked_ms: int) -> Step:
    """Take counted time from what is left of the limit and of declared time, and act on what has run out."""
    if state.counted is None:
        return state, ()
    told: list[Effect] = []
    terms, declared, last_input_ms = state.terms, state.declared, state.last_input_ms
    counted = replace(now, utc_ms=state.counted.utc_ms + worked_ms)
    if terms.limit_left_ms is not None:
        left_ms = terms.limit_left_ms - worked_ms
        if left_ms <= 0 < terms.limit_left_ms:
            told.append(Told(Notice.LIMIT_REACHED))
        terms = replace(terms, limit_left_ms=left_ms)
    if declared is not None:
        terms = replace(terms, declared_left_ms=terms.declared_left_ms - worked_ms)
        if terms.declared_left_ms <= 0:
            declared, last_input_ms = None, now.mono_ms
            told.append(Told(Notice.DECLARED_TIME_USED))
    state = replace(
        state, terms=terms, declared=declared, last_input_ms=last_input_ms, counted=counted,
        session_ms=state.session_ms + worked_ms,
    )  # fmt: skip
    if terms.stops_at_limit and state.is_over_limit:
        state = _stopped(state)
    return state, tuple(told)


def _go_idle(state: State, effects: tuple[Effect, ...], last_input_ms: int, now: Moment) -> Step:
    """Pause as of the last input (UTC), and take away what was counted since."""
    if state.counted is None:  # the limit stopped it before
        return state, effects
    taken_ms = max(0, state.counted.utc_ms - last_input_ms)
    terms = state.terms
    if terms.limit_left_ms is not None:
        terms = replace(terms, limit_left_ms=terms.limit_left_ms + taken_ms)
    state = replace(state, terms=terms, session_ms=state.session_ms - taken_ms)
    state, told = _pause(state, PauseReason.IDLE, now, since_ms=last_input_ms)
    return state, (*effects, TakeAway(last_input_ms), *told)


# Pauses


def _pause(state: State, reason: PauseReason, now: Moment, since_ms: int | None = None) -> Step:
    """Pause a running timer; it stays what it is if it does not run."""
    if state.phase is not Phase.TRACKING or state.counted is None:
        return state, ()
    since_ms = state.counted.utc_ms if since_ms is None else since_ms
    away = (Span(since_ms, state.counted.utc_ms),) if since_ms < state.counted.utc_ms else ()
    if reason is PauseReason.IDLE:
        now_ms = state.counted.utc_ms + now.mono_ms - state.counted.mono_ms
        away = (Span(since_ms, max(now_ms, state.counted.utc_ms)),)
    paused = replace(
        state, phase=Phase.PAUSED, counted=None, declared=None, pause_reason=reason, paused_since_ms=since_ms,
        seen=now, away=away,
    )  # fmt: skip
    return paused, (Told(Notice(reason)),)


def _stay_away(state: State, now: Moment, seen: Moment) -> State:
    """Note the stretch in which the machine ran since the last look; suspended time is nobody's."""
    passed_ms = now.mono_ms - seen.mono_ms
    if passed_ms <= 0:
        return state
    away = Span(seen.utc_ms, seen.utc_ms + passed_ms)
    *earlier, last = state.away or (Span(away.start_ms, away.start_ms),)
    if last.end_ms == away.start_ms:
        away = Span(last.start_ms, away.end_ms)
    else:
        earlier = [*earlier, last]
    return replace(state, seen=now, away=(*earlier, away))


def _require_pause(state: State) -> State:
    if state.phase is not Phase.PAUSED:
        raise RefusedError("The timer is not paused, so there is no time away to decide about.")
    return state


def _resumed(state: State, now: Moment) -> State:
    """Track on, on the same contract, from now."""
    return replace(
        state, phase=Phase.TRACKING, started_ms=now.utc_ms, counted=now, last_input_ms=now.mono_ms, session_ms=0,
        pause_reason=None, paused_since_ms=None, seen=None, away=(),
    )  # fmt: skip


def _keep(state: State, now: Moment) -> Step:
    _require_pause(state)
    if not state.terms.allows_manual_time or state.contract is None:
        raise RefusedError("This contract allows no manual time, so the time away cannot be kept.")
    return _resumed(state, now), _manual(state, state.contract, state.memo)


def _assign(state: State, event: Assign, now: Moment) -> Step:
    _require_pause(state)
    if not event.terms.allows_manual_time:
        raise RefusedError("That contract allows no manual time, so the time away cannot be assigned to it.")
    if not event.memo.strip():
        raise RefusedError("Say what you did in the time away: time assigned to another contract needs its own memo.")
    return _resumed(state, now), _manual(state, event.contract, event.memo)


def _manual(state: State, contract: UUID, memo: str) -> tuple[Effect, ...]:
    memo = whole_characters(memo)
    return tuple(Worked(Interval(contract, one.start_ms, one.end_ms, Kind.MANUAL, memo)) for one in state.away)


def _lock(state: State, now: Moment) -> Step:
    """Pause, except in declared mode: a meeting goes on before a locked screen."""
    return (state, ()) if state.declared is not None else _pause(state, PauseReason.LOCKED, now)


def _unlock(state: State, now: Moment) -> State:
    """Track on after a short lock; after one as long as the idle limit the person says what the time was."""
    if state.pause_reason is not PauseReason.LOCKED or state.paused_since_ms is None:
        return state
    is_short = now.utc_ms - state.paused_since_ms < state.terms.idle_limit_s * 1000
    return replace(_resumed(state, now), session_ms=state.session_ms) if is_short else state


def _take_over(state: State, at_ms: int, now: Moment) -> Step:
    """Leave the time from an instant on to the other device."""
    if state.phase is not Phase.TRACKING or state.counted is None:
        return state, ()
    since_ms = min(at_ms, state.counted.utc_ms)
    taken_ms = min(state.counted.utc_ms - since_ms, state.session_ms)
    state, told = _pause(replace(state, session_ms=state.session_ms - taken_ms), PauseReason.TAKEN_OVER, now)
    return replace(state, paused_since_ms=since_ms, away=(), seen=None), (TakeAway(since_ms), *told)


# Modes


def _declare(state: State, declared: Declared | None, now: Moment) -> Step:
    if declared is not None and state.phase is not Phase.TRACKING:
        raise RefusedError("Start the timer first; reading and meetings are declared while it runs.")
    if declared is not None and state.terms.declared_left_ms <= 0:
        raise RefusedError("This contract has no declared time left today.")
    state = replace(state, declared=declared, last_input_ms=now.mono_ms)
    return _lock(state, now) if state.is_locked else (state, ())


def _started(event: Start, now: Moment, *, is_locked: bool) -> State:
    return State(
        phase=Phase.TRACKING,
        contract=event.contract,
        memo=whole_characters(event.memo),
        label=event.label,
        terms=event.terms,
        started_ms=now.utc_ms,
        counted=now,
        last_input_ms=now.mono_ms,
        is_locked=is_locked,
    )


def _stopped(state: State) -> State:
    return State(contract=state.contract, memo=state.memo, label=state.label, is_locked=state.is_locked)
