from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.contracts.desktops import KWinDesktop, MutterDesktop, SwayDesktop, TellingDesktop
from tests.fakes.wayland import KWin, Sway, pipewire
from tests.fakes.xserver import XServer


@pytest.fixture
def x_server() -> Iterator[XServer]:
    server = XServer()
    yield server
    server.close()


@pytest.fixture
def desktop_of() -> Iterator[Callable[[str], TellingDesktop]]:
    """Give what starts a desktop that tells of input: sway, KWin, or a bus with Mutter's interface."""
    with ExitStack() as stack:

        def start(name: str) -> TellingDesktop:
            desktop = {"sway": SwayDesktop, "kwin": KWinDesktop, "mutter": MutterDesktop}[name]()
            stack.callback(desktop.close)
            return desktop

        yield start


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
