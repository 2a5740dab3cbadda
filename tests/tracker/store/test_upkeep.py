"""What is destroyed, kept and removed beside the work: no crash leaves a picture, no clock removes what is owed."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.fakes.clock import NOON_MS
from tests.tracker.store.conftest import KEY
from tracker.domain.errors import MachineError
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.outbox import Sealing
from tracker.store.pictures import Pictures
from tracker.store.retention import KEPT_MS
from wire import chain
from wire.diary import Picture
from wire.sync import Accepted, Rejected
from wire.week import DAY_MS, lock_ms
from wire.words import SEGMENT_MS, SnapshotReason, SnapshotStatus

ONE, DEVICE = UUID(int=1), UUID(int=9)


def _picture(buffer: Buffer, content: bytes) -> Picture:
    return Picture(
        monitor=0, width=4, height=3, sha256=buffer.pictures.put(content), size=len(content),
        thumbnail_sha256=buffer.pictures.put(b"small " + content), thumbnail_size=6 + len(content),
    )  # fmt: skip


def _snap(buffer: Buffer, content: bytes, at_ms: int = NOON_MS) -> int:
    return buffer.snapshots.add(
        ONE, at_ms, drawn_ms=at_ms, pictures=(_picture(buffer, content),), leaves_ms=at_ms + 60_000
    )


def _seal(buffer: Buffer, number: int, *contents: bytes) -> int:
    start_ms = NOON_MS + number * SEGMENT_MS
    link = buffer.outbox.head(DEVICE).length
    names = tuple(buffer.pictures.put(content) for content in contents)
    revision = buffer.outbox.last_revision(ONE, start_ms) + 1
    sealing = Sealing(ONE, start_ms, revision, 1, start_ms + 1, b"s" * 32, b"content %d" % link, start_ms, names)
    buffer.outbox.append(DEVICE, sealing)
    return link


def _upkeep(buffer: Buffer, now_ms: int, *, is_provisional: bool = False) -> None:
    while buffer.upkeep.step(now_ms, 0, is_provisional=is_provisional):
        pass


# Destruction


def test_a_file_that_cannot_be_removed_looks_like_no_failed_write(
    buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Pictures, __: str) -> None:
        raise OSError(5, "Input/output error")

    snapshot = _snap(buffer, b"mine")
    with monkeypatch.context() as context:
        context.setattr(Pictures, "destroy", fail)
        buffer.snapshots.withhold(snapshot)
    withheld = buffer.snapshots.get(snapshot)
    assert withheld is not None
    assert withheld.status is SnapshotStatus.WITHHELD
    assert "still on the disk" in (buffer.destruction.trouble or "")
    assert len(buffer.pictures.names()) == 2
    _upkeep(buffer, NOON_MS)
    assert buffer.pictures.names() == set()
    assert not buffer.destruction.trouble


def test_a_process_that_dies_before_the_removal_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(_: Pictures, __: str) -> None:
        raise KeyboardInterrupt

    buffer = open_buffer(tmp_path, KEY)
    snapshot = _snap(buffer, b"mine")
    with monkeypatch.context() as context:
        context.setattr(Pictures, "destroy", die)
        with pytest.raises(KeyboardInterrupt):
            buffer.snapshots.withhold(snapshot)
    buffer.database.close()
    again = open_buffer(tmp_path, KEY)
    assert len(again.pictures.names()) == 2
    _upkeep(again, NOON_MS)
    assert again.pictures.names() == set()
    again.database.close()


def test_files_that_nothing_names_go_at_the_start_and_others_stay(buffer: Buffer, tmp_path: Path) -> None:
    _snap(buffer, b"held")
    _seal(buffer, 0, b"sealed")
    buffer.pictures.put(b"orphan")
    (tmp_path / "data" / "pictures" / "half.draft").write_bytes(b"half")
    _upkeep(buffer, NOON_MS)
    assert len(buffer.pictures.names()) == 3
    assert not list((tmp_path / "data" / "pictures").glob("*.draft"))


def test_the_same_bytes_kept_again_are_not_destroyed(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Pictures, __: str) -> None:
        raise OSError(5, "Input/output error")

    snapshot = _snap(buffer, b"same")
    with monkeypatch.context() as context:
        context.setattr(Pictures, "destroy", fail)
        buffer.snapshots.withhold(snapshot)
    _snap(buffer, b"same", NOON_MS + 1)
    _upkeep(buffer, NOON_MS)
    assert len(buffer.pictures.names()) == 2


def test_a_snapshot_whose_file_is_gone_is_lost_before_it_is_sealed(buffer: Buffer) -> None:
    first, second = _snap(buffer, b"first"), _snap(buffer, b"second", NOON_MS + 1)
    gone = buffer.snapshots.get(first)
    assert gone is not None
    buffer.pictures.destroy(gone.pictures[0].thumbnail_sha256)
    buffer.snapshots.lose_missing(ONE, NOON_MS)
    lost, kept = buffer.snapshots.get(first), buffer.snapshots.get(second)
    assert lost is not None
    assert kept is not None
    assert (lost.status, lost.reason, lost.pictures) == (SnapshotStatus.FAILED, SnapshotReason.LOST, ())
    assert kept.status is SnapshotStatus.HELD
    assert len(buffer.pictures.names()) == 2


def test_a_newer_revision_takes_the_pictures_back_that_it_does_not_name(buffer: Buffer) -> None:
    """Sent ones too: the marketplace has them, and would take none again that no revision that counts names."""
    first = _seal(buffer, 0, b"kept", b"withheld", b"sent")
    buffer.outbox.settle(first, Accepted(received_ms=NOON_MS))
    sent = buffer.pictures.put(b"sent")
    buffer.outbox.mark_sent(ONE, sent)
    _seal(buffer, 0, b"kept")
    assert buffer.pictures.names() == {buffer.pictures.put(b"kept")}
    buffer.outbox.offer_again(0)
    buffer.outbox.settle(first, Accepted(received_ms=NOON_MS))
    assert [name for _, name in buffer.outbox.uploads(9)] == [buffer.pictures.put(b"kept")]
    assert buffer.outbox.waiting().pictures == 1


# Retention


def _kept(buffer: Buffer) -> list[int]:
    return [link for (link,) in buffer.database.rows("SELECT link FROM revision WHERE content IS NOT NULL")]


def test_what_was_acknowledged_goes_two_weeks_after_the_lock_and_the_chain_stays(buffer: Buffer) -> None:
    links = [_seal(buffer, number, b"picture %d" % number) for number in range(3)]
    hashes = buffer.database.rows("SELECT link_hash, digest FROM revision ORDER BY link")
    for link in links[:2]:
        buffer.outbox.settle(link, Accepted(received_ms=NOON_MS + 1))
        buffer.outbox.mark_sent(ONE, buffer.pictures.put(b"picture %d" % link))
    until_ms = lock_ms(NOON_MS) + KEPT_MS
    _upkeep(buffer, until_ms - 1)
    assert _kept(buffer) == links
    _upkeep(buffer, until_ms + DAY_MS)
    assert _kept(buffer) == links[2:]
    assert buffer.pictures.names() == {buffer.pictures.put(b"picture 2")}
    assert buffer.database.rows("SELECT count(*) FROM revision WHERE salt IS NOT NULL") == [(1,)]
    assert buffer.database.rows("SELECT link_hash, digest FROM revision ORDER BY link") == hashes
    head = buffer.outbox.head(DEVICE)
    _seal(buffer, 5)
    row = buffer.database.rows("SELECT link_hash, digest FROM revision ORDER BY link DESC LIMIT 1")[0]
    assert chain.extend(head, (bytes(row[1]),)).hash == bytes(row[0])


def test_a_late_acknowledgement_keeps_it_longer(buffer: Buffer) -> None:
    received_ms = lock_ms(NOON_MS) + 30 * DAY_MS
    buffer.outbox.settle(_seal(buffer, 0), Accepted(received_ms=received_ms))
    _upkeep(buffer, received_ms + KEPT_MS - 1)
    assert _kept(buffer) == [0]
    _upkeep(buffer, received_ms + KEPT_MS + DAY_MS)
    assert _kept(buffer) == []


def test_what_waits_was_refused_or_has_unsent_pictures_stays(buffer: Buffer) -> None:
    _seal(buffer, 0)
    buffer.outbox.settle(_seal(buffer, 1), Rejected(code="overlap", sentence="No."))
    buffer.outbox.settle(_seal(buffer, 2, b"unsent"), Accepted(received_ms=NOON_MS))
    _upkeep(buffer, NOON_MS + 400 * DAY_MS)
    assert _kept(buffer) == [0, 1, 2]


def test_a_picture_that_can_never_be_sent_keeps_nothing_for_ever(buffer: Buffer) -> None:
    buffer.outbox.settle(_seal(buffer, 0, b"refused"), Accepted(received_ms=NOON_MS))
    buffer.outbox.mark_failed(ONE, buffer.pictures.put(b"refused"), "The marketplace refused it.")
    _upkeep(buffer, lock_ms(NOON_MS) + KEPT_MS - 1)
    assert (_kept(buffer), len(buffer.pictures.names())) == ([0], 1)
    _upkeep(buffer, lock_ms(NOON_MS) + KEPT_MS + DAY_MS)
    assert (_kept(buffer), buffer.pictures.names()) == ([], set())


def test_a_provisional_clock_removes_nothing(buffer: Buffer) -> None:
    """A clock that says 2100 must not empty the buffer."""
    buffer.outbox.settle(_seal(buffer, 0), Accepted(received_ms=NOON_MS))
    _upkeep(buffer, NOON_MS + 27_000 * DAY_MS, is_provisional=True)
    assert _kept(buffer) == [0]


# Disks


def test_a_full_disk_holds_nothing_half(buffer: Buffer) -> None:
    """SQLite's own limit stands for the disk's: what cannot be committed is told and is not there."""
    pages = buffer.database.rows("PRAGMA page_count")[0][0]
    buffer.database.rows(f"PRAGMA max_page_count = {pages}")
    before = buffer.outbox.waiting(), buffer.outbox.head(DEVICE)
    sealed = list[int]()
    with pytest.raises(MachineError, match="is full, so this was not saved"):
        sealed += (_seal(buffer, number) for number in range(1000))
    assert buffer.outbox.head(DEVICE).length == before[1].length + len(sealed)
    assert buffer.outbox.waiting().segments == before[0].segments + len(sealed)
    buffer.database.rows("PRAGMA max_page_count = 1000000")
    _seal(buffer, 2000)
