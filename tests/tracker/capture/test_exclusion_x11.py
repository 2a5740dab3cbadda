"""Exclusion on a real X server: real windows, real grabs, and nothing written of what is excluded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.clock import NOON_MS
from tests.fakes.terms import contract
from tests.fakes.xserver import XServer
from tests.fakes.xwindows import Manager, XWindows
from tracker.capture.screen.port import Frame
from tracker.capture.screen.x11 import X11Screen
from tracker.capture.window.x11 import X11Windows
from tracker.domain.clock import Moment
from tracker.domain.exclusion import Rule, Subject, Withholding
from tracker.exclusions import Exclusions
from tracker.sight import Sight
from tracker.snapshotter import Snapshotter
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.snapshots import TakenSnapshot
from wire.diary import ActiveWindow
from wire.words import SnapshotStatus

TITLED = contract(1, sends_window_titles=True)


class Desk:
    """A snapshotter on a real display under jwm, with a rule against one bank."""

    def __init__(self, folder: Path, server: XServer) -> None:
        self.buffer: Buffer = open_buffer(folder / "data", bytes(32))
        self.manager = Manager(server.display, folder)
        self.screen = XWindows(server.display)
        self.server = server
        rules = Exclusions(self.buffer.settings)
        rules.add(Rule(Subject.TITLE, "bank"))
        sight = Sight(X11Windows(server.display), rules)
        self.grabber = X11Screen(server.display)
        pictures, snapshots = self.buffer.pictures, self.buffer.snapshots
        self.snapshotter = Snapshotter(self.grabber, sight, snapshots, pictures, lambda *_: ())
        self._taken = 0

    def take(self) -> TakenSnapshot:
        self._taken += 1
        at_ms = NOON_MS + self._taken
        self.snapshotter.take(TITLED, at_ms, Moment(at_ms, 0, 0, 0, is_provisional=False))
        newest = self.buffer.snapshots.newest()
        assert newest is not None
        assert newest.at_ms == at_ms
        return newest

    def close(self) -> None:
        self.manager.end()
        self.screen.end()
        self.buffer.database.close()


@pytest.fixture
def desk(tmp_path: Path, x_server: XServer) -> Iterator[Desk]:
    made = Desk(tmp_path, x_server)
    yield made
    made.close()


def test_an_excluded_window_withholds_until_it_is_minimised_or_closed(desk: Desk) -> None:
    desk.screen.activate(desk.screen.open("Editor", "notes"))
    assert desk.take().window == ActiveWindow(application="Editor", title="notes")
    bank = desk.screen.open("Firefox", "My Bank")
    withheld = desk.take()
    assert (withheld.status, withheld.withholding) == (SnapshotStatus.WITHHELD, Withholding.RULE)
    desk.screen.minimise(bank)
    assert desk.take().status is SnapshotStatus.HELD
    desk.screen.restore(bank)
    assert desk.take().status is SnapshotStatus.WITHHELD
    desk.screen.close(bank)
    assert desk.take().status is SnapshotStatus.HELD


def test_a_popup_that_opens_during_the_grab_destroys_the_picture(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.screen.open("Editor", "notes")
    before = desk.buffer.pictures.names()
    grab = X11Screen.grab

    def grab_slowly(self: X11Screen) -> tuple[Frame, ...]:
        frames = grab(self)
        desk.screen.open("", "Your bank: a new message", is_managed=False, override_redirect=True)
        return frames

    monkeypatch.setattr(X11Screen, "grab", grab_slowly)
    assert desk.take().withholding is Withholding.RULE
    assert desk.buffer.pictures.names() == before


def test_where_the_server_went_away_no_picture_leaves_unasked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The grab may still succeed where the windows cannot be listed."""
    desk.screen.open("Editor", "notes")
    frames = desk.grabber.grab()
    desk.screen.end()
    desk.server.kill()
    monkeypatch.setattr(X11Screen, "grab", lambda _: frames)
    taken = desk.take()
    assert (taken.status, taken.needs_approval, taken.window) == (SnapshotStatus.HELD, True, None)
