"""Snapshots from the drawn instant to the end of their hold, on a painted screen and a real buffer."""

import hashlib
import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes.clock import NOON_MS
from tests.fakes.screen import FakeScreen
from tests.fakes.terms import contract
from tests.fakes.windows import FakeWindows
from tracker.capture import picture
from tracker.capture.screen.port import Frame
from tracker.capture.window.port import Window
from tracker.domain.clock import Moment
from tracker.domain.errors import MachineError, RefusedError
from tracker.domain.exclusion import Rule, Subject, Withholding
from tracker.exclusions import Exclusions
from tracker.sight import Sight
from tracker.snapshotter import APPROVAL_S, Snapshotter, uniform
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.pictures import Pictures
from tracker.store.snapshots import Snapshots, TakenSnapshot
from wire.contract import Blur
from wire.diary import ActiveWindow
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
def windows() -> FakeWindows:
    return FakeWindows(Window("Editor", "notes", is_active=True))


@pytest.fixture
def rules(buffer: Buffer) -> Exclusions:
    return Exclusions(buffer.settings)


@pytest.fixture
def snapshotter(screen: FakeScreen, windows: FakeWindows, rules: Exclusions, buffer: Buffer) -> Snapshotter:
    sight = Sight(windows, rules)
    return Snapshotter(
        screen, sight, buffer.snapshots, buffer.pictures, lambda _start_ms, count: (4000, 8000, 9000)[:count]
    )


def _sight(buffer: Buffer) -> Sight:
    return Sight(FakeWindows(), Exclusions(buffer.settings))


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
        snapshotter = Snapshotter(screen, _sight(buffer), buffer.snapshots, buffer.pictures, draw)
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
    snapshotter = Snapshotter(screen, _sight(buffer), buffer.snapshots, buffer.pictures, lambda *_: (SEGMENT_MS - 1,))
    assert snapshotter.due_ms(ONE, NOON_MS, _moment(end_ms - 1000)) == end_ms - 1
    late = _moment(end_ms + 20)
    assert snapshotter.due_ms(ONE, NOON_MS, late) == end_ms - 1
    snapshotter.take(ONE, end_ms - 1, late)
    assert _taken(buffer).at_ms == end_ms - 1
    assert snapshotter.due_ms(ONE, NOON_MS, late) == end_ms + SEGMENT_MS - 1


def test_an_instant_long_gone_is_not_due_in_the_next_segment(screen: FakeScreen, buffer: Buffer) -> None:
    snapshotter = Snapshotter(screen, _sight(buffer), buffer.snapshots, buffer.pictures, lambda *_: (1000,))
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


# Exclusion rules

_BANK = Rule(Subject.TITLE, "bank")
_SIGNAL = Rule(Subject.APPLICATION, "signal")


@pytest.mark.parametrize("shown", [Window("Firefox", "My Bank"), Window("Signal", "")])
def test_where_an_excluded_window_can_be_seen_nothing_is_grabbed(
    snapshotter: Snapshotter, screen: FakeScreen, windows: FakeWindows, rules: Exclusions, buffer: Buffer, shown: Window
) -> None:
    rules.add(_BANK)
    rules.add(_SIGNAL)
    windows.shown.append(shown)
    snapshotter.due_ms(ONE, NOON_MS, _moment())
    snapshotter.take(ONE, INSTANT_MS, _moment())
    taken = _taken(buffer)
    assert (taken.status, taken.reason, taken.pictures) == (SnapshotStatus.WITHHELD, None, ())
    assert (taken.withholding, taken.leaves_ms, taken.at_ms) == (Withholding.RULE, None, INSTANT_MS)
    assert (screen.grabs, buffer.pictures.names(), snapshotter.trouble) == (0, set(), None)
    assert snapshotter.due_ms(ONE, NOON_MS, _moment()) is None, "the instant is used up"


@pytest.mark.parametrize("shown", [Window("Firefox", "My Bank"), Window("Signal", "")])
def test_an_excluded_window_that_comes_during_the_grab_destroys_the_picture_before_it_is_written(
    snapshotter: Snapshotter, screen: FakeScreen, windows: FakeWindows, rules: Exclusions, buffer: Buffer,
    monkeypatch: pytest.MonkeyPatch, shown: Window,
) -> None:  # fmt: skip
    rules.add(_BANK)
    rules.add(_SIGNAL)
    windows.after_look = lambda: windows.shown.append(shown)
    monkeypatch.setattr(Pictures, "put", lambda *_: pytest.fail("a picture was written"))
    snapshotter.take(ONE, INSTANT_MS, _moment())
    assert screen.grabs == 1
    assert (_taken(buffer).status, _taken(buffer).withholding) == (SnapshotStatus.WITHHELD, Withholding.RULE)


def test_an_excluded_window_that_goes_during_the_grab_is_excluded_too(
    snapshotter: Snapshotter, windows: FakeWindows, rules: Exclusions, buffer: Buffer
) -> None:
    rules.add(_BANK)
    windows.shown.append(Window("Firefox", "My Bank"))
    windows.after_look = windows.shown.clear
    snapshotter.take(ONE, INSTANT_MS, _moment())
    assert _taken(buffer).status is SnapshotStatus.WITHHELD


def test_rules_that_no_window_meets_change_nothing(
    snapshotter: Snapshotter, windows: FakeWindows, rules: Exclusions, buffer: Buffer
) -> None:
    rules.add(_BANK)
    snapshotter.take(ONE, INSTANT_MS, _moment())
    taken = _taken(buffer)
    assert (taken.status, taken.needs_approval, len(taken.pictures)) == (SnapshotStatus.HELD, False, 2)
    assert windows.looks == 2


def test_without_rules_and_titles_no_window_is_looked_at(
    snapshotter: Snapshotter, windows: FakeWindows, buffer: Buffer
) -> None:
    windows.lost = "They cannot be listed."
    snapshotter.take(ONE, INSTANT_MS, _moment())
    assert windows.looks == 0
    assert not _taken(buffer).needs_approval


def test_a_rule_that_is_removed_excludes_no_more(
    snapshotter: Snapshotter, windows: FakeWindows, rules: Exclusions, buffer: Buffer
) -> None:
    rules.add(_BANK)
    rules.remove(Rule(Subject.TITLE, "BANK"))
    windows.shown.append(Window("Firefox", "My Bank"))
    snapshotter.take(ONE, INSTANT_MS, _moment())
    assert _taken(buffer).status is SnapshotStatus.HELD


# Approval


@pytest.fixture
def unapproved(snapshotter: Snapshotter, windows: FakeWindows, rules: Exclusions, buffer: Buffer) -> int:
    """A held snapshot of a desktop that does not list its windows, while there are rules."""
    rules.add(_BANK)
    windows.lost = "They cannot be listed."
    snapshotter.take(ONE, INSTANT_MS, _moment())
    taken = _taken(buffer)
    assert (taken.status, taken.needs_approval) == (SnapshotStatus.HELD, True)
    return taken.id


@pytest.mark.usefixtures("unapproved")
def test_a_snapshot_that_nobody_approves_is_withheld_when_its_hold_runs_out(
    snapshotter: Snapshotter, buffer: Buffer
) -> None:
    assert snapshotter.withhold_unapproved(_moment(INSTANT_MS + 59_999)) == 0
    assert len(buffer.pictures.names()) == 4
    assert snapshotter.withhold_unapproved(_moment(INSTANT_MS + 60_000)) == 1
    taken = _taken(buffer)
    assert (taken.status, taken.withholding) == (SnapshotStatus.WITHHELD, Withholding.NOT_APPROVED)
    assert buffer.pictures.names() == set()


def test_an_approved_snapshot_stays_held_like_any_other(
    snapshotter: Snapshotter, buffer: Buffer, unapproved: int
) -> None:
    snapshotter.approve(unapproved, _moment(INSTANT_MS + 59_999))
    assert snapshotter.withhold_unapproved(_moment(INSTANT_MS + 60_000)) == 0
    taken = _taken(buffer)
    assert (taken.status, taken.needs_approval, len(taken.pictures)) == (SnapshotStatus.HELD, False, 2)
    with pytest.raises(RefusedError, match="needs no approval"):
        snapshotter.approve(unapproved, _moment())


def test_an_approval_that_comes_too_late_is_refused(snapshotter: Snapshotter, buffer: Buffer, unapproved: int) -> None:
    with pytest.raises(RefusedError, match="run out"):
        snapshotter.approve(unapproved, _moment(INSTANT_MS + 60_000))
    snapshotter.withhold_unapproved(_moment(INSTANT_MS + 60_000))
    with pytest.raises(RefusedError, match="not held"):
        snapshotter.approve(unapproved, _moment(INSTANT_MS + 60_000))
    assert buffer.pictures.names() == set()


def test_whoever_blurs_a_snapshot_has_decided_about_it(
    snapshotter: Snapshotter, buffer: Buffer, unapproved: int
) -> None:
    snapshotter.blur(unapproved)
    assert snapshotter.withhold_unapproved(_moment(INSTANT_MS + 60_000)) == 0
    assert _taken(buffer).status is SnapshotStatus.BLURRED


@pytest.mark.parametrize(("before", "after"), [("They cannot be listed.", None), (None, "They cannot be listed.")])
def test_windows_that_could_be_listed_only_once_need_approval_too(
    snapshotter: Snapshotter, screen: FakeScreen, windows: FakeWindows, rules: Exclusions, buffer: Buffer,
    before: str | None, after: str | None,
) -> None:  # fmt: skip
    rules.add(_BANK)
    windows.lost = before
    screen.during_grab = lambda: setattr(windows, "lost", after)
    snapshotter.take(ONE, INSTANT_MS, _moment())
    assert _taken(buffer).needs_approval


def test_a_policy_that_holds_nothing_still_leaves_a_minute_to_approve(
    snapshotter: Snapshotter, windows: FakeWindows, rules: Exclusions, buffer: Buffer
) -> None:
    hasty = contract(1, hold_s=0)
    snapshotter.take(hasty, INSTANT_MS, _moment())
    assert _taken(buffer).leaves_ms == INSTANT_MS
    rules.add(_BANK)
    windows.lost = "They cannot be listed."
    snapshotter.take(hasty, INSTANT_MS + 1, _moment(INSTANT_MS + 1))
    assert _taken(buffer).leaves_ms == INSTANT_MS + 1 + APPROVAL_S * 1000
    snapshotter.restart_hold(hasty, _moment(INSTANT_MS + 5000))
    assert _taken(buffer).leaves_ms == INSTANT_MS + 5000 + APPROVAL_S * 1000


def test_what_the_policy_blurs_needs_approval_all_the_same(
    snapshotter: Snapshotter, windows: FakeWindows, rules: Exclusions, buffer: Buffer
) -> None:
    rules.add(_BANK)
    windows.lost = "They cannot be listed."
    snapshotter.take(contract(1, blur=Blur.IRREVERSIBLE), INSTANT_MS, _moment())
    assert (_taken(buffer).status, _taken(buffer).needs_approval) == (SnapshotStatus.BLURRED, True)
    snapshotter.withhold_unapproved(_moment(INSTANT_MS + 60_000))
    assert _taken(buffer).status is SnapshotStatus.WITHHELD


# Window titles

TITLED = contract(1, sends_window_titles=True)


def test_the_active_windows_title_is_kept_only_where_the_policy_sends_it(
    snapshotter: Snapshotter, windows: FakeWindows, buffer: Buffer
) -> None:
    windows.shown.append(Window("Other", "behind"))
    snapshotter.take(ONE, INSTANT_MS, _moment())
    assert _taken(buffer).window is None
    snapshotter.take(TITLED, INSTANT_MS + 1, _moment(INSTANT_MS + 1))
    assert _taken(buffer).window == ActiveWindow(application="Editor", title="notes")


def test_a_title_that_cannot_be_found_is_none_and_needs_no_approval(
    snapshotter: Snapshotter, windows: FakeWindows, buffer: Buffer
) -> None:
    windows.lost = "They cannot be listed."
    snapshotter.take(TITLED, INSTANT_MS, _moment())
    assert (_taken(buffer).window, _taken(buffer).needs_approval) == (None, False)
    windows.lost, windows.shown = None, [Window("Editor", "notes")]
    snapshotter.take(TITLED, INSTANT_MS + 1, _moment(INSTANT_MS + 1))
    assert _taken(buffer).window is None, "no window has the keyboard"


def test_a_title_is_cut_to_what_the_diary_takes_and_made_text(
    snapshotter: Snapshotter, windows: FakeWindows, buffer: Buffer
) -> None:
    windows.shown = [Window("a" * 300, "\ud83d" + "t" * 2000, is_active=True)]
    snapshotter.take(TITLED, INSTANT_MS, _moment())
    assert _taken(buffer).window == ActiveWindow(application="a" * 200, title="?" + "t" * 999)


@pytest.mark.parametrize("decision", ["blur", "withhold"])
def test_what_is_blurred_or_withheld_loses_its_title(snapshotter: Snapshotter, buffer: Buffer, decision: str) -> None:
    snapshotter.take(TITLED, INSTANT_MS, _moment())
    getattr(snapshotter, decision)(_taken(buffer).id)
    assert _taken(buffer).window is None
    assert buffer.database.rows("SELECT application, title FROM snapshot") == [(None, None)]


def test_a_snapshot_without_a_clear_picture_has_no_title(
    snapshotter: Snapshotter, screen: FakeScreen, rules: Exclusions, buffer: Buffer
) -> None:
    snapshotter.take(contract(1, sends_window_titles=True, blur=Blur.IRREVERSIBLE), INSTANT_MS, _moment())
    screen.paint(b"\0\0\0")
    snapshotter.take(TITLED, INSTANT_MS + 1, _moment(INSTANT_MS + 1))
    screen.lost = "The display went away."
    snapshotter.take(TITLED, INSTANT_MS + 2, _moment(INSTANT_MS + 2))
    rules.add(Rule(Subject.TITLE, "notes"))
    snapshotter.take(TITLED, INSTANT_MS + 3, _moment(INSTANT_MS + 3))
    rows = buffer.database.rows("SELECT status, application, title FROM snapshot ORDER BY id")
    assert rows == [("blurred", None, None), ("failed", None, None), ("failed", None, None), ("withheld", None, None)]


# Frozen screens


def _at(ms: int) -> Moment:
    return Moment(INSTANT_MS + ms, 0, ms, 0, is_provisional=False)


def test_a_picture_that_input_does_not_change_is_kept_and_the_person_told(
    snapshotter: Snapshotter, screen: FakeScreen, buffer: Buffer
) -> None:
    for n, is_told in ((1, False), (2, False), (3, True), (4, True)):
        snapshotter.take(ONE, INSTANT_MS + n, _at(n * 1000), n * 1000 - 1)
        assert _taken(buffer).status is SnapshotStatus.HELD
        assert ("very same picture" in (snapshotter.trouble or "")) is is_told
    screen.paint_checks(b"\x01\x02\x03\0")
    snapshotter.take(ONE, INSTANT_MS + 5, _at(5000), 4999)
    assert snapshotter.trouble is None


def test_a_screen_that_nobody_touched_is_honestly_still(snapshotter: Snapshotter) -> None:
    for n in range(1, 9):
        snapshotter.take(ONE, INSTANT_MS + n, _at(n * 1000), 500)
        assert snapshotter.trouble is None


# A thousand bad grabs


def _bad(n: int, chance: random.Random) -> tuple[Frame, ...]:
    """A grab that shows nothing: of one colour, empty, short, too long, or of no size; of one or two monitors."""
    width, height = chance.randrange(1, 80), chance.randrange(1, 80)
    whole = width * height * 4
    colour = b"\0\0\0" if n % 2 else chance.randbytes(3)
    frames = [
        Frame(0, width, height, (colour + b"\0") * (width * height)),
        Frame(0, width, height, (colour + b"\xff") * (width * height)),
        Frame(0, width, height, b""),
        Frame(0, width, height, chance.randbytes(chance.randrange(whole))),
        Frame(0, width, height, chance.randbytes(whole + chance.randrange(1, 5000))),
        Frame(0, 0, height, chance.randbytes(whole)),
    ]
    return tuple(chance.choices(frames, k=chance.randrange(1, 3)))


def test_a_thousand_black_empty_or_torn_grabs_leave_no_picture(
    snapshotter: Snapshotter, screen: FakeScreen, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)  # noqa: S311 (grabs that can be had again)
    bad = [_bad(n, chance) for n in range(1000)]
    coming = iter(bad)
    monkeypatch.setattr(screen, "grab", lambda: next(coming))
    for n in range(1000):
        snapshotter.take(ONE, INSTANT_MS + n, _moment(INSTANT_MS + n))
    assert buffer.pictures.names() == set()
    assert buffer.database.rows("SELECT status, reason, count(*) FROM snapshot GROUP BY 1, 2") == [
        ("failed", "blank", 1000)
    ]
    assert buffer.database.rows("SELECT count(*) FROM picture") == [(0,)]


def test_without_the_check_of_frames_they_would_be_pictures(
    snapshotter: Snapshotter, screen: FakeScreen, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "is_blank", lambda _: False)
    screen.paint(b"\0\0\0")
    snapshotter.take(ONE, INSTANT_MS, _moment())
    assert len(buffer.pictures.names()) > 0


def test_a_monitor_that_is_off_costs_the_others_nothing(
    snapshotter: Snapshotter, screen: FakeScreen, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = screen.grab()
    monkeypatch.setattr(screen, "grab", lambda: (Frame(0, 8, 8, bytes(256)), good[1]))
    snapshotter.take(ONE, INSTANT_MS, _moment())
    assert [one.monitor for one in _taken(buffer).pictures] == [1]
    assert snapshotter.trouble is None


def test_the_hash_is_of_the_bytes_that_are_sent(snapshotter: Snapshotter, buffer: Buffer) -> None:
    snapshotter.take(ONE, INSTANT_MS, _moment())
    for one in _taken(buffer).pictures:
        for name, size in ((one.sha256, one.size), (one.thumbnail_sha256, one.thumbnail_size)):
            content = buffer.pictures.get(name)
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (name, size)
