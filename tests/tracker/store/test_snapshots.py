"""Snapshots and their pictures: a file lives exactly as long as something names it."""

import hashlib
from pathlib import Path
from uuid import UUID

import pytest

from tests.fakes.clock import NOON_MS
from tests.tracker.store.conftest import KEY
from tracker.domain.clock import Moment
from tracker.domain.errors import MachineError
from tracker.domain.events import Worked
from tracker.domain.segment import Interval
from tracker.domain.session import State
from tracker.store.buffer import Buffer
from tracker.store.outbox import Sealing
from tracker.store.pictures import PictureLostError, Pictures
from wire.diary import Picture
from wire.words import SEGMENT_MS, Kind, SnapshotReason, SnapshotStatus

ONE, TWO = UUID(int=1), UUID(int=2)
HELD_MS = NOON_MS + 60_000


def _picture(buffer: Buffer, content: bytes, monitor: int = 0) -> Picture:
    thumbnail = b"small " + content
    return Picture(
        monitor=monitor,
        width=4,
        height=3,
        sha256=buffer.pictures.put(content),
        size=len(content),
        thumbnail_sha256=buffer.pictures.put(thumbnail),
        thumbnail_size=len(thumbnail),
    )


def _add(buffer: Buffer, *pictures: Picture, at_ms: int = NOON_MS, contract: UUID = ONE) -> int:
    return buffer.snapshots.add(contract, at_ms, drawn_ms=at_ms, pictures=pictures, leaves_ms=at_ms + 60_000)


def _names(*pictures: Picture) -> set[str]:
    return {name for one in pictures for name in (one.sha256, one.thumbnail_sha256)}


def _seal(buffer: Buffer, *pictures: Picture, contract: UUID = ONE) -> None:
    buffer.outbox.append(
        UUID(int=9),
        Sealing(
            contract, NOON_MS, buffer.outbox.last_revision(contract, NOON_MS) + 1, 1, NOON_MS + 1, b"s" * 32, b"{}",
            NOON_MS, tuple(_names(*pictures)),
        ),
    )  # fmt: skip
    buffer.snapshots.forget(contract, NOON_MS)


def test_a_snapshot_is_held_with_all_its_pictures(buffer: Buffer) -> None:
    pictures = _picture(buffer, b"left"), _picture(buffer, b"right", monitor=1)
    snapshot = _add(buffer, *pictures)
    held = buffer.snapshots.get(snapshot)
    assert held is not None
    assert (held.at_ms, held.status, held.reason, held.leaves_ms) == (NOON_MS, SnapshotStatus.HELD, None, HELD_MS)
    assert held.pictures == pictures
    assert buffer.snapshots.newest() == held
    assert buffer.snapshots.of_segment(ONE, NOON_MS) == [held]
    assert buffer.snapshots.of_segment(TWO, NOON_MS) == []
    assert buffer.snapshots.of_segment(ONE, NOON_MS - SEGMENT_MS) == []


def test_a_failed_or_blurred_one_says_so(buffer: Buffer) -> None:
    failed = buffer.snapshots.add(ONE, NOON_MS, drawn_ms=NOON_MS, reason=SnapshotReason.BLANK)
    blurred = buffer.snapshots.add(ONE, NOON_MS + 1, drawn_ms=NOON_MS + 1, leaves_ms=HELD_MS, is_blurred=True)
    found = buffer.snapshots.get(failed), buffer.snapshots.get(blurred)
    assert [one and one.status for one in found] == [SnapshotStatus.FAILED, SnapshotStatus.BLURRED]
    assert [one and one.reason for one in found] == [SnapshotReason.BLANK, None]


def test_holds_are_known_by_segment_and_by_time(buffer: Buffer) -> None:
    _add(buffer, at_ms=NOON_MS)
    _add(buffer, at_ms=NOON_MS + 5000)
    assert buffer.snapshots.last_hold_ms(ONE, NOON_MS) == HELD_MS + 5000
    assert buffer.snapshots.last_hold_ms(TWO, NOON_MS) is None
    assert buffer.snapshots.next_hold_ms(HELD_MS - 1) == HELD_MS
    assert buffer.snapshots.next_hold_ms(HELD_MS) == HELD_MS + 5000


def test_a_hold_that_ran_out_does_not_start_again(buffer: Buffer) -> None:
    """Or a start after a year without a network would begin 25,000 of them again."""
    _add(buffer, at_ms=NOON_MS)
    _add(buffer, at_ms=HELD_MS)
    buffer.snapshots.restart_hold(ONE, NOON_MS + 999_000)
    assert [one.leaves_ms for one in buffer.snapshots.of_segment(ONE, NOON_MS)] == [0, NOON_MS + 999_000]


def test_a_restarted_hold_is_the_contracts_own(buffer: Buffer) -> None:
    _add(buffer)
    _add(buffer, contract=TWO)
    withheld = _add(buffer, at_ms=NOON_MS + 1)
    buffer.snapshots.withhold(withheld)
    buffer.snapshots.restart_hold(ONE, NOON_MS + 999_000)
    assert buffer.snapshots.last_hold_ms(ONE, NOON_MS) == NOON_MS + 999_000
    assert buffer.snapshots.last_hold_ms(TWO, NOON_MS) == HELD_MS
    decided = buffer.snapshots.get(withheld)
    assert decided is not None
    assert decided.leaves_ms is None


def test_withholding_destroys_its_pictures_and_no_others(buffer: Buffer) -> None:
    mine, other = _picture(buffer, b"mine"), _picture(buffer, b"other")
    snapshot = _add(buffer, mine)
    _add(buffer, other, at_ms=NOON_MS + 1)
    buffer.snapshots.withhold(snapshot)
    withheld = buffer.snapshots.get(snapshot)
    assert withheld is not None
    assert (withheld.status, withheld.pictures, withheld.leaves_ms) == (SnapshotStatus.WITHHELD, (), None)
    assert buffer.pictures.names() == _names(other)


def test_blurring_destroys_the_clear_pictures_and_keeps_the_hold(buffer: Buffer) -> None:
    snapshot = _add(buffer, _picture(buffer, b"clear"))
    blurred = _picture(buffer, b"blurred")
    buffer.snapshots.blur(snapshot, (blurred,))
    now = buffer.snapshots.get(snapshot)
    assert now is not None
    assert (now.status, now.pictures, now.leaves_ms) == (SnapshotStatus.BLURRED, (blurred,), HELD_MS)
    assert buffer.pictures.names() == _names(blurred)


def test_a_picture_that_two_snapshots_name_goes_with_the_second(buffer: Buffer) -> None:
    """An unchanged screen gives the same bytes, and so the same file."""
    same = _picture(buffer, b"unchanged screen")
    first, second = _add(buffer, same), _add(buffer, same, at_ms=NOON_MS + 1)
    buffer.snapshots.withhold(first)
    assert buffer.pictures.names() == _names(same)
    buffer.snapshots.withhold(second)
    assert buffer.pictures.names() == set()


def test_a_picture_that_a_sealed_revision_names_stays(buffer: Buffer) -> None:
    same = _picture(buffer, b"unchanged screen")
    _add(buffer, same)
    _seal(buffer, same)
    assert buffer.database.rows("SELECT count(*) FROM picture") == [(0,)]
    later = _add(buffer, same, at_ms=NOON_MS + SEGMENT_MS)
    buffer.snapshots.withhold(later)
    assert buffer.pictures.names() == _names(same)


def test_a_decision_that_is_rolled_back_destroys_nothing(buffer: Buffer) -> None:
    picture = _picture(buffer, b"mine")
    snapshot = _add(buffer, picture)

    def withhold_and_fail() -> None:
        with buffer.database.transaction():
            buffer.snapshots.withhold(snapshot)
            assert buffer.pictures.names() == _names(picture)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        withhold_and_fail()
    assert buffer.pictures.names() == _names(picture)
    held = buffer.snapshots.get(snapshot)
    assert held is not None
    assert held.pictures == (picture,)


def test_discarding_spares_what_is_named(buffer: Buffer) -> None:
    named, unnamed = _picture(buffer, b"named"), _picture(buffer, b"unnamed")
    _add(buffer, named)
    buffer.snapshots.discard([*_names(named), *_names(unnamed)])
    assert buffer.pictures.names() == _names(named)


def test_destroying_between_takes_both_ends_and_frees_the_instants(buffer: Buffer) -> None:
    buffer.snapshots.draw(ONE, NOON_MS, (10, 20, 30))
    for at_ms in (10, 20, 30):
        _add(buffer, _picture(buffer, b"%d" % at_ms), at_ms=NOON_MS + at_ms)
    assert buffer.snapshots.instants(ONE, NOON_MS, is_taken=False) == ()
    buffer.snapshots.destroy_between(NOON_MS + 20, NOON_MS + 30, boot_id=None)
    assert [one.at_ms - NOON_MS for one in buffer.snapshots.of_segment(ONE, NOON_MS)] == [10]
    assert buffer.snapshots.instants(ONE, NOON_MS, is_taken=False) == (20, 30)
    assert len(buffer.pictures.names()) == 2


# Instants


def test_instants_are_drawn_once(buffer: Buffer) -> None:
    assert not buffer.snapshots.is_drawn(ONE, NOON_MS)
    buffer.snapshots.draw(ONE, NOON_MS, (5, 7))
    assert buffer.snapshots.is_drawn(ONE, NOON_MS)
    assert not buffer.snapshots.is_drawn(TWO, NOON_MS)
    assert not buffer.snapshots.is_drawn(ONE, NOON_MS + SEGMENT_MS)


def test_a_late_snapshot_settles_the_instant_it_was_drawn_for(buffer: Buffer) -> None:
    buffer.snapshots.draw(ONE, NOON_MS, (5, SEGMENT_MS - 1))
    buffer.snapshots.add(ONE, NOON_MS + SEGMENT_MS + 40, drawn_ms=NOON_MS + SEGMENT_MS - 1, leaves_ms=HELD_MS)
    assert buffer.snapshots.instants(ONE, NOON_MS, is_taken=False) == (5,)
    assert buffer.snapshots.instants(ONE, NOON_MS, is_taken=True) == (SEGMENT_MS - 1,)


def test_the_instants_of_a_sealed_day_are_forgotten_and_of_an_unsealed_one_kept(buffer: Buffer) -> None:
    """After a boot without a network nothing is sealed for days; sealing must still say why a picture is lacking."""
    for contract in (ONE, TWO):
        buffer.snapshots.draw(contract, NOON_MS, (5,))
    now = Moment(NOON_MS, 0, 0, 0, is_provisional=True)
    worked = Worked(Interval(ONE, NOON_MS, NOON_MS + 3, Kind.TRACKED, ""))
    buffer.journal.write(State(), (worked,), None, now=now, policy_version=1)
    buffer.snapshots.draw(ONE, NOON_MS + 144 * SEGMENT_MS, (9,))
    assert buffer.snapshots.is_drawn(TWO, NOON_MS)
    buffer.snapshots.draw(ONE, NOON_MS + 145 * SEGMENT_MS, (9,))
    assert buffer.snapshots.is_drawn(ONE, NOON_MS)
    assert not buffer.snapshots.is_drawn(TWO, NOON_MS)


# Files


def test_a_picture_comes_back_and_is_named_by_its_hash(buffer: Buffer) -> None:
    sha256 = buffer.pictures.put(b"content")
    assert sha256 == hashlib.sha256(b"content").hexdigest()
    assert buffer.pictures.get(sha256) == b"content"
    assert buffer.pictures.put(b"content") == sha256
    assert buffer.pictures.names() == {sha256}


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "swap", "remove"])
def test_a_damaged_picture_is_lost_not_wrong(tmp_path: Path, damage: str) -> None:
    pictures = Pictures(tmp_path, KEY)
    sha256, other = pictures.put(b"content"), pictures.put(b"other")
    path = tmp_path / f"{sha256}.picture"
    content = bytearray(path.read_bytes())
    match damage:
        case "flip":
            content[-1] ^= 1
            path.write_bytes(content)
        case "cut":
            path.write_bytes(content[:-1])
        case "empty":
            path.write_bytes(b"")
        case "swap":
            path.write_bytes((tmp_path / f"{other}.picture").read_bytes())
        case "remove":
            path.unlink()
    with pytest.raises(PictureLostError):
        pictures.get(sha256)
    assert pictures.get(other) == b"other"


def test_another_key_reads_no_picture(tmp_path: Path) -> None:
    sha256 = Pictures(tmp_path, KEY).put(b"content")
    with pytest.raises(PictureLostError):
        Pictures(tmp_path, bytes(32)).get(sha256)


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    pictures = Pictures(tmp_path, KEY)
    monkeypatch.setattr("tracker.store.durable.os.fsync", fail)
    with pytest.raises(MachineError, match="No space left on device"):
        pictures.put(b"content")
    assert list(tmp_path.iterdir()) == []
