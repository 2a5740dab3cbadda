"""Windows's window list, as far as it can be tried elsewhere."""

import ctypes

import pytest

from tests.fakes.win32 import FakeWin32, Win32Window
from tracker.capture.window.port import Window, WindowsUnavailableError
from tracker.capture.window.windows import ProcessEntry, WindowsWindows


def _windows(*open_windows: Win32Window) -> FakeWin32:
    windows = FakeWin32()
    windows.windows = list(open_windows)
    windows.processes = {4: "firefox.exe", 8: "Notepad.exe", 12: "ApplicationFrameHost.exe", 16: "Calculator.exe"}
    return windows


def _listed(windows: FakeWin32) -> tuple[Window, ...]:
    return WindowsWindows(windows.load, windows.last_error).visible()


def test_windows_are_told_by_program_and_title_and_the_active_one() -> None:
    windows = _windows(Win32Window(0x7FFF_0001_0002, 4, "Bank – Firefox"), Win32Window(0x20, 8, "notes.txt"))
    windows.active = 0x20

    assert _listed(windows) == (Window("firefox.exe", "Bank – Firefox"), Window("Notepad.exe", "notes.txt", True))
    assert windows.calls.count("CloseHandle") == 1


@pytest.mark.parametrize(
    "hidden",
    [
        Win32Window(1, 4, "hidden", visible=False),
        Win32Window(1, 4, "minimised", minimised=True),
        Win32Window(1, 4, "on another virtual desktop", cloaked=2),
        Win32Window(1, 4, "a suspended app", cloaked=1),
    ],
)
def test_what_cannot_be_seen_is_left_out(hidden: Win32Window) -> None:
    assert _listed(_windows(hidden, Win32Window(2, 8, "seen"))) == (Window("Notepad.exe", "seen"),)


def test_where_the_cloak_cannot_be_asked_for_the_window_counts_as_seen() -> None:
    windows = _windows(Win32Window(1, 4, "seen", cloaked=2))
    assert _listed(windows) == ()
    windows.dwm_error = -0x7FF8FFFB  # E_ACCESSDENIED

    assert len(_listed(windows)) == 1


def test_a_store_app_is_told_by_its_own_program() -> None:
    framed, bare = Win32Window(1, 12, "Calculator", inner=16), Win32Window(2, 12, "Settings")

    assert _listed(_windows(framed, bare)) == (
        Window("Calculator.exe", "Calculator"),
        Window("ApplicationFrameHost.exe", "Settings"),
    )


def test_a_window_that_closes_meanwhile_is_left_out_and_one_that_stays_unreadable_is_not() -> None:
    closing, staying = Win32Window(1, 99, "closing", alive=False), Win32Window(2, 8, "seen")
    assert _listed(_windows(closing, staying)) == (Window("Notepad.exe", "seen"),)

    with pytest.raises(WindowsUnavailableError, match="a window's program has no name"):
        _listed(_windows(Win32Window(1, 99, "nobody's"), staying))


def test_titles_of_any_length_and_script_are_read() -> None:
    titles = ["", "日本語 ✓", "𝒟aybook", "x" * 2_000, "\ud800 half a pair"]
    listed = _listed(_windows(*(Win32Window(number, 4, title) for number, title in enumerate(titles, start=1))))

    assert [window.title for window in listed] == ["", "日本語 ✓", "𝒟aybook", "x" * 511, "\ufffd half a pair"]


@pytest.mark.parametrize("refused", ["EnumWindows", "CreateToolhelp32Snapshot"])
def test_a_refusal_is_a_sentence(refused: str) -> None:
    windows = _windows(Win32Window(1, 4, "seen"))
    windows.refuses = {refused}

    with pytest.raises(WindowsUnavailableError, match=rf"{refused}, error 5.*\.$"):
        _listed(windows)


def test_elsewhere_it_says_that_this_is_no_windows() -> None:
    with pytest.raises(WindowsUnavailableError, match="no libraries of Windows"):
        WindowsWindows().visible()


def test_the_structure_has_windowss_size() -> None:
    assert (ctypes.sizeof(ProcessEntry), ProcessEntry.th32ProcessID.offset, ProcessEntry.szExeFile.offset) == (
        568,
        8,
        44,
    )
