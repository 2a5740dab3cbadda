"""A scripted server, a marketplace in memory, a buffer, a clock that a test sets and a vault in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.fakes.clock import FakeClock
from tests.tracker.sync.scripted import DEVICE, FakeMarketplace, Server
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.outbox import Sealing
from tracker.sync.credentials import Vault
from wire import chain


class MemoryVault(Vault):
    """Secrets in memory; fails with the error that a test gives it."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.error: Exception | None = None

    def get(self, name: str) -> str | None:
        self._fail()
        return self.kept.get(name)

    def put(self, name: str, secret: str) -> None:
        self._fail()
        self.kept[name] = secret

    def delete(self, name: str) -> None:
        self._fail()
        self.kept.pop(name, None)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


Seal = Callable[..., None]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def marketplace(key: Ed25519PrivateKey) -> Iterator[FakeMarketplace]:
    marketplace = FakeMarketplace()
    marketplace.key = key.public_key()
    yield marketplace
    marketplace.close()


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[Buffer]:
    buffer = open_buffer(tmp_path / "data", bytes(32))
    yield buffer
    buffer.database.close()


@pytest.fixture
def seal(buffer: Buffer) -> Seal:
    """Seal a segment a number into the chain, each with its pictures."""

    def seal(*numbers: int, contract: int = 1, pictures: tuple[bytes, ...] = ()) -> None:
        for number in numbers:
            start_ms = number * 600_000
            sealing = Sealing(
                contract=UUID(int=contract), start_ms=start_ms, revision=1, worked_ms=1000, end_ms=start_ms + 1000,
                salt=chain.new_salt(), content=b'{"number":%d}' % number, sealed_ms=start_ms + 600_000,
                pictures=tuple(buffer.pictures.put(picture) for picture in pictures),
            )  # fmt: skip
            buffer.outbox.append(DEVICE, sealing)

    return seal
