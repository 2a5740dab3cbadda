"""Windows's idleness, as far as it can be tried elsewhere."""

import ctypes

import pytest

from tests.fakes.win32 import FakeWin32
from tracker.capture.idle.port import Idleness
from tracker.capture.idle.windows import LastInput, WindowsIdle


def _watch(windows: FakeWin32) -> WindowsIdle:
    return WindowsIdle(windows.load, windows.last_error)


@pytest.mark.parametrize("start", [0, 12_000, 2**32 - 3_000, 2**32 - 1, 2**31 - 2_000, 5 * 2**32 - 4_000])
def test_input_has_its_own_time_also_where_the_ticks_wrap(start: int) -> None:
    windows = FakeWin32()
    windows.tick = windows.last_tick = start
    watch = _watch(windows)
    assert watch.look(100_000) == Idleness(100_000, moved=False)
    windows.last_tick, windows.tick = start + 2_345, start + 5_000

    assert watch.look(105_000) == Idleness(102_345, moved=False)
    windows.tick = start + 10_000
    assert watch.look(110_000) == Idleness(102_345, moved=False), "the same input once more is none"


def test_weeks_without_input_are_weeks_without_input() -> None:
    windows = FakeWin32()
    watch = _watch(windows)
    watch.look(1_000)
    for week in range(1, 10):  # the ticks wrap after seven
        windows.tick = week * 7 * 86_400_000
        assert watch.look(1_000 + windows.tick) == Idleness(1_000, moved=False)


def test_a_tick_count_that_is_ahead_or_goes_back_moves_nothing_into_the_future_or_the_past() -> None:
    windows = FakeWin32()
    windows.tick, windows.last_tick = 50_000, 49_000
    watch = _watch(windows)
    watch.look(10_000)
    windows.tick, windows.last_tick = 55_000, 55_020
    assert watch.look(15_000) == Idleness(15_000, moved=False)
    windows.tick, windows.last_tick = 60_000, 54_990

    assert watch.look(20_000) == Idleness(15_000, moved=False)


def test_a_pointer_that_a_program_moved_is_no_input() -> None:
    windows = FakeWin32()
    watch = _watch(windows)
    watch.look(10_000)
    windows.pointer, windows.tick = (500, 500), 5_000

    assert watch.look(15_000) == Idleness(10_000, moved=False)


def test_a_pointer_that_cannot_be_seen_has_not_moved_and_is_found_again() -> None:
    windows = FakeWin32()
    watch = _watch(windows)
    watch.look(10_000)
    windows.pointer, windows.tick, windows.last_tick = None, 5_000, 4_000
    assert watch.look(15_000) == Idleness(14_000, moved=False), "the password typed at the lock screen"
    windows.pointer, windows.tick, windows.last_tick = (11, 10), 10_000, 9_000

    assert watch.look(20_000) == Idleness(19_000, moved=True)


def test_a_refusal_is_a_sentence() -> None:
    windows = FakeWin32()
    windows.refuses = {"GetLastInputInfo"}

    assert str(_watch(windows).problem()).endswith("inside your own desktop session.")
    assert "no libraries of Windows" in str(WindowsIdle().problem())
    assert WindowsIdle().look(3_000) == Idleness(3_000, moved=False)


def test_the_structure_has_windowss_size() -> None:
    assert (ctypes.sizeof(LastInput), LastInput.dwTime.offset) == (8, 4)
