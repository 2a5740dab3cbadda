"""Snapshots from the drawn instant to the end of their hold, on a painted screen and a real buffer."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes.clock import NOON_MS
from tests.fakes.screen import FakeScreen
from tests.fakes.terms import contract
from tracker.domain.clock import Moment
from tracker.domain.errors import MachineError, RefusedError
from tracker.snapshotter import Snapshotter, uniform
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.pictures import Pictures
from tracker.store.snapshots import Snapshots, TakenSnapshot
from wire.contract import Blur
from wire.words import SEGMENT_MS, SnapshotReason, SnapshotStatus

ONE = contract(1)
INSTANT_MS = NOON_MS + 4000


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[Buffer]:
    opened = open_buffer(tmp_path / "data", bytes(range(32)))
    yield opened
    opened.database.close()


@pytest.fixture
def screen() -> FakeScreen:
    return FakeScreen((64, 36), (40, 30))


@pytest.fixture
def snapshotter(screen: FakeScreen, buffer: Buffer) -> Snapshotter:
    return Snapshotter(screen, buffer.snapshots, buffer.pictures, lambda _start_ms, count: (4000, 8000, 9000)[:count])


def _moment(utc_ms: int = INSTANT_MS, *, is_provisional: bool = False) -> Moment:
    return Moment(utc_ms, 0, 0, 0, is_provisional=is_provisional)


def _taken(buffer: Buffer) -> TakenSnapshot:
    newest = buffer.snapshots.newest()
    assert newest is not None
    return newest


def _named(buffer: Buffer) -> set[str]:
    return {name for one in _taken(buffer).pictures for name in (one.sha256, one.thumbnail_sha256)}


# Instants


def test_instants_are_drawn_once_a_segment(screen: FakeScreen, buffer: Buffer) -> None:
    drawn: list[int] = []

    def draw(segment_ms: int, _count: int) -> tuple[int, ...]:
        drawn.append(segment_ms)
        return (5000,)

    for _ in range(2):  # a restarted tracker does not draw again
        snapshotter = Snapshotter(screen, buffer.snapshots, buffer.pictures, draw)
        for at_ms in (0, 1000, 599_999):
            assert snapshotter.due_ms(ONE, NOON_MS, _moment(NOON_MS + at_ms)) == NOON_MS + 5000
    snapshotter.due_ms(ONE, NOON_MS, _moment(NOON_MS + SEGMENT_MS))
    assert drawn == [NOON_MS, NOON_MS + SEGMENT_MS]


def test_instants_before_the_start_are_not_due(snapshotter: Snapshotter) -> None:
    two = contract(1, snapshots_per_segment=2)
    assert snapshotter.due_ms(two, NOON_MS + 4000, _moment()) == NOON_MS + 4000
    assert snapshotter.due_ms(two, NOON_MS + 4001, _moment()) == NOON_MS + 8000
    assert snapshotter.due_ms(two, NOON_MS + 8001, _moment()) is None


def test_a_taken_instant_is_not_due_again_and_the_next_is(snapshotter: Snapshotter, screen: FakeScreen) -> None:
    two = contract(1, snapshots_per_segment=2)
    snapshotter.due_ms(two, NOON_MS, _moment())
    snapshotter.take(two, NOON_MS + 4000, _moment(NOON_MS + 4003))
    assert snapshotter.due_ms(two, NOON_MS, _moment()) == NOON_MS + 8000
    assert screen.grabs == 1


def test_a_policy_without_snapshots_draws_none(snapshotter: Snapshotter, buffer: Buffer) -> None:
    assert snapshotter.due_ms(contract(1, snapshots_per_segment=0), NOON_MS, _moment()) is None
    assert not buffer.snapshots.is_drawn(ONE.id, NOON_MS)


def test_uniform_instants_lie_in_the_segment_and_fill_it() -> None:
    drawn = [instant for _ in range(2000) for instant in uniform(NOON_MS, 3)]
    assert 0 <= min(drawn) < 5000
    assert SEGMENT_MS - 5000 < max(drawn) < SEGMENT_MS
    assert all(abs(sum(low <= one < low + 60_000 for one in drawn) - 600) < 150 for low in range(0, SEGMENT_MS, 60_000))
    assert all(list(one) == sorted(one) and len(one) == 3 for one in (uniform(NOON_MS, 3) for _ in range(20)))


# Taking


def test_all_monitors_are_kept_and_held(snapshotter: Snapshotter, buffer: Buffer) -> None:
    snapshotter.take(ONE, INSTANT_MS, _moment(INSTANT_MS + 3))
    taken = _taken(buffer)
    assert (taken.status, taken.reason, taken.at_ms) == (SnapshotStatus.HELD, None, INSTANT_MS + 3)
    assert taken.leaves_ms == INSTANT_MS + 3 + 60_000
    assert [(one.monitor, one.width, one.height) for one in taken.pictures] == [(0, 64, 36), (1, 40, 30)]
    for one, shown in zip(taken.pictures, snapshotter.view(taken.id), strict=True):
        assert len(shown) == one.size
        assert Image.open(io.BytesIO(shown)).size == (one.width, one.height)
        assert len(buffer.pictures.get(one.thumbnail_sha256)) == one.thumbnail_size
    assert buffer.pictures.names() == _named(buffer)
    assert snapshotter.trouble is None


def test_a_late_snapshot_is_taken_at_its_own_time(snapshotter: Snapshotter, buffer: Buffer) -> None:
    snapshotter.due_ms(ONE, NOON_MS, _moment())
    snapshotter.take(ONE, NOON_MS + 4000, _moment(NOON_MS + 94_000))
    assert _taken(buffer).at_ms == NOON_MS + 94_000
    assert snapshotter.due_ms(ONE, NOON_MS, _moment(NOON_MS + 95_000)) is None


def test_an_instant_at_the_segments_end_is_taken_in_the_next_and_belongs_to_its_own(
    screen: FakeScreen, buffer: Buffer
) -> None:
    end_ms = NOON_MS + SEGMENT_MS
    snapshotter = Snapshotter(screen, buffer.snapshots, buffer.pictures, lambda *_: (SEGMENT_MS - 1,))
    assert snapshotter.due_ms(ONE, NOON_MS, _moment(end_ms - 1000)) == end_ms - 1
    late = _moment(end_ms + 20)
    assert snapshotter.due_ms(ONE, NOON_MS, late) == end_ms - 1
    snapshotter.take(ONE, end_ms - 1, late)
    assert _taken(buffer).at_ms == end_ms - 1
    assert snapshotter.due_ms(ONE, NOON_MS, late) == end_ms + SEGMENT_MS - 1


def test_an_instant_long_gone_is_not_due_in_the_next_segment(screen: FakeScreen, buffer: Buffer) -> None:
    snapshotter = Snapshotter(screen, buffer.snapshots, buffer.pictures, lambda *_: (1000,))
    snapshotter.due_ms(ONE, NOON_MS, _moment())
    assert snapshotter.due_ms(ONE, NOON_MS, _moment(NOON_MS + SEGMENT_MS + 500)) == NOON_MS + SEGMENT_MS + 1000


def test_a_blank_screen_is_no_picture(snapshotter: Snapshotter, screen: FakeScreen, buffer: Buffer) -> None:
    screen.paint(b"\0\0\0")
    snapshotter.take(ONE, INSTANT_MS, _moment())
    taken = _taken(buffer)
    assert (taken.status, taken.reason, taken.pictures) == (SnapshotStatus.FAILED, SnapshotReason.BLANK, ())
    assert taken.leaves_ms is None
    assert "one single colour" in (snapshotter.trouble or "")
    assert buffer.pictures.names() == set()
    screen.paint_checks()
    snapshotter.take(ONE, INSTANT_MS, _moment())
    assert snapshotter.trouble is None


def test_a_screen_that_cannot_be_read_is_told(snapshotter: Snapshotter, screen: FakeScreen, buffer: Buffer) -> None:
    screen.lost = "The display went away."
    snapshotter.take(ONE, INSTANT_MS, _moment())
    taken = _taken(buffer)
    assert (taken.status, taken.reason) == (SnapshotStatus.FAILED, SnapshotReason.UNAVAILABLE)
    assert snapshotter.trouble == "The display went away."


@pytest.mark.parametrize("puts_before", [0, 1, 2, 3])
def test_a_disk_without_room_for_a_picture_is_told_and_nothing_of_it_stays(
    snapshotter: Snapshotter, buffer: Buffer, monkeypatch: pytest.MonkeyPatch, puts_before: int
) -> None:
    """Whichever of the four files fails, picture or thumbnail, of the first or the second monitor."""
    _fail_after(monkeypatch, puts_before)
    snapshotter.take(ONE, INSTANT_MS, _moment())
    taken = _taken(buffer)
    assert (taken.status, taken.reason, taken.pictures) == (SnapshotStatus.FAILED, SnapshotReason.UNAVAILABLE, ())
    assert snapshotter.trouble == "no room"
    assert buffer.pictures.names() == set()


def test_a_snapshot_that_cannot_be_recorded_leaves_no_picture(
    snapshotter: Snapshotter, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshotter.due_ms(ONE, NOON_MS, _moment())

    def fail(*_: object, **__: object) -> None:
        raise MachineError("no room")

    monkeypatch.setattr(Snapshots, "add", fail)
    with pytest.raises(MachineError):
        snapshotter.take(ONE, INSTANT_MS, _moment())
    assert buffer.pictures.names() == set()
    assert snapshotter.due_ms(ONE, NOON_MS, _moment()) == INSTANT_MS


def _fail_after(monkeypatch: pytest.MonkeyPatch, puts: int) -> None:
    put, left = Pictures.put, [puts]

    def put_or_fail(self: Pictures, content: bytes) -> str:
        left[0] -= 1
        if left[0] < 0:
            raise MachineError("no room")
        return put(self, content)

    monkeypatch.setattr(Pictures, "put", put_or_fail)


def test_a_policys_blur_keeps_nothing_clear(snapshotter: Snapshotter, buffer: Buffer) -> None:
    snapshotter.take(contract(1, blur=Blur.IRREVERSIBLE), INSTANT_MS, _moment())
    taken = _taken(buffer)
    assert (taken.status, taken.leaves_ms) == (SnapshotStatus.BLURRED, INSTANT_MS + 60_000)
    assert buffer.pictures.names() == _named(buffer)
    blurred = _contrast(snapshotter.view(taken.id)[0])
    snapshotter.take(ONE, INSTANT_MS + 1, _moment())
    assert blurred < _contrast(snapshotter.view(_taken(buffer).id)[0]) / 2


def _contrast(jpeg: bytes) -> int:
    with Image.open(io.BytesIO(jpeg)) as opened:
        grey = opened.convert("L").tobytes()
    return max(grey) - min(grey)


# In the hold


def test_blurring_puts_new_pictures_in_place_of_the_clear_ones(snapshotter: Snapshotter, buffer: Buffer) -> None:
    snapshotter.take(ONE, INSTANT_MS, _moment())
    clear = _named(buffer)
    snapshotter.blur(_taken(buffer).id)
    taken = _taken(buffer)
    assert taken.status is SnapshotStatus.BLURRED
    assert [(one.monitor, one.width, one.height) for one in taken.pictures] == [(0, 64, 36), (1, 40, 30)]
    assert buffer.pictures.names() == _named(buffer)
    assert not clear & _named(buffer)


def test_a_blur_without_room_leaves_the_clear_pictures_held(
    snapshotter: Snapshotter, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshotter.take(ONE, INSTANT_MS, _moment())
    before = _taken(buffer)
    _fail_after(monkeypatch, 3)
    with pytest.raises(MachineError):
        snapshotter.blur(before.id)
    assert _taken(buffer) == before
    assert buffer.pictures.names() == _named(buffer)


def test_withholding_destroys_the_pictures(snapshotter: Snapshotter, buffer: Buffer) -> None:
    snapshotter.take(ONE, INSTANT_MS, _moment())
    snapshot = _taken(buffer).id
    snapshotter.withhold(snapshot)
    assert _taken(buffer).status is SnapshotStatus.WITHHELD
    assert buffer.pictures.names() == set()
    with pytest.raises(RefusedError):
        snapshotter.view(snapshot)


def test_what_is_decided_or_gone_cannot_be_changed(snapshotter: Snapshotter, buffer: Buffer) -> None:
    snapshotter.take(ONE, INSTANT_MS, _moment())
    snapshot = _taken(buffer).id
    snapshotter.withhold(snapshot)
    for change in (snapshotter.blur, snapshotter.withhold):
        for number in (snapshot, 999):
            with pytest.raises(RefusedError):
                change(number)


def test_a_hold_cut_short_starts_again(snapshotter: Snapshotter, buffer: Buffer) -> None:
    snapshotter.take(ONE, INSTANT_MS, _moment())
    snapshotter.restart_hold(contract(2), _moment(INSTANT_MS + 5000))
    assert _taken(buffer).leaves_ms == INSTANT_MS + 60_000
    snapshotter.restart_hold(ONE, _moment(INSTANT_MS + 5000))
    assert _taken(buffer).leaves_ms == INSTANT_MS + 65_000
