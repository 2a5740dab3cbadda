"""Every event in every state of the timer: what comes of it, in one table that must leave no pair out."""

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest

from tests.fakes.machine import ONE, TWO, Machine, carried_out, overlaps
from tracker.domain.errors import RefusedError
from tracker.domain.events import (
    Assign,
    ContractEnded,
    Declare,
    Declared,
    Discard,
    Event,
    Keep,
    Lock,
    NewTerms,
    SetLabel,
    SetMemo,
    Start,
    Stop,
    Suspend,
    TakenOver,
    Terms,
    Tick,
    Unlock,
)
from tracker.domain.session import PauseReason, Phase, State, transition

TERMS = Terms(
    allows_manual_time=True,
    declared_left_ms=3_600_000,
    declared_per_day_ms=3_600_000,
    limit_left_ms=36_000_000,
    limit_per_week_ms=36_000_000,
)
STOPS = replace(TERMS, limit_left_ms=0, stops_at_limit=True)


def _tracking(machine: Machine) -> None:
    machine.do(Start(ONE, "memo", TERMS, "label"))
    machine.clock.advance(3000)


def _declared(machine: Machine) -> None:
    _tracking(machine)
    machine.do(Declare(Declared.MEETING))
    machine.clock.advance(3000)


def _over(machine: Machine) -> None:
    machine.do(Start(ONE, "memo", replace(TERMS, limit_left_ms=100), "label"))
    machine.clock.advance(3000)
    machine.tick()


def _idle(machine: Machine) -> None:
    _tracking(machine)
    machine.clock.advance(600_000)
    machine.tick(has_input=False)


def _after(*events: Event, first: Callable[[Machine], None] = _tracking) -> Callable[[Machine], None]:
    def act(machine: Machine) -> None:
        first(machine)
        for event in events:
            machine.do(event)
            machine.clock.advance(2000)

    return act


STATES: dict[str, Callable[[Machine], None]] = {
    "stopped": lambda _: None,
    "stopped, locked": _after(Lock(), first=lambda _: None),
    "tracking": _tracking,
    "declared": _declared,
    "declared, locked": _after(Lock(), first=_declared),
    "over the limit": _over,
    "idle": _idle,
    "idle, locked": _after(Lock(), first=_idle),
    "locked": _after(Lock()),
    "suspended": _after(Suspend()),
    "suspended, locked": _after(Lock(), Suspend()),
    "taken over": _after(TakenOver(0)),
    "no manual time": _after(NewTerms(Terms()), Suspend()),
}

EVENTS: dict[str, Event] = {
    "Start": Start(TWO, "other", TERMS),
    "Start at the limit": Start(TWO, "other", STOPS),
    "Stop": Stop(),
    "SetMemo": SetMemo("new"),
    "SetLabel": SetLabel("new"),
    "Declare": Declare(Declared.READING),
    "Declare nothing": Declare(None),
    "Tick": Tick(0),
    "Discard": Discard(),
    "Keep": Keep(),
    "Assign": Assign(TWO, "other", TERMS),
    "Lock": Lock(),
    "Unlock": Unlock(),
    "Suspend": Suspend(),
    "NewTerms": NewTerms(TERMS),
    "NewTerms at the limit": NewTerms(STOPS),
    "ContractEnded": ContractEnded(),
    "TakenOver": TakenOver(0),
}

# . as it was, ! refused, S stopped, T tracking, D declared; paused: I idle, L locked, Z suspended, O taken over
TABLE = """
                       stopped  +locked  tracking  declared  +locked  over  idle  +locked  locked  suspended  +locked  taken  no-manual
Start                  T        L        T         T         L        T     T     L        L       T          L        T      T
Start-at-the-limit     !        !        !         !         !        !     !     !        !       !          !        !      !
Stop                   .        .        S         S         S        S     S     S        S       S          S        S      S
SetMemo                .        .        .         .         .        .     .     .        .       .          .        .      .
SetLabel               .        .        .         .         .        .     .     .        .       .          .        .      .
Declare                !        !        D         D         D        D     !     !        !       !          !        !      !
Declare-nothing        .        .        .         T         L        .     .     .        .       .          .        .      .
Tick                   .        .        .         .         .        .     .     .        .       .          .        .      .
Discard                !        !        !         !         !        !     T     L        L       T          L        T      T
Keep                   !        !        !         !         !        !     T     L        L       T          L        T      !
Assign                 !        !        !         !         !        !     T     L        L       T          L        T      T
Lock                   .        .        L         .         .        L     .     .        .       .          .        .      .
Unlock                 .        .        .         .         .        .     .     .        T       .          .        .      .
Suspend                .        .        Z         Z         Z        Z     .     .        Z       .          .        .      .
NewTerms               .        .        .         .         .        .     .     .        .       .          .        .      .
NewTerms-at-the-limit  .        .        S         S         S        S     .     .        .       .          .        .      .
ContractEnded          .        .        S         S         S        S     S     S        S       S          S        S      S
TakenOver              .        .        O         O         O        O     O     O        O       O          O        .      O
"""  # noqa: E501 (a table)

_LETTERS = {
    PauseReason.IDLE: "I",
    PauseReason.LOCKED: "L",
    PauseReason.SUSPENDED: "Z",
    PauseReason.TAKEN_OVER: "O",
}


def _letter(state: State) -> str:
    if state.phase is Phase.PAUSED:
        return _LETTERS[PauseReason(state.pause_reason or "")]
    if state.phase is Phase.STOPPED:
        return "S"
    return "T" if state.declared is None else "D"


def _expected() -> dict[tuple[str, str], str]:
    _, *lines = TABLE.strip("\n").splitlines()
    rows = {line.split()[0].replace("-", " "): line.split()[1:] for line in lines}
    return {(event, state): cell for event, cells in rows.items() for state, cell in zip(STATES, cells, strict=True)}


def test_the_table_names_every_event_and_state() -> None:
    assert {type(event) for event in EVENTS.values()} == set(get_args(Event))
    assert set(_expected()) == {(event, state) for event in EVENTS for state in STATES}
    reached = set()
    for act in STATES.values():
        machine = Machine()
        act(machine)
        reached.add((machine.state.phase, machine.state.pause_reason))
    assert reached >= {(Phase.PAUSED, reason) for reason in PauseReason}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", EVENTS)
def test_every_event_in_every_state(event: str, state: str) -> None:
    machine = Machine()
    STATES[state](machine)
    before, already, expected = machine.state, machine.worked(), _expected()[event, state]
    if expected == "!":
        with pytest.raises(RefusedError, match=r"\.$"):
            transition(before, EVENTS[event], machine.now())
        return
    after, effects = transition(before, EVENTS[event], machine.now())
    assert _letter(after) == (_letter(before) if expected == "." else expected)
    assert not overlaps(carried_out(effects, already))
    _assert_whole(after)


def _assert_whole(state: State) -> None:
    """Hold a state to what every state is."""
    assert (state.counted is not None) == (state.phase is Phase.TRACKING)
    assert (state.seen is not None) == (state.phase is not Phase.STOPPED)
    assert (state.pause_reason is not None) == (state.paused_since_ms is not None) == (state.phase is Phase.PAUSED)
    if state.counted is not None:
        assert state.counted == state.seen
        assert state.declared is not None or not state.is_locked
        assert not (state.terms.stops_at_limit and state.is_over_limit)
    else:
        assert state.declared is None
    if state.phase is not Phase.PAUSED:
        assert state.away == ()
    assert state.session_ms >= 0
    assert list(state.away) == sorted(state.away, key=lambda span: span.start_ms)
