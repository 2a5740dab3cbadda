"""The timer as a pure state machine: `transition(state, event, now)` gives the next state and what is to be recorded.

Timers only send ticks: whether a tick means worked time, idleness or a suspended machine is decided here, from the
moments alone (PRODUCT.md, "Time").
"""

import enum
from dataclasses import dataclass, replace
from uuid import UUID

from tracker.domain.clock import Moment
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
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class State:
    """Where the timer stands.

    While tracking, `counted` is the moment up to which time is recorded and `last_input_ms` (monotonic) the newest
    sign of the person; `started_ms` and `paused_since_ms` are UTC, `session_ms` is worked time since the start.
    """

    phase: Phase = Phase.STOPPED
    contract: UUID | None = None
    memo: str = ""
    idle_limit_s: int = 600
    started_ms: int = 0
    counted: Moment | None = None
    last_input_ms: int = 0
    session_ms: int = 0
    pause_reason: PauseReason | None = None
    paused_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The person starts on a contract, or switches to it."""

    contract: UUID
    memo: str
    idle_limit_s: int


@dataclass(frozen=True, slots=True)
class Stop:
    """The person stops the timer, or the program ends."""


@dataclass(frozen=True, slots=True)
class SetMemo:
    """The person says what is being done from now on."""

    memo: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by; `last_input_ms` is the newest input that the back ends know of (monotonic)."""

    last_input_ms: int


Event = Start | Stop | SetMemo | Tick


@dataclass(frozen=True, slots=True)
class Worked:
    """Record an interval; one that continues the last recorded with the same memo lengthens it."""

    interval: Interval


@dataclass(frozen=True, slots=True)
class TakeAway:
    """Take away all tracked time and pictures from this UTC instant on: the person was idle."""

    from_ms: int


Effect = Worked | TakeAway


def transition(state: State, event: Event, now: Moment) -> tuple[State, tuple[Effect, ...]]:
    """Handle one event at one moment."""
    if isinstance(event, Tick):
        state = replace(state, last_input_ms=max(state.last_input_ms, event.last_input_ms))
    state, effects = _advance(state, now)
    match event:
        case Start():
            # On from where the last contract's time ends: rounding may set the clocks a millisecond apart.
            begins = now if state.counted is None else replace(now, utc_ms=state.counted.utc_ms)
            return _started(event, begins), effects
        case Stop():
            return State(contract=state.contract, memo=state.memo), effects
        case SetMemo(memo):
            return replace(state, memo=whole_characters(memo)), effects
        case Tick():
            return state, effects


def shifted(state: State, by_ms: int) -> State:
    """Move the state's timestamps: what was provisional has been corrected by so many milliseconds."""
    return replace(
        state,
        started_ms=state.started_ms + by_ms,
        counted=state.counted and replace(state.counted, utc_ms=state.counted.utc_ms + by_ms, is_provisional=False),
        paused_since_ms=None if state.paused_since_ms is None else state.paused_since_ms + by_ms,
    )


def _started(event: Start, now: Moment) -> State:
    return State(
        phase=Phase.TRACKING,
        contract=event.contract,
        memo=whole_characters(event.memo),
        idle_limit_s=event.idle_limit_s,
        started_ms=now.utc_ms,
        counted=now,
        last_input_ms=now.mono_ms,
    )


def _advance(state: State, now: Moment) -> tuple[State, tuple[Effect, ...]]:
    """Count the time since the last moment: worked, or ended by suspension or idleness."""
    if state.phase is not Phase.TRACKING or state.counted is None or state.contract is None:
        return state, ()
    counted_ms = state.counted.utc_ms
    passed_ms = now.mono_ms - state.counted.mono_ms
    if now.boot_ms - state.counted.boot_ms - passed_ms > SUSPENSION_MS:
        return _paused(state, PauseReason.SUSPENDED, counted_ms), ()
    idle_ms = now.mono_ms - state.last_input_ms
    if idle_ms < state.idle_limit_s * 1000:
        return _count(state, now, state.counted, passed_ms)
    state, effects = _count(state, now, state.counted, passed_ms - idle_ms)
    last_input_ms = counted_ms + passed_ms - idle_ms
    session_ms = state.session_ms - max(0, counted_ms - last_input_ms)
    paused = _paused(replace(state, session_ms=session_ms), PauseReason.IDLE, last_input_ms)
    return paused, (*effects, TakeAway(last_input_ms))


def _count(state: State, now: Moment, counted: Moment, worked_ms: int) -> tuple[State, tuple[Effect, ...]]:
    """Count so many milliseconds on from the counted moment; none if there are none."""
    if worked_ms <= 0 or state.contract is None:
        return state, ()
    end_ms = counted.utc_ms + worked_ms
    worked = Interval(state.contract, counted.utc_ms, end_ms, Kind.TRACKED, state.memo)
    state = replace(state, counted=replace(now, utc_ms=end_ms), session_ms=state.session_ms + worked_ms)
    return state, (Worked(worked),)


def _paused(state: State, reason: PauseReason, since_ms: int) -> State:
    return replace(state, phase=Phase.PAUSED, counted=None, pause_reason=reason, paused_since_ms=since_ms)
