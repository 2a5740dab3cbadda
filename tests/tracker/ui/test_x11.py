"""The same window under a real X server, with a tray (jwm) and with a window manager that has none."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stage.processes import ROOT, started
from stage.screen import has_tray
from stage.waiting import until
from tests.fakes.xserver import XServer


@pytest.fixture
def x_server() -> Iterator[XServer]:
    server = XServer(1280, 900)
    yield server
    server.close()


def session(server: XServer, folder: Path, tray: str) -> dict[str, object]:
    """Run the session under jwm with this in its configuration, and give what it saw."""
    (folder / ".jwmrc").write_text(f"<JWM>{tray}<FocusModel>click</FocusModel></JWM>")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("QT_", "DBUS_", "WAYLAND_"))},
        "DISPLAY": server.display,
        "HOME": str(folder),
        "QT_QPA_PLATFORM": "xcb",
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
    }
    command = [sys.executable, "-m", "tests.tracker.ui.x11_session", str(folder / "window.ini")]
    with started(["jwm"], environment=environment, log=folder / "jwm.log"):
        if tray:
            until(lambda: has_tray(server.display), "the tray")
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 0, done.stderr
    seen: dict[str, object] = json.loads(done.stdout)
    return seen


def test_with_a_tray_the_notice_leaves_the_focus_and_closing_hides(x_server: XServer, tmp_path: Path) -> None:
    seen = session(x_server, tmp_path, '<Tray y="-1" height="26"><Dock/></Tray>')
    assert seen["typed"] == "typed"
    assert seen["notice_active"] is False
    assert seen["tray"] is True
    assert str(seen["tooltip"]).startswith("● API integration · 1:23:0")
    assert seen["hidden"] is True


def test_without_a_tray_closing_only_minimises(x_server: XServer, tmp_path: Path) -> None:
    seen = session(x_server, tmp_path, "")
    assert seen["typed"] == "typed"
    assert seen["tray"] is False
    assert (seen["hidden"], seen["minimised"]) == (False, True)
