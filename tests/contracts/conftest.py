from collections.abc import Iterator

import pytest

from tests.fakes.wayland import KWin, Sway, pipewire
from tests.fakes.xserver import XServer


@pytest.fixture
def x_server() -> Iterator[XServer]:
    server = XServer()
    yield server
    server.close()


@pytest.fixture
def sway() -> Iterator[Sway]:
    desktop = Sway()
    yield desktop
    desktop.close()


@pytest.fixture
def sway_with_portals() -> Iterator[Sway]:
    desktop = Sway(portals=("wlr", "gtk"))
    with pipewire(desktop):
        yield desktop
        desktop.close()


@pytest.fixture
def kwin() -> Iterator[KWin]:
    """KWin on whose pictures nobody must be known; that it asks otherwise is tested beside its back end."""
    desktop = KWin(environ={"KWIN_SCREENSHOT_NO_PERMISSION_CHECKS": "1"})
    yield desktop
    desktop.close()
