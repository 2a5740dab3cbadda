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
    compositor = Sway()
    yield compositor
    compositor.close()
