from collections.abc import Iterator

import pytest

from tests.fakes.wayland import Sway
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
def two_monitors() -> Iterator[Sway]:
    desktop = Sway(outputs=2)
    yield desktop
    desktop.close()
