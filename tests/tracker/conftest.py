"""What the tests of the engine and of the programs around it share."""

from collections.abc import Iterator

import pytest

from tests.tracker.sync.scripted import FakeMarketplace


@pytest.fixture
def marketplace() -> Iterator[FakeMarketplace]:
    marketplace = FakeMarketplace()
    yield marketplace
    marketplace.close()
