"""A real, encrypted buffer in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tracker.store.buffer import Buffer, open_buffer

KEY = bytes(range(32))


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[Buffer]:
    opened = open_buffer(tmp_path / "data", KEY)
    yield opened
    opened.database.close()
