"""From readings to moments: the clock may say what it likes, time goes on as it does."""

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import NOON_MS, FakeClock
from tracker.domain.clock import Timebase


def _learnt(clock: FakeClock, error_ms: int = 0) -> Timebase:
    """A timebase that a contact made; the marketplace was off by so much."""
    timebase, _ = Timebase.at_boot(clock.read(), None).learn(clock.read(), clock.true_ms + error_ms)
    return timebase


def test_before_any_contact_the_system_clock_is_believed_provisionally() -> None:
    clock = FakeClock(error_ms=-7000)
    moment = Timebase.at_boot(clock.read(), None).moment(clock.read())
    assert moment.is_provisional
    assert moment.utc_ms == NOON_MS - 7000
    assert moment.clock_offset_ms == 0


def test_the_first_contact_gives_the_true_time_and_the_shift_at_once() -> None:
    clock = FakeClock(error_ms=-7000)
    timebase = Timebase.at_boot(clock.read(), None)
    clock.advance(60_000)
    timebase, shift_ms = timebase.learn(clock.read(), clock.true_ms)
    assert shift_ms == 7000
    moment = timebase.moment(clock.read())
    assert (moment.utc_ms, moment.is_provisional, moment.clock_offset_ms) == (NOON_MS + 60_000, False, 7000)


def test_the_shift_is_by_the_anchor_not_by_what_the_clock_says_later() -> None:
    clock = FakeClock(error_ms=-7000)
    timebase = Timebase.at_boot(clock.read(), None)
    clock.step(100_000)
    assert timebase.learn(clock.read(), clock.true_ms)[1] == 7000


def test_suspension_is_part_of_the_timestamp_and_not_of_monotonic_time() -> None:
    clock = FakeClock()
    timebase = _learnt(clock)
    before = timebase.moment(clock.read())
    clock.suspend(3_600_000)
    after = timebase.moment(clock.read())
    assert (after.utc_ms - before.utc_ms, after.mono_ms - before.mono_ms) == (3_600_000, 0)


@given(st.integers(-(10**12), 10**12))
def test_a_stepped_clock_changes_the_offset_alone(step_ms: int) -> None:
    clock = FakeClock()
    for timebase in (_learnt(clock), Timebase.at_boot(clock.read(), None)):
        before = timebase.moment(clock.read())
        clock.step(step_ms)
        after = timebase.moment(clock.read())
        assert (after.utc_ms, after.mono_ms, after.boot_ms) == (before.utc_ms, before.mono_ms, before.boot_ms)
        assert after.clock_offset_ms == before.clock_offset_ms - step_ms
        clock.step(-step_ms)


def test_a_later_contact_waits_for_a_break() -> None:
    clock = FakeClock()
    timebase, shift_ms = _learnt(clock).learn(clock.read(), clock.true_ms + 2000)
    assert shift_ms == 0
    assert timebase.moment(clock.read()).utc_ms == NOON_MS


def _at_start(correction_ms: int, break_ms: int) -> int:
    """Give the UTC at a start so long after the last end, with such a correction waiting."""
    clock = FakeClock()
    timebase, _ = _learnt(clock).learn(clock.read(), clock.true_ms + correction_ms)
    clock.advance(break_ms)
    return timebase.at_start(clock.read(), NOON_MS).moment(clock.read()).utc_ms


def test_a_break_as_long_as_the_correction_lets_it_in() -> None:
    assert _at_start(-2000, 1999) == NOON_MS + 1999
    assert _at_start(-2000, 2000) == NOON_MS
    assert _at_start(2000, 1999) == NOON_MS + 1999
    assert _at_start(2000, 2000) == NOON_MS + 4000


@given(st.integers(-(10**7), 10**7), st.integers(0, 10**7))
def test_no_start_lies_before_the_last_end(correction_ms: int, break_ms: int) -> None:
    assert _at_start(correction_ms, break_ms) >= NOON_MS


def test_without_any_work_yet_a_correction_holds_at_once() -> None:
    clock = FakeClock()
    timebase, _ = _learnt(clock).learn(clock.read(), clock.true_ms - 5000)
    timebase = timebase.at_start(clock.read(), None)
    assert timebase.moment(clock.read()).utc_ms == NOON_MS - 5000
    assert timebase.learnt is None


def test_without_a_correction_a_start_changes_nothing() -> None:
    clock = FakeClock()
    timebase = _learnt(clock)
    assert timebase.at_start(clock.read(), NOON_MS) == timebase


def test_the_next_run_of_a_boot_goes_on_with_the_timebase() -> None:
    """Provisional, learnt or with a correction waiting: what was recorded stands on it."""
    clock = FakeClock()
    waiting, _ = _learnt(clock).learn(clock.read(), clock.true_ms - 2000)
    for last in (Timebase.at_boot(clock.read(), None), _learnt(clock), waiting):
        clock.step(-60_000)
        assert Timebase.at_boot(clock.read(), last) == last


def test_another_boot_is_provisional_whatever_was_learnt() -> None:
    clock = FakeClock()
    last = _learnt(clock)
    clock.reboot(off_ms=3_600_000)
    moment = Timebase.at_boot(clock.read(), last).moment(clock.read())
    assert (moment.is_provisional, moment.utc_ms) == (True, NOON_MS + 3_600_000)
