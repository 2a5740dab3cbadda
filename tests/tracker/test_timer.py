"""The timer at work, on a clock, a keyboard and a person that the test moves, and on a real buffer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.clock import NOON_MS, FakeClock
from tests.fakes.idle import FakeIdle
from tests.fakes.input import FakeInput
from tests.fakes.screen import FakeScreen
from tests.fakes.terms import contract
from tests.fakes.windows import FakeWindows
from tracker.capture.input.port import NullInput
from tracker.domain import events
from tracker.domain.errors import MachineError
from tracker.domain.session import PauseReason, Phase
from tracker.exclusions import Exclusions
from tracker.sight import Sight
from tracker.snapshotter import Snapshotter
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.journal import Journal
from tracker.timer import Timer
from wire.words import MINUTE_MS, SEGMENT_MS, ActivitySource

ONE, TWO = contract(1), contract(2)


class Rig:
    """A timer with everything around it; `run` lets time pass with the ticks that the engine would make."""

    def __init__(self, folder: Path, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.buffer: Buffer = open_buffer(folder, bytes(range(32)))
        self.input = FakeInput(self.clock.mono_ms)
        self.idle = FakeIdle(self.input)
        self.timer = Timer(self.buffer, self.clock, self.input, self.idle)

    def again(self) -> "Rig":
        """Die without a word and start again on the same buffer and machine."""
        folder = Path(self.buffer.database.rows("PRAGMA database_list")[0][2]).parent
        self.buffer.database.close()
        return Rig(folder, self.clock)

    def contact(self, error_ms: int = 0) -> None:
        self.timer.learn_time(self.clock.read(), self.clock.true_ms + error_ms)

    def run(self, ms: int, each: Callable[[], None] = lambda: None) -> None:
        while ms > 0:
            pause_ms = self.timer.next_tick_ms(self.timer.now())
            step_ms = ms if pause_ms is None else min(ms, pause_ms)
            self.clock.advance(step_ms)
            ms -= step_ms
            each()
            self.timer.tick()

    def spans(self) -> list[tuple[int, int]]:
        rows = self.buffer.database.rows("SELECT start_ms, end_ms FROM worked ORDER BY start_ms")
        return [(start_ms - NOON_MS, end_ms - NOON_MS) for start_ms, end_ms in rows]

    def worked_ms(self) -> int:
        return sum(end_ms - start_ms for start_ms, end_ms in self.spans())

    def minutes(self) -> dict[int, tuple[int, int, int, int]]:
        """Keys, clicks, scrolls and movement by minute since noon."""
        rows = self.buffer.database.rows(
            "SELECT (at_ms - ?1) / ?2, sum(keys), sum(clicks), sum(scrolls), max(moved) FROM activity GROUP BY 1",
            (NOON_MS, MINUTE_MS),
        )
        return {minute: (keys, clicks, scrolls, moved) for minute, keys, clicks, scrolls, moved in rows}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "data")
    rig.contact()
    yield rig
    rig.buffer.database.close()


# Ticks


def test_it_ticks_every_five_seconds_and_at_each_minutes_end(rig: Rig) -> None:
    rig.clock.advance(2000)
    assert rig.timer.next_tick_ms(rig.timer.now()) is None
    rig.timer.start(ONE, "memo")
    ticks: list[int] = []
    rig.run(70_000, lambda: ticks.append(rig.clock.true_ms - NOON_MS))
    assert ticks[:2] == [7000, 12_000]
    assert ticks[-4:] == [60_000, 65_000, 70_000, 72_000]
    assert rig.spans() == [(2000, 72_000)]


def test_every_tick_is_committed(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(10_000)
    assert rig.buffer.journal.last_end_ms() == NOON_MS + 10_000
    again = rig.again()
    assert again.buffer.journal.interrupted_at_ms() == NOON_MS + 10_000
    assert again.spans() == [(0, 10_000)]
    again.buffer.database.close()


def test_stopped_it_is_not_taken_for_interrupted(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(10_000)
    rig.timer.stop()
    assert rig.buffer.journal.interrupted_at_ms() is None


# Counts


def test_counts_belong_to_the_minute_they_were_made_in(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    for keys in (1, 2, 4):
        rig.run(MINUTE_MS - 1)
        rig.input.press(keys=keys, clicks=10 * keys, scrolls=100 * keys)
        rig.run(1)
    rig.idle.move()
    rig.run(1000)
    assert rig.minutes() == {0: (1, 10, 100, 0), 1: (2, 20, 200, 0), 2: (4, 40, 400, 0), 3: (0, 0, 0, 1)}


def test_active_time_belongs_to_the_minute_it_was_measured_in(rig: Rig) -> None:
    rig.input.source = ActivitySource.ACTIVE_SECONDS
    rig.timer.start(ONE, "memo")
    for active_ms in (1500, 60_000):
        rig.run(MINUTE_MS - 1)
        rig.input.press(active_ms=active_ms)
        rig.run(1)
    rig.timer.stop()
    (recorded,) = (rig.buffer.journal.recorded(ONE.id, NOON_MS),)
    assert recorded is not None
    found = [((one.at_ms - NOON_MS) // MINUTE_MS, one.active_ms) for one in recorded.activity if one.active_ms]
    assert found == [(0, 1500), (1, 60_000)]
    assert {one.source for one in recorded.activity} == {ActivitySource.ACTIVE_SECONDS}


def test_active_time_moves_with_provisional_time(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeClock(error_ms=-MINUTE_MS))
    rig.input.source = ActivitySource.ACTIVE_SECONDS
    rig.timer.start(ONE, "memo")
    rig.input.press(active_ms=2500)
    rig.run(5000)
    rig.contact()
    recorded = rig.buffer.journal.recorded(ONE.id, NOON_MS)
    assert recorded is not None
    assert [(one.at_ms, one.active_ms) for one in recorded.activity] == [(NOON_MS, 2500)]
    rig.buffer.database.close()


def test_the_idle_watch_is_let_go_whenever_nothing_is_tracked(rig: Rig) -> None:
    closed = []
    rig.timer.start(ONE, "memo")
    closed.append(rig.idle.is_closed)
    rig.timer.stop()
    closed.append(rig.idle.is_closed)
    rig.timer.start(ONE, "memo")
    rig.run(1000)
    closed.append(rig.idle.is_closed)
    rig.clock.suspend(60_000)
    rig.timer.tick()
    assert rig.timer.state.phase is Phase.PAUSED
    closed.append(rig.idle.is_closed)
    assert closed == [False, True, False, True]


def test_input_is_counted_while_tracking_and_at_no_other_time(rig: Rig) -> None:
    rig.input.press(keys=100)
    rig.timer.start(ONE, "memo")
    rig.run(1000)
    rig.input.press(keys=1)
    rig.clock.advance(1)
    rig.timer.stop()
    rig.input.press(keys=100)
    rig.run(5000)
    rig.timer.start(ONE, "memo")
    rig.run(1000)
    rig.clock.suspend(60_000)
    rig.timer.tick()
    assert rig.timer.state.phase is Phase.PAUSED
    assert not rig.input.running
    rig.input.press(keys=100)
    rig.run(5000)
    rig.timer.start(ONE, "memo")
    rig.run(1000)
    assert sum(keys for keys, *_ in rig.minutes().values()) == 1


def test_input_before_a_stop_or_switch_is_the_contracts_it_was_made_on(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(1000)
    rig.input.press(keys=1)
    rig.clock.advance(10)
    rig.timer.start(TWO, "memo")
    rig.input.press(keys=2)
    rig.clock.advance(10)
    rig.timer.stop()
    rows = rig.buffer.database.rows("SELECT contract, sum(keys) FROM activity GROUP BY contract ORDER BY contract")
    assert rows == [(str(ONE.id), 1), (str(TWO.id), 2)]


def test_input_is_not_lost_between_two_events_of_one_millisecond(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(1000)
    rig.input.press(keys=5)
    rig.idle.move()
    rig.timer.set_memo("other")
    rig.run(1000)
    assert rig.minutes() == {0: (5, 0, 0, 1)}


def test_a_counter_that_died_is_started_again_and_its_counts_are_kept(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.input.press(keys=3)
    rig.input.die("The display went away.")
    rig.run(5000)
    assert rig.timer.counting_problem() == "The display went away."
    rig.input.lost = None
    rig.run(5000)
    assert rig.timer.counting_problem() is None
    rig.input.press(keys=4)
    rig.run(5000)
    assert rig.minutes()[0][0] == 7


def test_a_minute_in_which_the_counter_was_dead_says_that_nothing_was_measured(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.input.die("The display went away.")
    rig.run(MINUTE_MS)
    rig.input.lost = None
    rig.run(5000)  # it is started again at the end of this
    rig.run(MINUTE_MS)
    rows = rig.buffer.database.rows("SELECT (at_ms - ?) / 60000, source FROM activity ORDER BY at_ms", (NOON_MS,))
    assert rows[0] == (0, ActivitySource.NONE)
    assert rows[-1] == (2, ActivitySource.COUNTS)


def test_idleness_that_cannot_be_noticed_is_told(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.idle.lost = "The pointer cannot be watched."
    assert rig.timer.counting_problem() == "The pointer cannot be watched."
    rig.timer.stop()
    assert rig.timer.counting_problem() is None


def test_where_nothing_can_be_counted_time_is_and_the_source_says_so(tmp_path: Path) -> None:
    buffer, clock = open_buffer(tmp_path, bytes(32)), FakeClock()
    timer = Timer(buffer, clock, NullInput("No counts here."), FakeIdle())
    timer.start(ONE, "memo")
    clock.advance(5000)
    timer.tick()
    recorded = buffer.journal.recorded(ONE.id, NOON_MS)
    assert recorded is not None
    assert (recorded.intervals[0].worked_ms, recorded.activity[0].source) == (5000, ActivitySource.NONE)
    assert timer.counting_problem() == "No counts here."
    buffer.database.close()


# Idle, suspended


def test_idleness_takes_the_time_since_the_last_input_away(rig: Rig) -> None:
    rig.timer.start(ONE, "first")
    rig.run(7 * MINUTE_MS)
    rig.input.press(keys=1)
    rig.run(5 * MINUTE_MS)
    rig.timer.set_memo("second")
    rig.run(5 * MINUTE_MS)
    assert (rig.timer.state.phase, rig.timer.state.pause_reason) == (Phase.PAUSED, PauseReason.IDLE)
    assert rig.spans() == [(0, 7 * MINUTE_MS)]
    assert rig.timer.state.session_ms == 7 * MINUTE_MS
    assert not rig.input.running


def test_a_moving_pointer_is_no_idleness(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    for _ in range(4):
        rig.run(9 * MINUTE_MS)
        rig.idle.move()
    rig.run(5000)
    assert rig.timer.is_tracking
    assert rig.worked_ms() == 36 * MINUTE_MS + 5000


def test_suspension_is_never_worked(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(12_000)
    rig.clock.suspend(8 * 3_600_000)
    rig.run(60_000)
    assert rig.timer.state.pause_reason is PauseReason.SUSPENDED
    rig.timer.start(ONE, "memo")
    rig.run(1000)
    back_ms = 12_000 + 8 * 3_600_000 + 60_000
    assert rig.spans() == [(0, 12_000), (back_ms, back_ms + 1000)]


# Clocks


@pytest.mark.parametrize("step_ms", [-(10**11), -1000, 1000, 10**11])
def test_a_changed_clock_changes_nothing_that_is_recorded(rig: Rig, step_ms: int) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    rig.clock.step(step_ms)
    rig.run(60_000)
    rig.timer.stop()
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    assert rig.spans() == [(0, 180_000)]
    assert rig.minutes() == dict.fromkeys(range(3), (0, 0, 0, 0))


def test_time_before_the_first_contact_is_corrected_by_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeClock(error_ms=-86_400_000))
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    assert rig.timer.now().is_provisional
    rig.contact()
    rig.run(60_000)
    rig.timer.stop()
    assert rig.spans() == [(0, 120_000)]
    assert rig.timer.state.started_ms == 0
    assert not any(one.unsealed.is_provisional for one in rig.buffer.journal.open_segments())
    rig.buffer.database.close()


def test_a_correction_waits_for_a_break_and_never_overlaps(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    rig.contact(-10_000)
    rig.run(60_000)
    rig.timer.stop()
    rig.clock.advance(9_999)
    rig.timer.start(ONE, "memo")
    rig.run(1)
    rig.timer.stop()
    assert rig.spans() == [(0, 120_000), (129_999, 130_000)]
    rig.clock.advance(10_000)
    rig.timer.start(ONE, "memo")
    rig.run(5)
    assert rig.spans() == [(0, 120_000), (129_999, 130_005)]


def test_the_break_after_a_suspension_began_with_it(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    rig.contact(-10_000)
    rig.clock.suspend(3_600_000)
    rig.timer.tick()
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    start_ms = 60_000 + 3_600_000 - 10_000
    assert rig.spans() == [(0, 60_000), (start_ms, start_ms + 5000)]


def test_the_break_is_measured_in_corrected_time(tmp_path: Path) -> None:
    """A first contact moves what is recorded, and so the end that the next correction's break is counted from."""
    rig = Rig(tmp_path, FakeClock(error_ms=-3_600_000))
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    rig.timer.stop()
    rig.contact()
    rig.contact(-30_000)
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    assert rig.spans() == [(0, 65_000)]
    rig.buffer.database.close()


@pytest.mark.parametrize("correction_ms", [-2000, 2000])
def test_a_crash_is_no_break(rig: Rig, correction_ms: int) -> None:
    """The waiting correction goes on waiting in the next run of the same boot."""
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    rig.contact(correction_ms)
    rig.run(60_000)
    rig = rig.again()
    rig.clock.advance(100)
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    assert rig.spans() == [(0, 120_000), (120_100, 125_100)]
    rig.timer.stop()
    rig.clock.advance(5000)
    rig = rig.again()
    rig.timer.start(ONE, "memo")
    rig.run(5)
    assert rig.spans()[-1] == (130_100 + correction_ms, 130_105 + correction_ms)
    rig.buffer.database.close()


def test_a_clock_changed_between_two_provisional_runs_of_a_boot_makes_no_overlap(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    rig.timer.stop()
    rig.clock.step(-50_000)
    rig = rig.again()
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    assert rig.timer.now().is_provisional
    assert rig.spans() == [(0, 120_000)]
    rig.buffer.database.close()


def test_after_a_boot_nothing_true_is_lost_to_a_slow_clock(rig: Rig) -> None:
    """Idle before its first contact, a boot that believes it is yesterday takes only its own time away."""
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    rig.clock.reboot(off_ms=60_000)
    rig.clock.step(-86_400_000)
    rig = rig.again()
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    rig.input.press(keys=1)
    rig.run(11 * MINUTE_MS)
    assert rig.timer.state.phase is Phase.PAUSED
    rig.contact()
    assert rig.spans() == [(0, 60_000), (120_000, 180_000)]
    rig.buffer.database.close()


# Idleness


def test_it_ticks_when_idleness_is_due_so_that_an_input_just_after_hides_nothing(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(3_000, each=rig.idle.move)
    rig.run(599_000)
    assert rig.timer.next_tick_ms(rig.timer.now()) == 1_000
    rig.run(1_000)
    assert rig.timer.state.pause_reason is PauseReason.IDLE
    assert rig.spans() == [(0, 3_000)]


def test_it_ticks_when_idleness_is_due_behind_a_locked_screen(rig: Rig) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(3_000, each=rig.idle.move)
    rig.run(4_000)
    rig.timer.hear(events.Lock())
    rig.clock.advance(595_000)
    assert rig.timer.next_tick_ms(rig.timer.now()) == 1_000
    rig.clock.advance(1_000)
    rig.timer.tick()
    assert rig.timer.state.pause_reason is PauseReason.IDLE
    assert rig.spans() == [(0, 3_000)]
    assert rig.timer.next_tick_ms(rig.timer.now()) is None


# A disk that fails


def _full(monkeypatch: pytest.MonkeyPatch, method: str = "write") -> None:
    def fail(*_: object, **__: object) -> None:
        raise MachineError("no room")

    monkeypatch.setattr(Journal, method, fail)


def test_a_lock_that_cannot_be_committed_ends_the_work_where_it_was_all_the_same(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    rig.clock.advance(2000)
    with monkeypatch.context() as context:
        _full(context)
        with pytest.raises(MachineError):
            rig.timer.hear(events.Lock())
        for _ in range(20):
            rig.clock.advance(1000)
            assert not rig.timer.look()
        with pytest.raises(MachineError):
            rig.timer.tick()
    rig.timer.tick()
    assert rig.timer.state.pause_reason is PauseReason.LOCKED
    assert rig.spans() == [(0, 7000)]


def test_what_was_heard_on_a_full_disk_is_handled_before_the_marketplaces_time_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path / "data", FakeClock(error_ms=3_600_000))
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    with monkeypatch.context() as context:
        _full(context)
        with pytest.raises(MachineError):
            rig.timer.hear(events.Lock())
        with pytest.raises(MachineError):
            rig.contact()
    rig.clock.advance(3000)
    rig.contact()
    assert rig.timer.state.pause_reason is PauseReason.LOCKED
    assert rig.spans() == [(0, 5000)]
    rig.buffer.database.close()


def test_time_and_counts_of_a_failed_tick_come_with_the_next(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    _full(monkeypatch)
    for keys in (1, 2):
        rig.clock.advance(5000)
        rig.input.press(keys=keys)
        rig.idle.move()
        with pytest.raises(MachineError):
            rig.timer.tick()
    monkeypatch.undo()
    rig.run(5000)
    assert rig.spans() == [(0, 20_000)]
    assert rig.minutes() == {0: (3, 0, 0, 1)}
    rig.run(5000)
    assert rig.minutes() == {0: (3, 0, 0, 1)}


def test_a_start_that_cannot_be_kept_counts_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    _full(monkeypatch)
    with pytest.raises(MachineError):
        rig.timer.start(ONE, "memo")
    assert not rig.timer.is_tracking
    assert not rig.input.running


def test_a_stop_that_cannot_be_kept_can_be_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    rig.input.press(keys=2)
    rig.clock.advance(1000)
    _full(monkeypatch)
    with pytest.raises(MachineError):
        rig.timer.stop()
    assert rig.timer.is_tracking
    monkeypatch.undo()
    rig.clock.advance(1000)
    rig.timer.stop()
    assert rig.spans() == [(0, 7000)]
    assert rig.minutes() == {0: (2, 0, 0, 0)}


def test_after_a_boot_that_ran_ahead_time_goes_on_at_its_end_until_a_break(tmp_path: Path) -> None:
    """Its correction never met a break as long as itself; the reboot was shorter, too."""
    rig = Rig(tmp_path, FakeClock())
    rig.contact(error_ms=30_000)
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    rig.timer.stop()
    assert rig.spans() == [(30_000, 35_000)]
    rig.clock.reboot(off_ms=1000)
    again = rig.again()
    again.timer.start(ONE, "memo")
    again.run(5000)
    again.contact()
    again.run(5000)
    again.timer.stop()
    assert again.spans() == [(30_000, 35_000), (35_000, 45_000)], "not a millisecond lost, and no overlap"
    assert again.timer.cut_ms == 0
    again.clock.advance(30_000)
    again.timer.start(ONE, "memo")
    assert again.timer.now().utc_ms == again.clock.true_ms, "a break lets the marketplace's time in"
    again.buffer.database.close()


def test_work_begun_just_before_the_contact_overlaps_no_earlier_boot(tmp_path: Path) -> None:
    """The earlier boot's place is a guess; it was over when this one began, whatever this one has recorded by now."""
    rig = Rig(tmp_path, FakeClock(error_ms=3_600_000))
    rig.timer.start(ONE, "memo")
    rig.run(60_000)
    rig.timer.stop()
    rig.clock.step(-3_600_000)
    rig.clock.reboot(off_ms=60_000)
    again = rig.again()
    again.clock.advance(20_000)
    again.timer.start(TWO, "memo")
    again.clock.advance(1500)
    again.contact()
    again.run(5000)
    again.timer.stop()
    (_, earlier_end_ms), (later_start_ms, later_end_ms) = again.spans()
    assert earlier_end_ms <= 120_000
    assert (later_start_ms, later_end_ms) == (140_000, 146_500)
    again.buffer.database.close()


def test_corrected_time_that_is_recorded_already_is_left_out_and_told_until_the_next_start(tmp_path: Path) -> None:
    """The marketplace itself was two hours ahead before."""
    rig = Rig(tmp_path, FakeClock())
    rig.contact(error_ms=2 * 3_600_000)
    rig.timer.start(ONE, "memo")
    rig.run(4_000_000, lambda: rig.input.press(keys=1))
    rig.timer.stop()
    rig.clock.reboot(off_ms=2 * 3_600_000 - 4_003_000)
    again = rig.again()
    again.timer.start(ONE, "memo")
    again.run(5000)
    again.contact()
    assert again.worked_ms() == 4_003_000
    assert again.timer.cut_ms == 2000
    again.timer.start(ONE, "memo")
    assert again.timer.cut_ms == 0
    again.buffer.database.close()


def test_a_contact_that_cannot_be_kept_corrects_nothing_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a correction would leave provisional rows that no later contact moves."""
    rig = Rig(tmp_path, FakeClock(error_ms=-60_000))
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    _full(monkeypatch, "shift_provisional")
    with pytest.raises(MachineError):
        rig.contact()
    assert rig.timer.now().is_provisional
    monkeypatch.undo()
    rig.contact()
    rig.run(5000)
    assert rig.spans() == [(0, 10_000)]
    rig.buffer.database.close()


# Memos and snapshots


@pytest.mark.parametrize("memo", ["\ud800", "a\x00b", "😀" * 10_000, "", "\u202e\ufeff\n"])
def test_no_memo_loses_time(rig: Rig, memo: str) -> None:
    rig.timer.start(ONE, memo)
    rig.run(5000)
    rig.timer.set_memo("x" + memo)
    rig.run(5000)
    rig.timer.stop()
    assert rig.worked_ms() == 10_000


def _snapshotter(rig: Rig, screen: FakeScreen, instant_ms: int) -> Snapshotter:
    sight = Sight(FakeWindows(), Exclusions(rig.buffer.settings))
    return Snapshotter(screen, sight, rig.buffer.snapshots, rig.buffer.pictures, lambda *_: (instant_ms,))


def test_nothing_is_captured_while_the_timer_does_not_run(rig: Rig) -> None:
    """A snapshot that is due is one that the running session reaches: what lies before its start never comes."""
    screen = FakeScreen()
    snapshotter = _snapshotter(rig, screen, 30_000)
    rig.timer.start(ONE, "memo")
    rig.run(20_000)
    rig.clock.suspend(60_000)
    rig.timer.tick()
    rig.timer.start(ONE, "memo")
    rig.run(5000)
    assert snapshotter.due_ms(ONE, rig.timer.state.started_ms, rig.timer.now()) is None
    assert screen.grabs == 0
    assert rig.buffer.snapshots.instants(ONE.id, NOON_MS, is_taken=False) == (30_000,)


def test_idleness_destroys_the_pictures_taken_meanwhile(rig: Rig) -> None:
    snapshotter = _snapshotter(rig, FakeScreen(), 0)
    rig.timer.start(ONE, "memo")
    rig.run(MINUTE_MS)
    rig.input.press(keys=1)
    snapshotter.take(ONE, NOON_MS + MINUTE_MS - 1, rig.timer.now())
    rig.run(1000)
    snapshotter.take(ONE, NOON_MS + MINUTE_MS + 1000, rig.timer.now())
    assert len(rig.buffer.snapshots.of_segment(ONE.id, NOON_MS)) == 2
    rig.run(SEGMENT_MS)
    assert rig.timer.state.pause_reason is PauseReason.IDLE
    assert rig.buffer.snapshots.of_segment(ONE.id, NOON_MS) == []
    assert rig.buffer.pictures.names() == set()
