"""The timer's state machine on random days, against a plain book that writes down half-second after half-second."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.clock import FakeClock
from tests.fakes.machine import ONE, TWO, Machine, carried_out, overlaps
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
from tracker.domain.session import Phase, State, looked, transition
from wire.week import DAY_MS, day_start_ms, week_start_ms
from wire.words import Kind

HALF_MS = 500
SUNDAY_MS = 1_796_601_600_000 - 20_000  # 20 s before Mon 2026-12-07 00:00 UTC

Entry = tuple[UUID, Kind, str, str | None]


@dataclass
class Book:
    """What the rules say, without a thought for speed: one entry for each half-second worked, by its UTC start."""

    utc_ms: int = SUNDAY_MS
    entries: dict[int, Entry] = field(default_factory=dict)
    mode: str = "stopped"
    contract: UUID = ONE
    memo: str = ""
    label: str | None = None
    declared: bool = False
    is_locked: bool = False
    terms: Terms = field(default_factory=Terms)
    limit_ms: int | None = None
    declared_ms: int = 0
    awake_ms: int = 0
    input_ms: int = 0  # on the clock that stands still asleep, as awake_ms
    since_ms: int = 0  # UTC; where the stretch of tracking began
    end_ms: int = 0  # UTC; where it ended
    away: list[int] = field(default_factory=list)

    def half_second(self, *, has_input: bool) -> None:
        at, self.utc_ms, self.awake_ms = self.utc_ms, self.utc_ms + HALF_MS, self.awake_ms + HALF_MS
        if self.mode == "tracking":
            kind = Kind.DECLARED if self.declared else Kind.TRACKED
            self.entries[at] = (self.contract, kind, self.memo, self.label)
            self._spend(HALF_MS)
            self.declared_ms -= HALF_MS if self.declared else 0
            self.input_ms = self.awake_ms if has_input else self.input_ms
        elif self.mode not in ("stopped", "taken over"):
            self.away.append(at)
        self._renew(at)
        self.find_idleness()
        self.settle()

    def find_idleness(self) -> None:
        is_watched = (self.mode == "tracking" and not self.declared) or self.mode == "locked"
        if is_watched and self.awake_ms - self.input_ms >= self.terms.idle_limit_s * 1000:
            since_ms = self.utc_ms - (self.awake_ms - self.input_ms)
            self.take_away(since_ms)
            self.pause("idle", since_ms)
            self.away = list(range(since_ms, self.utc_ms, HALF_MS))

    def sleep(self, ms: int) -> None:
        self.pause("suspended", self.utc_ms)
        at, self.utc_ms = self.utc_ms, self.utc_ms + ms
        self._renew(at)

    def pause(self, mode: str, at_ms: int) -> None:
        if self.mode == "tracking" or mode == "idle":
            self.mode, self.declared, self.end_ms, self.away = mode, False, at_ms, []
        elif self.mode == "locked":
            self.mode = mode

    def take_away(self, from_ms: int) -> None:
        until_ms = self.utc_ms if self.mode == "tracking" else self.end_ms
        if self.mode != "stopped":
            week_ms = week_start_ms(until_ms)
            self._spend(-max(0, until_ms - max(from_ms, self.since_ms, week_ms)))
        for at in [at for at, entry in self.entries.items() if at >= from_ms and entry[1] is not Kind.MANUAL]:
            del self.entries[at]

    def settle(self) -> None:
        if self.mode != "tracking":
            return
        if self.terms.stops_at_limit and self.limit_ms is not None and self.limit_ms <= 0:
            self.stop()
        if self.declared and self.declared_ms <= 0:
            self.declared, self.input_ms = False, self.awake_ms
        if self.is_locked and not self.declared:
            self.pause("locked", self.utc_ms)

    def track(self) -> bool:
        if self.mode in ("stopped", "tracking"):
            return False
        self.mode, self.input_ms, self.since_ms, self.away = "tracking", self.awake_ms, self.utc_ms, []
        return True

    def stop(self) -> bool:
        self.mode, self.declared, self.away = "stopped", False, []
        return True

    def _spend(self, ms: int) -> None:
        if self.limit_ms is not None:
            self.limit_ms -= ms

    def _renew(self, before_ms: int) -> None:
        if self.mode == "stopped" or day_start_ms(before_ms) == day_start_ms(self.utc_ms):
            return
        self.declared_ms = self.terms.declared_per_day_ms
        if week_start_ms(before_ms) != week_start_ms(self.utc_ms):
            self.limit_ms = self.terms.limit_per_week_ms

    def _take_terms(self, terms: Terms) -> None:
        self.terms, self.limit_ms, self.declared_ms = terms, terms.limit_left_ms, terms.declared_left_ms

    # Events; each tells whether it was allowed

    def do(self, event: Event) -> bool:
        is_allowed = self._do(event)
        self.settle()
        return is_allowed

    def _do(self, event: Event) -> bool:  # noqa: PLR0911, PLR0912 (a line an event)
        match event:
            case Start(contract, memo, terms, label):
                if terms.stops_at_limit and terms.limit_left_ms is not None and terms.limit_left_ms <= 0:
                    return False
                self._take_terms(terms)
                self.mode, self.declared = "starting", False
                self.contract, self.memo, self.label = contract, memo, label
                return self.track()
            case Stop() | ContractEnded():
                return self.stop()
            case SetMemo(memo):
                self.memo = memo
            case SetLabel(label):
                self.label = label
            case Declare(None):
                self.input_ms = self.awake_ms if self.declared else self.input_ms
                self.declared = False
            case Declare():
                if self.mode != "tracking" or self.declared_ms <= 0:
                    return False
                self.declared, self.input_ms = True, self.awake_ms
            case Discard():
                return self.track()
            case Keep():
                away, contract, memo, label = self.away, self.contract, self.memo, self.label
                if not self.terms.allows_manual_time or not self.track():
                    return False
                self.entries |= dict.fromkeys(away, (contract, Kind.MANUAL, memo, label))
                self._spend(HALF_MS * sum(at >= week_start_ms(self.utc_ms) for at in away))
            case Assign(contract, memo, terms):
                away = self.away
                if contract == self.contract or not memo or not terms.allows_manual_time or not self.track():
                    return False
                self.entries |= dict.fromkeys(away, (contract, Kind.MANUAL, memo, None))
            case Lock():
                self.is_locked = True
            case Unlock():
                self.is_locked = False
                if self.mode == "locked":
                    self.track()
            case Suspend():
                self.pause("suspended", self.utc_ms)
            case NewTerms(terms):
                self._take_terms(terms)
                self.settle()
                self.find_idleness()
            case TakenOver(at_ms):
                self.take_away(at_ms)
                if self.mode != "stopped":
                    self.away = [at for at in self.away if at < at_ms] if self.mode != "tracking" else []
                    self.end_ms = min(at_ms, self.utc_ms if self.mode == "tracking" else self.end_ms)
                    self.mode, self.declared = "taken over", False
        return True


def _mode(state: State) -> str:
    if state.phase is not Phase.PAUSED:
        return str(state.phase)
    return str(state.pause_reason).replace("_", " ")


_HALVES = st.integers(0, 40).map(lambda halves: halves * HALF_MS)
_TERMS = st.builds(
    Terms,
    idle_limit_s=st.sampled_from([3, 5, 60]),
    allows_manual_time=st.booleans(),
    declared_left_ms=_HALVES,
    declared_per_day_ms=_HALVES,
    limit_left_ms=st.none() | _HALVES,
    limit_per_week_ms=st.none() | _HALVES,
    stops_at_limit=st.booleans(),
)
_GENEROUS = Terms(idle_limit_s=5, allows_manual_time=True, declared_left_ms=10_000, declared_per_day_ms=10_000)
_MEMOS = st.sampled_from(["", "map", "call"])
_CONTRACTS = st.sampled_from([ONE, TWO])
_EVENTS: st.SearchStrategy[Event | Callable[[int], Event]] = st.one_of(
    st.builds(Start, _CONTRACTS, _MEMOS, st.just(_GENEROUS) | _TERMS, st.none() | st.just("review")),
    st.just(Stop()),
    st.builds(SetMemo, _MEMOS),
    st.builds(SetLabel, st.none() | st.just("design")),
    st.builds(Declare, st.none() | st.sampled_from(Declared)),
    st.sampled_from([Discard(), Keep(), Lock(), Unlock(), Lock(), Unlock(), Suspend(), ContractEnded()]),
    st.builds(Assign, _CONTRACTS, _MEMOS, _TERMS),
    st.builds(NewTerms, _TERMS),
    st.builds(lambda back_ms: lambda now_ms: TakenOver(now_ms - back_ms), _HALVES),
)
_STEPS = st.lists(
    st.one_of(
        _EVENTS.map(lambda event: ("do", event)),
        st.tuples(st.just("work"), st.integers(1, 16)),
        st.tuples(st.just("rest"), st.integers(1, 24)),
        st.tuples(st.just("sleep"), st.sampled_from([1500, 20_000, 3_600_000, DAY_MS, 7 * DAY_MS])),
    ),
    min_size=1,
    max_size=40,
)
_STARTED = ("do", Start(ONE, "memo", _GENEROUS))


def _event(what: object, now_ms: int) -> Event:
    return what(now_ms) if callable(what) else what  # type: ignore[return-value]


@settings(max_examples=150, deadline=None)
@given(_STEPS)
def test_the_machine_records_what_the_book_does(steps: list[tuple[str, object]]) -> None:
    machine, book = Machine(FakeClock(SUNDAY_MS)), Book()
    asleep: list[tuple[int, int]] = []
    for step, what in [_STARTED, *steps]:
        if step == "do":
            event = _event(what, book.utc_ms)
            is_allowed = book.do(event)
            before = machine.state
            try:
                machine.do(event)
            except RefusedError:
                assert not is_allowed, event
                assert machine.state == before
            else:
                assert is_allowed, event
        elif step == "sleep":
            assert isinstance(what, int)
            asleep.append((book.utc_ms, book.utc_ms + what))
            book.sleep(what)
            machine.clock.suspend(what)
            machine.tick(has_input=False)
        else:
            assert isinstance(what, int)
            for _ in range(what):
                book.half_second(has_input=step == "work")
                machine.clock.advance(HALF_MS)
                machine.tick(has_input=step == "work")
        assert _mode(machine.state) == book.mode
        assert (machine.state.declared is not None) == book.declared
        if book.mode != "stopped":
            left = machine.state.terms
            assert (left.limit_left_ms, left.declared_left_ms) == (book.limit_ms, book.declared_ms)
        assert [ms for one in machine.state.away for ms in range(one.start_ms, one.end_ms, HALF_MS)] == book.away
    worked = machine.worked()
    assert not overlaps(worked)
    written = {
        at: (one.contract, one.kind, one.memo, one.label)
        for one in worked
        for at in range(one.start_ms, one.end_ms, HALF_MS)
    }
    assert written == book.entries
    for one in worked:
        assert not any(one.start_ms < end_ms and start_ms < one.end_ms for start_ms, end_ms in asleep)


@settings(max_examples=200, deadline=None)
@given(_STEPS, st.lists(st.integers(0, 4000), max_size=8), st.booleans())
def test_it_does_not_matter_how_often_it_is_asked(
    steps: list[tuple[str, object]], pieces_ms: list[int], is_only_looked: bool
) -> None:
    """From any state, without input: many ticks, or looks, or one tick at the end come to the same."""
    machine = _led(steps)
    often, rarely = machine.state, machine.state
    often_worked, rarely_worked = machine.worked(), machine.worked()
    effects_often: list[Effect] = []
    for ms in pieces_ms:
        machine.clock.advance(ms)
        if is_only_looked and often.phase is not Phase.STOPPED:
            often = looked(often, machine.now())
        else:
            often, effects = transition(often, Tick(machine.input_ms), machine.now())
            effects_often += effects
    often, effects = transition(often, Tick(machine.input_ms), machine.now())
    rarely, effects_rarely = transition(rarely, Tick(machine.input_ms), machine.now())
    if rarely.phase is Phase.STOPPED or often.phase is Phase.STOPPED:
        return  # at the limit: one late tick knows of idleness that many would not have waited for
    assert carried_out([*effects_often, *effects], often_worked) == carried_out(effects_rarely, rarely_worked)
    assert replace(often, recorded_to_ms=0) == replace(rarely, recorded_to_ms=0)  # an upper bound after a cut


@settings(max_examples=150, deadline=None)
@given(_STEPS, st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=5))
def test_a_changed_clock_changes_nothing(steps: list[tuple[str, object]], changes_ms: list[int]) -> None:
    assert _led(steps).worked() == _led(steps, changes_ms).worked()


@settings(max_examples=100, deadline=None)
@given(_STEPS, st.integers(-(10**11), 10**11))
def test_declared_time_never_idles(steps: list[tuple[str, object]], input_ms: int) -> None:
    machine = _led(steps)
    if machine.state.declared is None:
        return
    state = replace(machine.state, terms=replace(machine.state.terms, declared_left_ms=10**12, stops_at_limit=False))
    state = replace(state, terms=replace(state.terms, declared_per_day_ms=10**12))
    machine.clock.advance(10**8)
    state, _ = transition(state, Tick(input_ms), machine.now())
    assert (state.phase, state.declared) == (Phase.TRACKING, machine.state.declared)


def _led(steps: list[tuple[str, object]], changes_ms: list[int] | None = None) -> Machine:
    """Lead a machine through a day; a change of the system clock comes with each step, if any are given."""
    machine = Machine(FakeClock(SUNDAY_MS))
    for number, (step, what) in enumerate([_STARTED, *steps]):
        if changes_ms:
            machine.clock.step(changes_ms[number % len(changes_ms)])
        if step == "do":
            try:
                machine.do(_event(what, machine.now().utc_ms))
            except RefusedError:
                continue
        elif step == "sleep":
            assert isinstance(what, int)
            machine.clock.suspend(what)
            machine.tick(has_input=False)
        else:
            assert isinstance(what, int)
            for _ in range(what):
                machine.clock.advance(HALF_MS)
                machine.tick(has_input=step == "work")
    return machine
