"""The timer's state machine: transition by transition, and on random days held against a slow, plain reckoning."""

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.clock import NOON_MS, FakeClock
from tracker.domain.clock import Moment, Timebase
from tracker.domain.segment import Interval
from tracker.domain.session import (
    SUSPENSION_MS,
    Effect,
    Event,
    PauseReason,
    Phase,
    SetMemo,
    Start,
    State,
    Stop,
    TakeAway,
    Tick,
    Worked,
    shifted,
    transition,
)
from wire.words import Kind

ONE, TWO = UUID(int=1), UUID(int=2)
IDLE_S = 600


class Machine:
    """A timer on a clock that the test moves, and everything it recorded."""

    def __init__(self) -> None:
        self.clock = FakeClock()
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

    def start(self, contract: UUID = ONE, memo: str = "memo") -> tuple[Effect, ...]:
        return self.do(Start(contract, memo, IDLE_S))

    def tick(self, *, has_input: bool = True) -> tuple[Effect, ...]:
        if has_input:
            self.input_ms = self.clock.mono_ms()
        return self.do(Tick(self.input_ms))

    def worked(self) -> list[Interval]:
        """Carry out the effects as the journal does."""
        kept: list[Interval] = []
        for effect in self.effects:
            match effect:
                case Worked(interval):
                    kept.append(interval)
                case TakeAway(from_ms):
                    kept = [replace(one, end_ms=min(one.end_ms, from_ms)) for one in kept if one.start_ms < from_ms]
        return kept

    def worked_ms(self) -> int:
        return sum(one.worked_ms for one in self.worked())


def _interval(start_ms: int, end_ms: int, contract: UUID = ONE, memo: str = "memo") -> Interval:
    return Interval(contract, NOON_MS + start_ms, NOON_MS + end_ms, Kind.TRACKED, memo)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_stopped_it_records_nothing(machine: Machine) -> None:
    for event in (Tick(machine.clock.mono_ms()), SetMemo("later"), Stop()):
        machine.clock.advance(5000)
        assert machine.do(event) == ()
        assert machine.state.phase is Phase.STOPPED


def test_start_counts_from_its_own_moment(machine: Machine) -> None:
    machine.clock.advance(3)
    assert machine.start() == ()
    assert (machine.state.phase, machine.state.started_ms) == (Phase.TRACKING, NOON_MS + 3)
    assert machine.state.counted == machine.now()
    machine.clock.advance(5000)
    assert machine.tick() == (Worked(_interval(3, 5003)),)
    assert machine.state.session_ms == 5000


def test_each_tick_goes_on_where_the_last_ended(machine: Machine) -> None:
    machine.start()
    for ms in (4999, 1, 0, 5001):
        machine.clock.advance(ms)
        machine.tick()
    spans = [(one.start_ms - NOON_MS, one.end_ms - NOON_MS) for one in machine.worked()]
    assert spans == [(0, 4999), (4999, 5000), (5000, 10_001)]


def test_stop_counts_up_to_its_moment_and_keeps_contract_and_memo(machine: Machine) -> None:
    machine.start(memo="map")
    machine.clock.advance(1234)
    assert machine.do(Stop()) == (Worked(_interval(0, 1234, memo="map")),)
    assert machine.state == State(contract=ONE, memo="map")


def test_a_switch_ends_one_contract_and_begins_the_other_in_one_instant(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(700)
    assert machine.start(TWO, "other") == (Worked(_interval(0, 700)),)
    machine.clock.advance(300)
    assert machine.tick() == (Worked(_interval(700, 1000, TWO, "other")),)
    assert machine.state.session_ms == 300


def test_a_memo_holds_from_when_it_is_said(machine: Machine) -> None:
    machine.start(memo="first")
    machine.clock.advance(700)
    machine.do(SetMemo("second"))
    machine.clock.advance(300)
    machine.do(Stop())
    assert machine.worked() == [_interval(0, 700, memo="first"), _interval(700, 1000, memo="second")]


def test_idle_takes_away_all_time_since_the_last_input(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(7001)
    machine.tick()
    for _ in range(119):
        machine.clock.advance(5000)
        machine.tick(has_input=False)
        assert machine.state.phase is Phase.TRACKING
    machine.clock.advance(5000)
    machine.tick(has_input=False)
    assert (machine.state.phase, machine.state.pause_reason) == (Phase.PAUSED, PauseReason.IDLE)
    assert machine.state.paused_since_ms == NOON_MS + 7001
    assert machine.worked_ms() == machine.state.session_ms == 7001


def test_the_idle_limit_is_reached_at_its_very_millisecond(machine: Machine) -> None:
    machine.start()
    phases = []
    for ms in (IDLE_S * 1000 - 1, 1):
        machine.clock.advance(ms)
        machine.tick(has_input=False)
        phases.append(machine.state.phase)
    assert phases == [Phase.TRACKING, Phase.PAUSED]
    assert machine.worked_ms() == 0


def test_idle_cuts_across_memos_and_segments_but_not_before_a_switch(machine: Machine) -> None:
    machine.start(TWO)
    machine.clock.advance(500_000)
    machine.tick()
    machine.start(ONE, "first")
    for memo in ("second", "third"):
        machine.clock.advance(250_000)
        machine.do(SetMemo(memo))
    machine.clock.advance(150_000)
    machine.tick(has_input=False)
    assert machine.state.phase is Phase.PAUSED
    assert machine.worked() == [_interval(0, 500_000, TWO)]


def test_input_between_two_ticks_is_where_idleness_began(machine: Machine) -> None:
    """One late tick both counts up to the input and finds the idleness after it."""
    machine.start()
    machine.clock.advance(2000)
    machine.input_ms = machine.clock.mono_ms()
    machine.clock.advance(IDLE_S * 1000)
    assert machine.tick(has_input=False) == (Worked(_interval(0, 2000)), TakeAway(NOON_MS + 2000))
    assert machine.state.session_ms == 2000


def test_stopping_when_idle_takes_the_idle_time_away_first(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(1000)
    machine.tick()
    machine.clock.advance(IDLE_S * 1000)
    machine.do(Stop())
    assert (machine.worked_ms(), machine.state.phase) == (1000, Phase.STOPPED)


def test_an_older_report_of_input_takes_nothing_back(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(1000)
    machine.tick()
    newest_ms = machine.state.last_input_ms
    machine.do(Tick(newest_ms - 500_000))
    assert machine.state.last_input_ms == newest_ms


def test_a_suspension_pauses_where_it_was_last_counted(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(5000)
    machine.tick()
    machine.clock.advance(2000)
    machine.clock.suspend(8 * 3_600_000)
    machine.clock.advance(1000)
    assert machine.tick() == ()
    assert (machine.state.phase, machine.state.pause_reason) == (Phase.PAUSED, PauseReason.SUSPENDED)
    assert machine.state.paused_since_ms == NOON_MS + 5000
    assert machine.worked_ms() == 5000


def test_skew_between_the_clocks_is_no_suspension_and_never_worked(machine: Machine) -> None:
    machine.start()
    machine.clock.suspend(SUSPENSION_MS)
    machine.clock.advance(5000)
    machine.tick()
    assert (machine.state.phase, machine.worked_ms()) == (Phase.TRACKING, 5000)
    machine.clock.suspend(SUSPENSION_MS + 1)
    machine.tick()
    assert machine.state.phase is Phase.PAUSED


def test_clocks_a_millisecond_apart_make_neither_gap_nor_overlap(machine: Machine) -> None:
    """Two clocks rounded to whole milliseconds differ by one now and then; a switch must not overlap for that."""
    machine.start()
    for skew_ms in (1, -1, -1, 1):
        machine.clock.advance(5000)
        machine.clock.suspend(skew_ms)
        machine.tick()
        machine.start(TWO if machine.state.contract == ONE else ONE)
    machine.clock.advance(5000)
    machine.do(Stop())
    assert [(one.start_ms - NOON_MS, one.worked_ms) for one in machine.worked()] == [
        (number * 5000, 5000) for number in range(5)
    ]


@pytest.mark.parametrize(
    "event", [Start(TWO, "", IDLE_S), Stop(), SetMemo("x"), Tick(0)], ids=lambda one: type(one).__name__
)
def test_no_event_hides_a_suspension(machine: Machine, event: Event) -> None:
    machine.start()
    machine.clock.suspend(60_000)
    assert machine.do(event) == ()


def test_paused_it_records_nothing_until_started_again(machine: Machine) -> None:
    machine.start()
    machine.clock.suspend(60_000)
    machine.tick()
    machine.clock.advance(5000)
    assert machine.tick() == ()
    assert machine.do(SetMemo("new")) == ()
    machine.start(memo=machine.state.memo)
    assert (machine.state.pause_reason, machine.state.paused_since_ms, machine.state.session_ms) == (None, None, 0)
    machine.clock.advance(10)
    assert machine.tick() == (Worked(_interval(65_000, 65_010, memo="new")),)


def test_a_pause_can_be_stopped(machine: Machine) -> None:
    machine.start()
    machine.clock.suspend(60_000)
    machine.tick()
    machine.do(Stop())
    assert machine.state == State(contract=ONE, memo="memo")


def test_half_a_character_in_a_memo_is_replaced(machine: Machine) -> None:
    """Neither SQLite nor JSON takes it: every tick under such a memo would fail, and its time be lost."""
    machine.start(memo="a\ud800")
    assert machine.state.memo == "a�"
    machine.do(SetMemo("\udcffb"))
    assert machine.state.memo == "�b"


def test_shifted_moves_every_timestamp_and_no_duration(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(5000)
    machine.tick()
    state = shifted(machine.state, 1000)
    assert state.counted is not None
    assert machine.state.counted is not None
    assert state.counted == replace(machine.state.counted, utc_ms=NOON_MS + 6000, is_provisional=False)
    assert (state.started_ms, state.session_ms) == (NOON_MS + 1000, 5000)
    paused = replace(state, counted=None, paused_since_ms=5)
    assert shifted(paused, -5) == replace(paused, started_ms=paused.started_ms - 5, paused_since_ms=0)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.integers(0, 20_000)),
        st.tuples(st.just("advance"), st.integers(IDLE_S * 500, IDLE_S * 1100)),
        st.tuples(st.just("suspend"), st.integers(0, 3000)),
        st.tuples(st.just("suspend"), st.integers(3000, 10**8)),
        st.tuples(st.just("step"), st.integers(-(10**11), 10**11)),
        st.tuples(st.sampled_from(["input", "tick", "start one", "start two", "stop", "memo a", "memo b"]), st.just(0)),
    ),
    max_size=60,
)


class Reckoning:
    """What counts, found the slow and plain way, in spans of the monotonic clock.

    From the counted moment to an event time counts, unless a suspension of more than a second lies between (then none
    of it does) or the last input is an idle limit away (then it counts up to that input, and is taken back to it).
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._counted: int | None = None
        self._asleep_ms = 0
        self._input = 0
        self.spans: list[tuple[int, int]] = []

    def sleep(self, ms: int) -> None:
        self._asleep_ms += ms

    def see(self, input_ms: int) -> None:
        if self._counted is not None:
            self._input = max(self._input, input_ms)

    def start(self) -> None:
        self._counted = self._input = self._clock.mono_ms()
        self._asleep_ms = 0

    def stop(self) -> None:
        self._counted = None

    def count(self) -> None:
        now = self._clock.mono_ms()
        if self._counted is None:
            return
        if self._asleep_ms > SUSPENSION_MS:
            self._counted = None
        elif now - self._input >= IDLE_S * 1000:
            spans = [*self.spans, (self._counted, now)]
            self.spans = [(start, min(end, self._input)) for start, end in spans if start < self._input]
            self._counted = None
        else:
            self.spans.append((self._counted, now))
            self._counted = now
        self._asleep_ms = 0


def _do(machine: Machine, reckoning: Reckoning, step: str) -> None:
    if step == "tick":
        reckoning.see(machine.input_ms)
    reckoning.count()
    match step:
        case "tick":
            machine.do(Tick(machine.input_ms))
        case "start one" | "start two":
            reckoning.start()
            machine.start(ONE if step == "start one" else TWO)
        case "stop":
            reckoning.stop()
            machine.do(Stop())
        case memo:
            machine.do(SetMemo(memo))


@settings(max_examples=400)
@given(_STEPS)
def test_random_days(steps: list[tuple[str, int]]) -> None:
    """What is worked is monotonic time less suspension and idleness; never twice, never inside a suspension."""
    machine = Machine()
    clock, reckoning = machine.clock, Reckoning(machine.clock)
    suspensions: list[tuple[int, int]] = []
    for step, ms in steps:
        match step:
            case "advance":
                clock.advance(ms)
            case "suspend":
                begins_ms = machine.now().utc_ms
                clock.suspend(ms)
                reckoning.sleep(ms)
                if ms > SUSPENSION_MS:
                    suspensions.append((begins_ms, machine.now().utc_ms))
            case "step":
                clock.step(ms)
            case "input":
                machine.input_ms = clock.mono_ms()
            case _:
                _do(machine, reckoning, step)

    worked = machine.worked()
    assert sum(one.worked_ms for one in worked) == sum(end - start for start, end in reckoning.spans)
    assert all(one.worked_ms > 0 for one in worked)
    for earlier, later in pairwise(worked):
        assert earlier.end_ms <= later.start_ms
    for one in worked:
        assert not any(one.start_ms < end and start < one.end_ms for start, end in suspensions)
