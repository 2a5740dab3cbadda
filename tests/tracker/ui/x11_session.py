"""A tracker's window on a real X desktop, run as a program of its own: does what a person would, prints what it saw.

Usage: python -m tests.tracker.ui.x11_session SETTINGS_FILE
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from stage.processes import program
from tests.fakes.engine import FakeEngine, held, stopped, tracking
from tracker.ui.application import Desktop

_WITHIN_S = 10


def until(happened: Callable[[], bool], what: str) -> None:
    """Run Qt's loop until something has happened."""
    deadline = time.monotonic() + _WITHIN_S
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited for {what} in vain")
        QTest.qWait(10)


def focused() -> int:
    """Ask the X server which window has the focus."""
    done = subprocess.run([program("xdotool"), "getwindowfocus"], capture_output=True, text=True, check=False)
    return int(done.stdout or 0)


def main() -> None:
    """Type while a snapshot is announced, close the window, and be asked for again."""
    application = QApplication(sys.argv[:1])
    application.setQuitOnLastWindowClosed(False)
    engine = FakeEngine(stopped())
    desktop = Desktop(application, engine, QSettings(sys.argv[1], QSettings.Format.IniFormat), Qt.ColorScheme.Light)
    desktop.open()
    window = desktop.window
    until(window.isActiveWindow, "the window to become active")
    engine.publish(tracking(memo=""))
    window.change_memo()
    until(window.memo.edit.hasFocus, "the memo to have the focus")
    engine.change(snapshot=held())
    until(lambda: desktop.notice is not None and desktop.notice.isVisible(), "the notice")
    notice = desktop.notice
    assert notice is not None
    until(lambda: notice.windowHandle().isExposed(), "the notice to be on the screen")
    subprocess.run([program("xdotool"), "type", "typed"], check=True)
    until(lambda: bool(window.memo.edit.text()), "what is typed")
    until(lambda: len(window.memo.edit.text()) == len("typed"), "all that is typed")
    seen: dict[str, object] = {
        "typed": window.memo.edit.text(),
        "notice_active": notice.isActiveWindow(),
        "tray": desktop.tray is not None,
        "tooltip": desktop.tray.icon.toolTip() if desktop.tray else None,
    }
    window.close()
    until(lambda: focused() != int(window.winId()), "the window manager to take the focus away")
    seen["hidden"] = not window.isVisible()
    seen["minimised"] = window.isMinimized()
    engine.show()
    until(lambda: focused() == int(window.winId()), "the window to come back with the focus")
    print(json.dumps(seen))  # noqa: T201 (what the test reads)
    desktop.close()


if __name__ == "__main__":
    main()
