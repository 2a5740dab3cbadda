"""The marketplace's log as the tracker watches it: an honest one raises no alarm, and no other goes unnoticed."""

from collections.abc import Callable
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.tracker.sync.conftest import Seal
from tests.tracker.sync.scripted import CUT, DEVICE, FakeLog, FakeMarketplace, Said, Seen
from tracker.store.buffer import Buffer
from tracker.sync.api import Marketplace, UnreachableError
from tracker.sync.record import Record, forget_restoration, trouble_of
from tracker.sync.uploader import Uploader
from wire.leaf import RevisionLeaf
from wire.receipt import Log


class Watcher:
    """A tracker that looks and sends as the service does."""

    def __init__(self, marketplace: FakeMarketplace, buffer: Buffer, key: Ed25519PrivateKey) -> None:
        self._api = Marketplace(marketplace.url, lambda _: "good")
        self._buffer = buffer
        self._key = key

    def look(self) -> str | None:
        """Look, and give what the person is told; a new one each time, as after a restart."""
        Record(self._api, self._buffer.settings).look()
        return trouble_of(self._buffer.settings)

    def send(self) -> str | None:
        record = Record(self._api, self._buffer.settings)
        buffer = self._buffer
        Uploader(self._api, buffer.outbox, buffer.pictures, record, (DEVICE, self._key), lambda: None).send()
        return trouble_of(buffer.settings)

    @property
    def checkpoint(self) -> str | None:
        return self._buffer.settings.get_text("log_checkpoint")


@pytest.fixture
def watcher(marketplace: FakeMarketplace, buffer: Buffer, key: Ed25519PrivateKey) -> Watcher:
    return Watcher(marketplace, buffer, key)


def _others(count: int, first: int = 0) -> list[RevisionLeaf]:
    """Leaves of other people's work."""
    return [RevisionLeaf(device=UUID(int=5), link=first + n, digest=f"{first + n:064x}") for n in range(count)]


def test_an_honest_log_raises_no_alarm(marketplace: FakeMarketplace, watcher: Watcher, seal: Seal) -> None:
    assert watcher.look() is None
    for round_ in range(20):
        marketplace.log.append(_others(round_ % 3, round_ * 3))
        seal(*range(round_ * 2, round_ * 2 + 2))
        assert watcher.send() is None
        assert watcher.look() is None
        assert watcher.checkpoint == marketplace.log.stated().checkpoint


def test_a_lost_answer_is_proven_by_receipts(marketplace: FakeMarketplace, watcher: Watcher, seal: Seal) -> None:
    watcher.look()
    seal(1, 2)
    marketplace.interfere = lambda seen, said: CUT if seen.path.endswith("segments") else said
    with pytest.raises(UnreachableError):
        watcher.send()
    marketplace.interfere = lambda _, said: said
    assert watcher.send() is None
    assert len([seen for seen in marketplace.seen if "/receipts/" in seen.path]) == 2
    assert watcher.look() is None


def _grow(log: FakeLog, count: int) -> FakeLog:
    log.append(_others(count))
    return log


def _other_history(count: int) -> FakeLog:
    log = FakeLog()
    log.append([RevisionLeaf(device=UUID(int=6), link=n, digest="ab" * 32) for n in range(count)])
    return log


def _with_another_key() -> FakeLog:
    log = _grow(FakeLog(), 5)
    log.key = Ed25519PrivateKey.generate()
    return log


class _Unsigned(FakeLog):
    """States a checkpoint under its key's name that another key signed."""

    def stated(self) -> Log:
        honest = super().stated()
        own, self.key = self.key, Ed25519PrivateKey.from_private_bytes(bytes([8] * 32))
        forged = super().stated().checkpoint
        self.key = own
        return msgspec.structs.replace(honest, checkpoint=forged)


class _Denying(FakeLog):
    """Answers no proof."""

    def consistency(self, old: int, new: int) -> Said:
        assert old < new
        return Said(422, {"title": "No.", "status": 422, "detail": "No.", "code": "unknown_size"})


@pytest.mark.parametrize(
    ("forged", "says"),
    [
        pytest.param(lambda: _grow(FakeLog(), 4), "shorter", id="smaller"),
        pytest.param(lambda: _other_history(5), "not the one", id="another history of the same size"),
        pytest.param(lambda: _other_history(9), "not the one", id="a longer fork"),
        pytest.param(_with_another_key, "another key", id="another key"),
        pytest.param(lambda: _grow(_Unsigned(), 9), "not signed", id="another key under the same name"),
        pytest.param(lambda: _grow(_Denying(), 9), "not the one", id="no proof"),
        pytest.param(lambda: _grow(FakeLog("127.0.0.1/log/2"), 9), "without naming", id="another log out of the blue"),
    ],
)
def test_a_log_that_does_not_follow_is_told_and_the_evidence_kept(
    marketplace: FakeMarketplace, watcher: Watcher, buffer: Buffer, forged: Callable[[], FakeLog], says: str
) -> None:
    _grow(marketplace.log, 5)
    assert watcher.look() is None
    before = watcher.checkpoint
    marketplace.log = forged()
    told = watcher.look()
    assert told is not None
    assert says in told
    assert watcher.checkpoint == before, "the checkpoint that shows it is not given up"
    assert buffer.settings.get_text("log_evidence") == f"{before}\n{marketplace.log.stated().checkpoint}"
    marketplace.log = _grow(FakeLog(), 5)
    assert watcher.look() == told, "going back to the old log takes nothing back"


def test_work_that_is_accepted_and_not_logged_is_told(
    marketplace: FakeMarketplace, watcher: Watcher, seal: Seal, buffer: Buffer
) -> None:
    watcher.look()
    marketplace.log.append = lambda _: None  # type: ignore[method-assign, return-value, assignment]  # a log that takes nothing
    seal(1)
    told = watcher.send()
    assert told is not None
    assert "without putting it into its log" in told
    assert buffer.outbox.waiting().segments == 0, "it is sent all the same"


def test_work_that_was_accepted_before_and_is_not_logged_is_told(
    marketplace: FakeMarketplace, watcher: Watcher, seal: Seal
) -> None:
    """Its first answer was lost on the way, so only a receipt can tell."""
    watcher.look()
    seal(1, 2)
    marketplace.interfere = lambda seen, said: CUT if seen.path.endswith("segments") else said
    with pytest.raises(UnreachableError):
        watcher.send()
    marketplace.interfere = lambda _, said: said
    marketplace.log.leaves.pop()
    told = watcher.send()
    assert told is not None
    assert "without putting it into its log" in told


@pytest.mark.parametrize("note", ["", "rubbish", "a\n1\nAAAA\n\n— a AAAAAAA=\n"])
def test_an_answer_without_a_checkpoint_is_told(
    marketplace: FakeMarketplace, watcher: Watcher, seal: Seal, note: str
) -> None:
    watcher.look()
    seal(1)

    def without(seen: Seen, said: Said) -> Said:
        if not seen.path.endswith("segments"):
            return said
        body = msgspec.json.decode(said.content())
        return Said(body={**body, "checkpoint": note})

    marketplace.interfere = without
    assert "cannot be read" in (watcher.send() or "")


# A restored marketplace


def test_a_restored_marketplace_that_names_its_last_checkpoint_is_followed(
    marketplace: FakeMarketplace, watcher: Watcher, buffer: Buffer
) -> None:
    old = marketplace.log
    _grow(old, 5)
    watcher.look()
    _grow(old, 3)
    marketplace.log = _grow(FakeLog("127.0.0.1/log/2", follows=old.stated().checkpoint), 1)
    marketplace.routes["GET", "/api/v1/log/consistency"] = lambda seen: (
        old if seen.query["origin"] == old.origin else marketplace.log
    ).consistency(int(seen.query["old"]), int(seen.query["new"]))
    assert "nothing is missing" in (watcher.look() or "")
    _grow(marketplace.log, 4)
    watcher.look()
    assert watcher.checkpoint == marketplace.log.stated().checkpoint
    forget_restoration(buffer.settings)
    assert watcher.look() is None


def test_what_a_restored_marketplace_lacks_is_told(marketplace: FakeMarketplace, watcher: Watcher) -> None:
    old = _grow(marketplace.log, 5)
    backup = old.stated().checkpoint
    _grow(old, 3)
    watcher.look()
    marketplace.log = _grow(FakeLog("127.0.0.1/log/2", follows=backup), 1)
    assert "lacks the newest 3 entries" in (watcher.look() or "")


def test_a_new_log_that_names_another_history_is_told(marketplace: FakeMarketplace, watcher: Watcher) -> None:
    _grow(marketplace.log, 5)
    watcher.look()
    forged = _other_history(7)
    marketplace.log = _grow(FakeLog("127.0.0.1/log/2", follows=forged.stated().checkpoint), 1)
    marketplace.routes["GET", "/api/v1/log/consistency"] = lambda seen: forged.consistency(
        int(seen.query["old"]), int(seen.query["new"])
    )
    assert "does not go on" in (watcher.look() or "")
