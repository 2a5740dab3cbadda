"""What every idle watch must do, whatever the platform."""

import abc
from collections.abc import Callable, Iterator

import pytest

from stage.waiting import until
from tests.contracts.desktops import TellingDesktop
from tests.fakes.idle import FakeIdle
from tests.fakes.input import FakeInput
from tests.fakes.quartz import KEY_DOWN, FakeQuartz
from tests.fakes.win32 import FakeWin32
from tests.fakes.xserver import XServer
from tracker.capture.idle.macos import MacIdle
from tracker.capture.idle.port import Idleness, IdleWatch, NullIdle
from tracker.capture.idle.wayland import WaylandIdle
from tracker.capture.idle.windows import WindowsIdle
from tracker.capture.idle.x11 import X11Idle
from tracker.capture.input.x11 import X11Input


class Rig(abc.ABC):
    watch: IdleWatch
    system_knows = False
    """Whether the system knows of the last input whoever asks, so that a watch need hold nothing."""
    now_ms = 1_000

    def look_at(self, now_ms: int) -> Idleness:
        self.now_ms = now_ms
        return self.watch.look(now_ms)

    def movement(self, at_ms: int, seen_ms: int) -> Idleness:
        """Give what a look says of a pointer that moved: that it did, at the look's time."""
        assert at_ms <= seen_ms
        return Idleness(seen_ms, moved=True)

    @abc.abstractmethod
    def press_key(self) -> None: ...

    @abc.abstractmethod
    def move_pointer(self) -> None: ...

    @abc.abstractmethod
    def lose(self) -> None: ...

    @abc.abstractmethod
    def restore(self) -> None: ...

    def close(self) -> None:
        self.watch.close()


class FakeRig(Rig):
    """Sees no movement while closed."""

    def __init__(self) -> None:
        self._input = FakeInput(lambda: self.now_ms)
        self._input.start()
        self.watch: FakeIdle = FakeIdle(self._input)

    def press_key(self) -> None:
        self._input.press(keys=1)

    def move_pointer(self) -> None:
        if not self.watch.is_closed:
            self.watch.move()

    def lose(self) -> None:
        self.watch.lost = "The fake display is gone. Bring it back."

    def restore(self) -> None:
        self.watch.lost = None


class X11Rig(Rig):
    def __init__(self, server: XServer) -> None:
        self._server = server
        self._input = X11Input(lambda: self.now_ms, server.display)
        self._input.start()
        self.watch: X11Idle = X11Idle(self._input, server.display)
        self._left = 10

    def press_key(self) -> None:
        self._server.key()
        until(lambda: self._input.take().keys, "the key")

    def move_pointer(self) -> None:
        self._left += 1
        self._server.point(self._left, 10)

    def lose(self) -> None:
        self._server.kill()

    def restore(self) -> None:
        self._server.revive()

    def close(self) -> None:
        super().close()
        self._input.stop()


class TellingRig(Rig):
    """A desktop that tells of input, keys and pointer alike, at its own time."""

    def __init__(self, desktop: TellingDesktop) -> None:
        self._desktop = desktop
        self.watch: WaylandIdle = WaylandIdle(desktop.watcher)

    def look_at(self, now_ms: int) -> Idleness:
        self._desktop.settle()
        self.now_ms = self._desktop.now_ms = now_ms
        return self.watch.look(now_ms)

    def movement(self, at_ms: int, seen_ms: int) -> Idleness:
        assert at_ms <= seen_ms
        return Idleness(at_ms, moved=False)

    def press_key(self) -> None:
        self._give(self._desktop.press_key)

    def move_pointer(self) -> None:
        self._give(self._desktop.move_pointer)

    def lose(self) -> None:
        self._desktop.settle()
        self._desktop.lose()
        until(lambda: not self._desktop.watcher.running, "the watch to notice", poll_s=0.005)

    def restore(self) -> None:
        self._desktop.restore()

    def _give(self, give: Callable[[], None]) -> None:
        self._desktop.settle()
        self._desktop.now_ms = self.now_ms
        give()
        if self._desktop.watcher.running:
            self._desktop.wait_for_input()


class WindowsRig(Rig):
    """The real logic above Windows's calls, which this machine has not; its ticks wrap on the way."""

    system_knows = True

    def __init__(self) -> None:
        self._windows = FakeWin32()
        self.watch = WindowsIdle(self._windows.load, self._windows.last_error)
        self._left = 10

    def look_at(self, now_ms: int) -> Idleness:
        self._windows.tick = self._ticks(now_ms)
        idleness = super().look_at(now_ms)
        self._windows.moving = False
        return idleness

    def press_key(self) -> None:
        self._windows.last_tick = self._ticks(self.now_ms)

    def move_pointer(self) -> None:
        """Move it until it is looked at."""
        self._left += 1
        self._windows.pointer, self._windows.moving = (self._left, 10), True

    def lose(self) -> None:
        self._windows.refuses = {"GetLastInputInfo"}

    def restore(self) -> None:
        self._windows.refuses = set()

    def _ticks(self, now_ms: int) -> int:
        return 2**32 - 13_000 + now_ms


class MacRig(Rig):
    """The real logic above macOS's calls, which this machine has not."""

    system_knows = True

    def __init__(self) -> None:
        self._quartz = FakeQuartz()
        self.watch = MacIdle(self._quartz.load)

    def look_at(self, now_ms: int) -> Idleness:
        self._quartz.now_ms = now_ms
        idleness = super().look_at(now_ms)
        self._quartz.moving = False
        return idleness

    def press_key(self) -> None:
        self._quartz.event_ms[KEY_DOWN] = self.now_ms

    def move_pointer(self) -> None:
        """Move it until it is looked at."""
        self._quartz.moving = True

    def lose(self) -> None:
        self._quartz.has_session = False

    def restore(self) -> None:
        self._quartz.has_session = True


@pytest.fixture(
    params=["fake", "x11", "windows", "macos", "sway", pytest.param("kwin", marks=pytest.mark.slow), "mutter"]
)
def rig(request: pytest.FixtureRequest, desktop_of: Callable[[str], TellingDesktop]) -> Iterator[Rig]:
    chosen: Rig
    match request.param:
        case "fake":
            chosen = FakeRig()
        case "x11":
            chosen = X11Rig(request.getfixturevalue("x_server"))
        case "windows":
            chosen = WindowsRig()
        case "macos":
            chosen = MacRig()
        case desktop:
            chosen = TellingRig(desktop_of(desktop))
    yield chosen
    chosen.close()


def test_the_first_look_counts_as_input_and_later_ones_do_not(rig: Rig) -> None:
    assert rig.look_at(10_000) == Idleness(10_000, moved=False)
    assert rig.look_at(15_000) == Idleness(10_000, moved=False)
    assert rig.look_at(700_000) == Idleness(10_000, moved=False)


def test_a_moved_pointer_is_input_that_a_look_sees_once(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.now_ms = 14_000
    rig.move_pointer()
    seen = rig.look_at(15_000)

    assert seen == rig.movement(14_000, 15_000)
    assert rig.look_at(20_000) == Idleness(seen.last_input_ms, moved=False)


def test_a_key_is_input_at_its_own_time_and_moves_nothing(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.now_ms = 12_345
    rig.press_key()

    assert rig.look_at(15_000) == Idleness(12_345, moved=False)


def test_the_pointer_moving_after_a_key_is_the_newer(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.now_ms = 12_345
    rig.press_key()
    rig.now_ms = 14_000
    rig.move_pointer()

    assert rig.look_at(15_000) == rig.movement(14_000, 15_000)


def test_a_lost_display_neither_raises_nor_invents_input(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.now_ms = 14_000
    rig.move_pointer()
    last_ms = rig.look_at(15_000).last_input_ms
    assert rig.watch.problem() is None
    rig.lose()

    assert rig.look_at(20_000) == Idleness(last_ms, moved=False)
    assert rig.look_at(25_000) == Idleness(last_ms, moved=False)
    problem = rig.watch.problem()
    assert problem is not None
    assert problem.endswith(".")


def test_a_display_that_returns_is_watched_again_without_a_false_movement(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.now_ms = 14_000
    rig.move_pointer()
    last_ms = rig.look_at(15_000).last_input_ms
    rig.lose()
    rig.look_at(20_000)
    rig.restore()

    assert rig.look_at(25_000) == Idleness(last_ms, moved=False)
    assert rig.watch.problem() is None
    rig.now_ms = 29_000
    rig.move_pointer()
    assert rig.look_at(30_000) == rig.movement(29_000, 30_000)


def test_asking_for_problems_is_no_look(rig: Rig) -> None:
    assert rig.watch.problem() is None
    assert rig.look_at(10_000) == Idleness(10_000, moved=False)
    rig.now_ms = 14_000
    rig.move_pointer()
    assert rig.watch.problem() is None

    assert rig.look_at(15_000) == rig.movement(14_000, 15_000)


def test_a_closed_watch_holds_nothing_and_looks_again(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.watch.close()
    rig.move_pointer()
    seen = rig.look_at(15_000)
    if not rig.system_knows:
        assert seen == Idleness(10_000, moved=False), "what happened while it was closed is not known"
    rig.now_ms = 19_000
    rig.move_pointer()

    assert rig.look_at(20_000) == rig.movement(19_000, 20_000)


def test_the_null_watch_claims_no_input_that_it_has_not_seen() -> None:
    watch = NullIdle("There is none here.")

    assert watch.look(10_000) == Idleness(10_000, moved=False)
    assert watch.look(700_000) == Idleness(10_000, moved=False)
    assert watch.problem() == "There is none here."
