"""A timer's state machine on a clock that a test moves, with its effects carried out in a list."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any
from uuid import UUID

from tests.fakes.clock import FakeClock
from tracker.domain.clock import Moment, Timebase
from tracker.domain.events import Effect, Event, Notice, Start, TakeAway, Terms, Tick, Told, Worked
from tracker.domain.segment import Interval
from tracker.domain.session import State, looked, transition
from wire.words import Kind

ONE, TWO = UUID(int=1), UUID(int=2)


def carried_out(effects: Iterable[Effect], kept: list[Interval] | None = None) -> list[Interval]:
    """Carry out effects as the journal does: what continues the last interval lengthens it, manual time stays."""
    kept = [] if kept is None else kept
    for effect in effects:
        match effect:
            case Worked(new):
                last = kept[-1] if kept else None
                if last is not None and last == replace(new, start_ms=last.start_ms, end_ms=new.start_ms):
                    kept[-1] = replace(last, end_ms=new.end_ms)
                else:
                    kept.append(new)
            case TakeAway(from_ms, to_ms):
                kept[:] = [left for one in kept for left in _less(one, from_ms, to_ms)]
            case Told():
                pass
    return kept


def _less(one: Interval, from_ms: int, to_ms: int) -> list[Interval]:
    if one.kind is Kind.MANUAL or one.end_ms <= from_ms or to_ms <= one.start_ms:
        return [one]
    parts = (replace(one, end_ms=from_ms), replace(one, start_ms=to_ms))
    return [part for part in parts if part.start_ms < part.end_ms]


def overlaps(intervals: Iterable[Interval]) -> list[tuple[Interval, Interval]]:
    """List neighbours of which the later begins before the earlier ends."""
    ordered = sorted(intervals, key=lambda one: one.start_ms)
    return [(one, two) for one, two in pairwise(ordered) if two.start_ms < one.end_ms]


class Machine:
    """A timer on a clock that the test moves, and everything it recorded."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.state = State()
        self.effects: list[Effect] = []
        self.input_ms = self.clock.mono_ms()
        self._timebase, _ = Timebase.at_boot(self.clock.read(), None).learn(self.clock.read(), self.clock.true_ms)

    def now(self) -> Moment:
        return self._timebase.moment(self.clock.read())

    def do(self, event: Event) -> tuple[Effect, ...]:
        self.state, effects = transition(self.state, event, self.now())
        self.effects += effects
        return effects

    def start(self, contract: UUID = ONE, memo: str = "memo", **terms: Any) -> tuple[Effect, ...]:
        return self.do(Start(contract, memo, Terms(**terms)))

    def tick(self, *, has_input: bool = True) -> tuple[Effect, ...]:
        if has_input:
            self.input_ms = self.clock.mono_ms()
        return self.do(Tick(self.input_ms))

    def look(self) -> None:
        self.state = looked(self.state, self.now())

    def worked(self) -> list[Interval]:
        return carried_out(self.effects)

    def worked_ms(self) -> int:
        return sum(one.worked_ms for one in self.worked())

    def told(self) -> list[Notice]:
        return [effect.notice for effect in self.effects if isinstance(effect, Told)]
