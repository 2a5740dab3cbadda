"""Drives the session machine as `tracker/timer.py` does: looks, ticks, commits, contacts, deaths."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from tests.simulation.world import World
from tracker.domain import session
from tracker.domain.clock import Moment, Timebase
from tracker.domain.errors import RefusedError
from tracker.domain.events import Effect, Event, Start, TakeAway, Tick, Told, Worked
from tracker.domain.provisional import Boot, Correction, correction
from tracker.domain.session import PauseReason, Phase, State
from wire.week import DAY_MS
from wire.words import Kind


@dataclass(frozen=True, slots=True)
class Sabotage:
    """Protections to take away, for the negative controls."""

    counts_boot_time: bool = False
    counts_system_time: bool = False
    ignores_idleness: bool = False
    ignores_locks: bool = False
    never_looks: bool = False


LOOK_MS = 1000
TICK_MS = 5000


@dataclass(slots=True)
class Entry:
    """An interval as the journal holds it; `offset_ms` is its UTC minus the running time."""

    contract: UUID
    start_ms: int
    end_ms: int
    kind: Kind
    memo: str
    label: str | None
    is_provisional: bool
    offset_ms: int
    clock_offset_ms: int
    boot: str
    run: int


class Journal:
    """What is committed, in the order in which it was."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.run = 0

    def write(self, effects: tuple[Effect, ...], now: Moment, offset_ms: int, boot: str) -> None:
        for effect in effects:
            match effect:
                case Worked(new):
                    last = self.entries[-1] if self.entries else None
                    if (
                        last is not None
                        and last.end_ms == new.start_ms
                        and (last.contract, last.kind, last.memo, last.label, last.is_provisional)
                        == (new.contract, new.kind, new.memo, new.label, now.is_provisional)
                    ):
                        last.end_ms = new.end_ms
                        continue
                    self.entries.append(
                        Entry(
                            new.contract, new.start_ms, new.end_ms, new.kind, new.memo, new.label,
                            now.is_provisional, offset_ms, now.clock_offset_ms, boot, self.run,
                        )
                    )  # fmt: skip
                case TakeAway(from_ms, to_ms):
                    self._take_away(from_ms, to_ms)
                case Told():
                    pass

    def _take_away(self, from_ms: int, to_ms: int) -> None:
        """Take away what this run recorded; an earlier one with a wrong clock may have used the same timestamps."""
        first = next((number for number, one in enumerate(self.entries) if one.run == self.run), len(self.entries))
        self.entries[first:] = [left for one in self.entries[first:] for left in _less(one, from_ms, to_ms)]

    def shift_provisional(self, own: str, by_ms: int, began_ms: int) -> Correction:
        waiting = [one for one in self.entries if one.is_provisional]
        boots = [
            Boot(boot, min(e.start_ms for e in of), max(e.end_ms for e in of), of[-1].clock_offset_ms)
            for boot in dict.fromkeys(one.boot for one in waiting)
            for of in [[one for one in waiting if one.boot == boot]]
        ]
        certain_ms = max((one.end_ms for one in self.entries if not one.is_provisional), default=None)
        found = correction(boots, own, by_ms, began_ms=began_ms, certain_ms=certain_ms)
        for one in waiting:
            moved_ms = found.moved[one.boot]
            one.start_ms += moved_ms
            one.end_ms += moved_ms
            one.offset_ms += moved_ms
            one.is_provisional = False
        return found

    def last_end_ms(self) -> int | None:
        return max((one.end_ms for one in self.entries), default=None)


def _less(one: Entry, from_ms: int, to_ms: int) -> Iterator[Entry]:
    if one.kind is Kind.MANUAL or one.end_ms <= from_ms or to_ms <= one.start_ms:
        yield one
        return
    if one.start_ms < from_ms:
        yield Entry(
            one.contract, one.start_ms, from_ms, one.kind, one.memo, one.label, one.is_provisional, one.offset_ms,
            one.clock_offset_ms, one.boot, one.run,
        )  # fmt: skip
    if to_ms < one.end_ms:
        one.start_ms = to_ms
        yield one


class Driver:
    """A timer of one process after the other on one machine.

    Args:
        world: the machine.
        is_dense: whether every single look and tick is made; else those are left out that cannot find anything.
    """

    def __init__(self, world: World, sabotage: Sabotage, *, is_dense: bool) -> None:
        self.world = world
        self.journal = Journal()
        self.state = State()
        self.looks = self.ticks = 0
        self._is_dense = is_dense
        self._sabotage = sabotage
        self._kept: Timebase | None = None
        self._done_t = 0
        self.launch()

    def launch(self) -> None:
        """Start the process; what the last one had in memory is gone."""
        self.state = State()
        self.journal.run += 1
        self._timebase = Timebase.at_boot(self.world.read(), self._kept)
        self._kept = self._timebase
        self._ticked_t = self._done_t = self.world.t
        self._phase = self.world.rng.randrange(LOOK_MS)

    def moment(self) -> Moment:
        reading = self.world.read()
        moment = self._timebase.moment(reading)
        if self._sabotage.counts_boot_time:
            return replace(moment, mono_ms=reading.boot_ms)
        if self._sabotage.counts_system_time:
            return replace(moment, mono_ms=reading.system_utc_ms)
        return moment

    @property
    def offset_ms(self) -> int:
        """UTC, as the timer has it now, minus the running time."""
        anchor = self._timebase.current
        return anchor.utc_ms - anchor.boot_ms - self.world.boot_t

    def do(self, event: Event | None) -> bool:
        """Tick, handle the event, commit; refused, nothing of it happened."""
        before, timebase = self.state, self._timebase
        if isinstance(event, Start) and before.phase is not Phase.TRACKING:
            self._timebase = timebase.at_start(self.world.read(), self.journal.last_end_ms())
        now = self.moment()
        last_input_ms = before.last_input_ms if before.counted is None else self.world.last_input_mono_ms()
        self.ticks += 1
        try:
            state, effects = session.transition(before, Tick(last_input_ms), now)
            if event is not None:
                state, more = session.transition(state, event, now)
                effects += more
        except RefusedError:
            self._timebase = timebase  # no start, no correction: the pause goes on by the old one
            return False
        self.journal.write(effects, now, self.offset_ms, str(self.world.boots))
        self.state, self._kept = state, self._timebase
        self._ticked_t = self.world.t
        return True

    def look(self) -> None:
        """Look at the clocks between ticks."""
        self.looks += 1
        if self._sabotage.never_looks:
            return
        now = self.moment()
        if session.has_slept(self.state, now):
            self.do(None)
        else:
            self.state = session.looked(self.state, now)

    def contact(self, error_ms: int) -> None:
        """Hear the marketplace's time; what was provisional is corrected."""
        utc_ms, own = self.world.market_utc_ms() + error_ms, str(self.world.boots)
        reading = self.world.read()
        timebase, shift_ms = self._timebase.learn(reading, utc_ms)
        if self._timebase.current.is_provisional:
            found = self.journal.shift_provisional(own, shift_ms, utc_ms - reading.boot_ms)
            timebase = timebase.ahead(found.ahead_ms)
            self.state = session.shifted(self.state, found.moved[own])
        self._timebase = self._kept = timebase

    # Time

    def advance_to(self, t: int) -> None:
        """Let time pass with looks every second, ticks every five, at minute ends and when idleness is due."""
        self._done_t = max(self._done_t, self.world.t)
        while self.state.phase is not Phase.STOPPED:
            deadline_t = self._deadline_t()
            at = self._next_t(t)
            if deadline_t is not None and deadline_t <= at:
                at = deadline_t
            if at > t:
                break
            assert at >= self._done_t, "time does not run backwards"
            self.world.t = self._done_t = at
            if at == deadline_t or at >= self._tick_due_t():
                self.do(None)
            else:
                self.look()
        self.world.t = self._done_t = t

    def _next_t(self, t: int) -> int:
        """Give the next instant at which the timer looks or ticks."""
        look_t = self._done_t + LOOK_MS - (self._done_t - self._phase) % LOOK_MS
        if self._is_dense:
            due_t = max(self._tick_due_t(), self._done_t)  # after a sleep it is overdue
            return min(look_t, due_t) if self.state.phase is Phase.TRACKING else look_t
        if session.has_slept(self.state, self.moment()):
            return look_t
        return self._skipped_to(t, look_t)

    def _skipped_to(self, t: int, look_t: int) -> int:
        """Leave out what finds nothing: go on to the last tick before t, then to the last look before t."""
        last_look_t = t - (t - self._phase) % LOOK_MS
        if self.state.phase is Phase.TRACKING:
            offset_ms = 0 if self.state.counted is None else self.state.counted.utc_ms - self._ticked_t
            last_tick_t = t - (t + offset_ms) % TICK_MS
            if self._done_t < last_tick_t:
                return last_tick_t
        return max(look_t, last_look_t)

    def _tick_due_t(self) -> int:
        if self.state.phase is not Phase.TRACKING or self.state.counted is None:
            return self._ticked_t + TICK_MS
        utc_ms = self.state.counted.utc_ms
        if self._is_dense:
            return self._ticked_t + min(TICK_MS, 60_000 - utc_ms % 60_000)
        return self._ticked_t + TICK_MS - utc_ms % TICK_MS

    def _deadline_t(self) -> int | None:
        """Give when the machine has to be asked because something runs out."""
        state = self.state
        if state.seen is None:
            return None
        mono_ms = self.world.mono_ms()
        ends_ms: list[int] = []
        if state.counted is not None:
            ends_ms.append(state.counted.mono_ms + DAY_MS - state.counted.utc_ms % DAY_MS)
            if state.declared is not None:
                ends_ms.append(state.counted.mono_ms + state.terms.declared_left_ms)
            if state.terms.stops_at_limit and state.terms.limit_left_ms is not None:
                ends_ms.append(state.counted.mono_ms + state.terms.limit_left_ms)
        if state.pause_reason is PauseReason.LOCKED:
            ends_ms.append(state.last_input_ms + state.terms.idle_limit_s * 1000)
        elif state.counted is not None and state.declared is None and self.world.input.present_from_t is None:
            newest_ms = max(state.last_input_ms, self.world.last_input_mono_ms())
            ends_ms.append(newest_ms + state.terms.idle_limit_s * 1000)
        later = [self.world.t + end_ms - mono_ms for end_ms in ends_ms if end_ms > mono_ms]
        return min(later, default=None)
