"""What every idle watch must do, whatever the platform."""

import abc
from collections.abc import Callable, Iterator

import pytest

from stage.waiting import until
from tests.fakes.idle import FakeIdle
from tests.fakes.input import FakeInput
from tests.fakes.quartz import KEY_DOWN, FakeQuartz
from tests.fakes.win32 import FakeWin32
from tests.fakes.xserver import XServer
from tracker.capture.idle.macos import MacIdle
from tracker.capture.idle.port import Idleness, IdleWatch, NullIdle
from tracker.capture.idle.windows import WindowsIdle
from tracker.capture.idle.x11 import X11Idle
from tracker.capture.input.x11 import X11Input


class Rig(abc.ABC):
    watch: IdleWatch
    now_ms = 1_000

    def look_at(self, now_ms: int) -> Idleness:
        self.now_ms = now_ms
        return self.watch.look(now_ms)

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
    def __init__(self) -> None:
        self._input = FakeInput(lambda: self.now_ms)
        self._input.start()
        self.watch: FakeIdle = FakeIdle(self._input)

    def press_key(self) -> None:
        self._input.press(keys=1)

    def move_pointer(self) -> None:
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


class WindowsRig(Rig):
    """The real logic above Windows's calls, which this machine has not; its ticks wrap on the way."""

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


@pytest.fixture(params=["fake", "x11", "windows", "macos"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    rigs: dict[str, Callable[[], Rig]] = {
        "fake": FakeRig,
        "x11": lambda: X11Rig(request.getfixturevalue("x_server")),
        "windows": WindowsRig,
        "macos": MacRig,
    }
    chosen = rigs[request.param]()
    yield chosen
    chosen.close()


def test_the_first_look_counts_as_input_and_later_ones_do_not(rig: Rig) -> None:
    assert rig.look_at(10_000) == Idleness(10_000, moved=False)
    assert rig.look_at(15_000) == Idleness(10_000, moved=False)
    assert rig.look_at(700_000) == Idleness(10_000, moved=False)


def test_a_moved_pointer_is_input_at_the_look_that_sees_it(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.move_pointer()

    assert rig.look_at(15_000) == Idleness(15_000, moved=True)
    assert rig.look_at(20_000) == Idleness(15_000, moved=False)


def test_a_key_is_input_at_its_own_time_and_moves_nothing(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.now_ms = 12_345
    rig.press_key()

    assert rig.look_at(15_000) == Idleness(12_345, moved=False)


def test_the_pointer_moving_after_a_key_is_the_newer(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.now_ms = 12_345
    rig.press_key()
    rig.move_pointer()

    assert rig.look_at(15_000) == Idleness(15_000, moved=True)


def test_a_lost_display_neither_raises_nor_invents_input(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.move_pointer()
    rig.look_at(15_000)
    assert rig.watch.problem() is None
    rig.lose()

    assert rig.look_at(20_000) == Idleness(15_000, moved=False)
    assert rig.look_at(25_000) == Idleness(15_000, moved=False)
    problem = rig.watch.problem()
    assert problem is not None
    assert problem.endswith(".")


def test_a_display_that_returns_is_watched_again_without_a_false_movement(rig: Rig) -> None:
    rig.look_at(10_000)
    rig.move_pointer()
    rig.look_at(15_000)
    rig.lose()
    rig.look_at(20_000)
    rig.restore()

    assert rig.look_at(25_000) == Idleness(15_000, moved=False)
    assert rig.watch.problem() is None
    rig.move_pointer()
    assert rig.look_at(30_000) == Idleness(30_000, moved=True)


def test_asking_for_problems_is_no_look(rig: Rig) -> None:
    assert rig.watch.problem() is None
    assert rig.look_at(10_000) == Idleness(10_000, moved=False)
    rig.move_pointer()
    assert rig.watch.problem() is None

    assert rig.look_at(15_000) == Idleness(15_000, moved=True)


def test_the_null_watch_claims_no_input_that_it_has_not_seen() -> None:
    watch = NullIdle("There is none here.")

    assert watch.look(10_000) == Idleness(10_000, moved=False)
    assert watch.look(700_000) == Idleness(10_000, moved=False)
    assert watch.problem() == "There is none here."
