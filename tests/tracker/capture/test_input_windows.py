"""Windows's raw input, as far as it can be tried elsewhere."""

import ctypes

import pytest

from stage.waiting import until
from tests.fakes.win32 import FakeWin32, key, mouse, typed
from tracker.capture.input.port import Counts, InputUnavailableError
from tracker.capture.input.windows import ELEVATED_WINDOWS, Device, RawInput, Tally, WindowsInput

UP, E0, E1 = 1, 2, 4


def _counted(*records: bytes) -> Counts:
    """Count records that lie one behind the other, each aligned to eight bytes as Windows lays them."""
    tally = Tally()
    tally.add(memoryview(b"".join(records)), len(records))
    return tally.take()


def _counter(windows: FakeWin32) -> WindowsInput:
    return WindowsInput(lambda: 1_000, windows.load, windows.last_error)


def test_a_held_key_is_one_press() -> None:
    assert _counted(*[key(30)] * 40, key(30, UP), key(30), key(30, UP)) == Counts(2, 0, 0)


def test_keys_that_overlap_are_each_one_press() -> None:
    rolled = [key(30), key(31), key(31), key(30, UP), key(31), key(31, UP)]
    shifted = [key(42), key(42), key(30), key(30), key(30, UP), key(42, UP)]

    assert _counted(*rolled) == Counts(2, 0, 0)
    assert _counted(*shifted) == Counts(2, 0, 0), "a modifier is a key press too"


def test_left_and_right_are_two_keys() -> None:
    assert _counted(key(29), key(29, E0), key(29, UP | E0), key(29, UP)) == Counts(2, 0, 0)


def test_keys_without_a_code_are_told_by_their_virtual_key() -> None:
    assert _counted(key(0, virtual=0xB3), key(0, virtual=0xAF), key(0, virtual=0xAF)) == Counts(2, 0, 0)


def test_what_is_no_key_of_its_own_is_not_counted() -> None:
    pause = [key(29, E1, virtual=19), key(69, virtual=255), key(29, UP | E1, virtual=19), key(69, UP, virtual=255)]
    overrun = [key(255), key(255)]
    fake_shift = [key(42, E0, virtual=255), key(71, E0), key(71, UP | E0), key(42, UP | E0, virtual=255)]

    assert _counted(*pause, *overrun, *fake_shift) == Counts(2, 0, 0)


def test_each_button_is_a_click_when_it_goes_down() -> None:
    downs, ups = (0x1, 0x4, 0x10, 0x40, 0x100), (0x2, 0x8, 0x20, 0x80, 0x200)

    assert _counted(*map(mouse, downs), *map(mouse, ups)) == Counts(0, 5, 0)
    assert _counted(mouse(0x1 | 0x4)) == Counts(0, 2, 0), "two in one report"
    assert _counted(*[mouse(moved=5)] * 500) == Counts(0, 0, 0), "movement is no count"


@pytest.mark.parametrize(
    ("turns", "scrolls"),
    [
        ([120, 120, -120], 3),
        ([240], 2),
        ([40, 40, 40, 40, 40], 1),
        ([40, 40, -40, -40], 0),  # back again before a notch was whole
        ([-30] * 8, 2),
        ([100, -120], 1),
        ([0], 0),
    ],
)
def test_a_notch_of_either_wheel_is_a_scroll(turns: list[int], scrolls: int) -> None:
    assert _counted(*(mouse(0x400, turn) for turn in turns)) == Counts(0, 0, scrolls)
    assert _counted(*(mouse(0x800, turn) for turn in turns)) == Counts(0, 0, scrolls)


def test_the_two_wheels_do_not_add_up_to_a_notch() -> None:
    assert _counted(mouse(0x400, 60), mouse(0x800, 60)) == Counts(0, 0, 0)


def test_a_burst_is_counted_exactly() -> None:
    windows = FakeWin32()
    counter = _counter(windows)
    counter.start()
    for _ in range(100):
        windows.post([*typed(100), mouse(0x1), mouse(0x2), mouse(0x400, 120)])
    counter.stop()

    assert counter.take() == Counts(10_000, 100, 100)


def test_the_queue_is_read_in_its_own_thread_and_given_back() -> None:
    windows = FakeWin32()
    counter = _counter(windows)
    counter.start()
    assert windows.registered == {(1, 2): 0x100, (1, 6): 0x100}, "the mouse and the keyboard, in the background"
    windows.post(typed(1))
    until(counter.newest_ms, "the key", poll_s=0.001)
    counter.stop()

    assert windows.registered == {}
    assert windows.calls[-3:] == ["RegisterRawInputDevices", "DestroyWindow", "CloseHandle"]


def test_a_read_lets_the_next_wait_sleep_unless_something_came_just_after_it() -> None:
    windows = FakeWin32()
    source = RawInput(windows.load, windows.last_error)
    source.open()
    windows.post(typed(20))
    assert source.read() == Counts(20, 0, 0)
    wakes = [windows.wakes]
    windows.on_empty = lambda: windows.post(typed(1))
    source.read()
    wakes.append(windows.wakes)
    source.close()

    assert wakes == [False, True]


def test_nothing_of_a_key_stays_in_memory_once_it_is_read() -> None:
    windows = FakeWin32()
    source = RawInput(windows.load, windows.last_error)
    source.open()
    windows.post([key(0x1E1E), key(0x1E1E, UP)])
    assert source.read() == Counts(1, 0, 0)

    assert bytes(source._buffer) == bytes(len(source._buffer))
    held = [source._tally._held]
    windows.post([key(31), key(32), key(33)])
    source.read()
    held.append(source._tally._held)
    source.close()

    assert held == [None, (33, 0)], (
        "a key that is up again is forgotten; of those that are down, the newest alone stays"
    )


@pytest.mark.parametrize("refused", ["CreateEventW", "CreateWindowExW", "RegisterRawInputDevices"])
def test_each_refusal_names_its_call_and_leaves_nothing_behind(refused: str) -> None:
    windows = FakeWin32()
    windows.refuses = {refused}
    counter = _counter(windows)

    with pytest.raises(InputUnavailableError, match=rf"cannot be counted.*{refused}, error 5.*\.$"):
        counter.start()
    assert not counter.running
    assert ("DestroyWindow" in windows.calls) == (refused == "RegisterRawInputDevices")
    assert ("CloseHandle" in windows.calls) == (refused != "CreateEventW")


def test_a_windows_that_lacks_a_function_says_which() -> None:
    windows = FakeWin32()
    windows.missing = {"RegisterRawInputDevices"}
    counter = _counter(windows)

    with pytest.raises(InputUnavailableError, match="this system has no RegisterRawInputDevices"):
        counter.start()
    assert windows.calls[-2:] == ["DestroyWindow", "CloseHandle"]


def test_elsewhere_it_says_that_this_is_no_windows() -> None:
    with pytest.raises(InputUnavailableError, match="no libraries of Windows"):
        WindowsInput(lambda: 0).start()


def test_an_error_of_ours_is_raised_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = _counter(FakeWin32())
    monkeypatch.setattr(RawInput, "open", lambda _self: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        counter.start()


def test_elevated_windows_are_a_limit_unless_the_tracker_is_elevated_too() -> None:
    windows = FakeWin32()
    assert _counter(windows).limit() == ELEVATED_WINDOWS
    assert "start Daybook as administrator too" in ELEVATED_WINDOWS
    windows.elevated = True
    assert _counter(windows).limit() is None
    assert windows.calls[-1] == "CloseHandle"

    windows.refuses = {"GetTokenInformation"}
    assert _counter(windows).limit() == ELEVATED_WINDOWS
    windows.refuses = {"OpenProcessToken"}
    assert _counter(windows).limit() == ELEVATED_WINDOWS


def test_the_structures_have_windowss_sizes() -> None:
    assert (ctypes.sizeof(Device), Device.dwFlags.offset, Device.hwndTarget.offset) == (16, 4, 8)
    assert (len(key(1)), len(mouse())) == (40, 48), "RAWINPUT of a keyboard and of a mouse, with its header of 24"
