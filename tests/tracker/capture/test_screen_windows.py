"""Windows's screen, as far as it can be tried elsewhere."""

import pytest
from mss.exception import ScreenShotError

from tests.fakes.win32 import PER_MONITOR_AWARE_V2, SYSTEM_AWARE, FakeWin32
from tracker.capture.foreign import load_dll
from tracker.capture.screen.port import ScreenUnavailableError
from tracker.capture.screen.windows import WindowsScreen


def _screen(windows: FakeWin32) -> WindowsScreen:
    return WindowsScreen(windows.load, windows.open_mss, windows.last_error)


def test_real_pixels_come_whatever_the_process_is_aware_of() -> None:
    windows = FakeWin32((3840, 2160), (1920, 1080))
    with windows.open_mss() as unaware:
        assert unaware.monitors[1:] == [(2560, 1440), (1280, 720)], "what the person would get without it"
    frames = _screen(windows).grab()

    assert [(frame.width, frame.height) for frame in frames] == [(3840, 2160), (1920, 1080)]


def test_the_awareness_is_the_threads_own_again_after_a_grab_and_after_a_failure() -> None:
    windows = FakeWin32()
    seen: list[int] = []
    windows.grab_failure = ScreenShotError("Windows graphics function failed: BitBlt: Access is denied.")

    def open_mss() -> object:
        seen.append(windows.dpi)
        return windows.open_mss()

    screen = WindowsScreen(windows.load, open_mss, windows.last_error)

    with pytest.raises(ScreenUnavailableError, match=r"does not give one \(Windows .* BitBlt: Access is denied\)\."):
        screen.grab()
    windows.grab_failure = None
    screen.grab()

    assert seen == [PER_MONITOR_AWARE_V2] * 2
    assert windows.dpi == SYSTEM_AWARE
    assert windows.calls.count("mss closed") == 2


def test_a_windows_that_does_not_know_v2_gives_real_pixels_all_the_same() -> None:
    windows = FakeWin32((3840, 2160))
    windows.knows_v2 = False
    (frame,) = _screen(windows).grab()

    assert (frame.width, frame.height) == (3840, 2160)
    assert windows.dpi == SYSTEM_AWARE


def test_a_windows_without_real_pixels_takes_no_picture_and_says_which_is_needed() -> None:
    windows = FakeWin32()
    windows.refuses = {"SetThreadDpiAwarenessContext"}

    with pytest.raises(ScreenUnavailableError, match=r"real pixels.*error 5.*Update to Windows 10 1809 or later\."):
        _screen(windows).grab()
    windows.missing = {"SetThreadDpiAwarenessContext"}
    with pytest.raises(ScreenUnavailableError, match="this system has no SetThreadDpiAwarenessContext"):
        _screen(windows).grab()
    assert "mss closed" not in windows.calls


def test_on_a_secure_desktop_nothing_is_grabbed() -> None:
    windows = FakeWin32()
    windows.own_desktop_shown = False

    with pytest.raises(ScreenUnavailableError, match=r"secure desktop.*Unlock the screen or answer the prompt\."):
        _screen(windows).grab()
    assert "SetThreadDpiAwarenessContext" not in windows.calls


def test_a_prompt_that_comes_up_during_the_grab_spoils_it() -> None:
    windows = FakeWin32()

    def open_and_lock() -> object:
        windows.own_desktop_shown = False
        return windows.open_mss()

    with pytest.raises(ScreenUnavailableError, match="secure desktop"):
        WindowsScreen(windows.load, open_and_lock, windows.last_error).grab()
    assert "mss closed" in windows.calls


def test_whether_it_is_the_persons_desktop_must_be_known() -> None:
    windows = FakeWin32()
    windows.refuses = {"GetUserObjectInformationW"}

    with pytest.raises(ScreenUnavailableError, match="GetUserObjectInformation, error 5"):
        _screen(windows).grab()


def test_no_monitor_is_no_picture() -> None:
    windows = FakeWin32()
    windows.sizes = ()

    with pytest.raises(ScreenUnavailableError, match="no monitor is connected"):
        _screen(windows).grab()


def test_elsewhere_it_says_that_this_is_no_windows() -> None:
    with pytest.raises(ScreenUnavailableError, match="no libraries of Windows"):
        WindowsScreen(load_dll).grab()
