"""Qt without a screen, and a desktop application around the fake engine."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.fakes.engine import FakeEngine
from tracker.ui.application import Desktop


@pytest.fixture(scope="session", autouse=True)
def _no_screen() -> Iterator[None]:
    before = os.environ.get("QT_QPA_PLATFORM")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    yield
    if before is None:
        del os.environ["QT_QPA_PLATFORM"]
    else:
        os.environ["QT_QPA_PLATFORM"] = before


@pytest.fixture
def open_desktop(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Callable[[FakeEngine], Desktop]]:
    """Open the application around an engine; its window is ready when this returns."""
    opened: list[Desktop] = []
    qapp.setQuitOnLastWindowClosed(False)

    def make(engine: FakeEngine) -> Desktop:
        settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
        desktop = Desktop(qapp, engine, settings, Qt.ColorScheme.Light)
        opened.append(desktop)
        desktop.open()
        qtbot.waitUntil(lambda: desktop.live.status is not None or engine.holds_back)
        return desktop

    yield make
    for desktop in opened:
        desktop.close()


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A JPEG of 640 × 360 pixels."""
    encoded = io.BytesIO()
    Image.new("RGB", (640, 360), (0, 128, 128)).save(encoded, "JPEG")
    return encoded.getvalue()
