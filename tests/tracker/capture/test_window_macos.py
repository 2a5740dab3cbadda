"""macOS's window list, as far as it can be tried elsewhere."""

import pytest

from tests.fakes.quartz import FakeQuartz, quartz_window
from tracker.capture.macos import RECORDING_STEP
from tracker.capture.window.macos import MacWindows
from tracker.capture.window.port import Window, WindowsUnavailableError


def _quartz(*windows: dict[str, object]) -> FakeQuartz:
    quartz = FakeQuartz()
    quartz.windows = list(windows)
    return quartz


def test_windows_are_told_by_program_and_title_and_the_first_is_active() -> None:
    quartz = _quartz(
        quartz_window("Safari", "Bank – Übersicht"),
        quartz_window("TextEdit", "notes 日本語"),
        quartz_window("Notes", None),
    )

    assert MacWindows(quartz.load).visible() == (
        Window("Safari", "Bank – Übersicht", is_active=True),
        Window("TextEdit", "notes 日本語"),
        Window("Notes", ""),
    )
    assert quartz.live == set()


def test_floating_windows_are_seen_and_the_menu_bars_are_none() -> None:
    quartz = _quartz(
        quartz_window("Window Server", "Menubar", 24),
        quartz_window("Slack", "Item-0", 25),
        quartz_window("Dock", "Dock", 20),
        quartz_window("Stickies", "a password", 3),
        quartz_window("TextEdit", "notes"),
        quartz_window("Window Server", "Desktop", -2147483603),
    )

    assert MacWindows(quartz.load).visible() == (
        Window("Stickies", "a password"),
        Window("TextEdit", "notes", is_active=True),
    )


def test_without_the_permission_there_are_no_titles_and_so_no_list() -> None:
    quartz = _quartz(quartz_window("Safari", None))
    quartz.granted = False

    with pytest.raises(WindowsUnavailableError) as caught:
        MacWindows(quartz.load).visible()
    assert str(caught.value).endswith(RECORDING_STEP)
    assert quartz.calls == ["preflight"], "it is the screen that asks for the permission"


def test_a_window_without_a_level_is_not_left_out_but_refused() -> None:
    quartz = _quartz(quartz_window("Safari", "Bank"), {"kCGWindowOwnerName": "Odd"})

    with pytest.raises(WindowsUnavailableError, match="a window has no kCGWindowLayer"):
        MacWindows(quartz.load).visible()
    assert quartz.live == set()


def test_no_list_is_a_sentence() -> None:
    quartz = _quartz()
    quartz.lists_windows = False

    with pytest.raises(WindowsUnavailableError, match=r"gave nothing.*\.$"):
        MacWindows(quartz.load).visible()
    with pytest.raises(WindowsUnavailableError, match="CoreGraphics"):
        MacWindows().visible()
