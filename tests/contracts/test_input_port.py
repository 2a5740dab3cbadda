"""What every input counter must do, whatever the platform."""

import abc
from collections.abc import Callable, Iterator

import pytest

from stage.waiting import until
from tests.fakes.input import FakeInput
from tests.fakes.quartz import KEY_DOWN, LEFT, SCROLLED, FakeQuartz
from tests.fakes.win32 import FakeWin32, mouse, typed
from tests.fakes.xserver import XServer
from tracker.capture.input.macos import MacInput
from tracker.capture.input.port import Counts, InputCounter, InputUnavailableError, NullInput
from tracker.capture.input.windows import WindowsInput
from tracker.capture.input.x11 import X11Input
from wire.words import ActivitySource

NOTHING = Counts(0, 0, 0)


class Rig(abc.ABC):
    counter: InputCounter
    now_ms = 1_000

    @abc.abstractmethod
    def make(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0) -> None: ...

    @abc.abstractmethod
    def lose(self) -> None: ...

    @abc.abstractmethod
    def restore(self) -> None: ...

    def taken(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0) -> Counts:
        """Take until that many have come, and give all that came."""
        total = NOTHING

        def add() -> bool:
            nonlocal total
            new = self.counter.take()
            total = Counts(total.keys + new.keys, total.clicks + new.clicks, total.scrolls + new.scrolls)
            return total.keys >= keys and total.clicks >= clicks and total.scrolls >= scrolls

        until(add, f"{keys} keys, {clicks} clicks, {scrolls} scrolls", poll_s=0.005)
        return total


class FakeRig(Rig):
    def __init__(self) -> None:
        self.counter: FakeInput = FakeInput(lambda: self.now_ms)

    def make(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0) -> None:
        self.counter.press(keys=keys, clicks=clicks, scrolls=scrolls)

    def lose(self) -> None:
        self.counter.die("The fake display is gone. Bring it back.")

    def restore(self) -> None:
        self.counter.lost = None


class X11Rig(Rig):
    def __init__(self, server: XServer) -> None:
        self._server = server
        self.counter = X11Input(lambda: self.now_ms, server.display)

    def make(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0) -> None:
        self._server.key(keys)
        self._server.button(1, clicks)
        self._server.button(5, scrolls)

    def lose(self) -> None:
        self._server.kill()

    def restore(self) -> None:
        self._server.revive()


class WindowsRig(Rig):
    """The real logic above Windows's calls, which this machine has not."""

    def __init__(self) -> None:
        self._windows = FakeWin32()
        self.counter = WindowsInput(lambda: self.now_ms, self._windows.load, self._windows.last_error)

    def make(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0) -> None:
        self._windows.post(typed(keys))
        self._windows.post([mouse(0x1), mouse(0x2)] * clicks)
        self._windows.post([mouse(0x400, -120)] * scrolls)

    def lose(self) -> None:
        self._windows.lose_input()

    def restore(self) -> None:
        self._windows.restore_input()


class MacRig(Rig):
    """The real logic above macOS's calls, which this machine has not."""

    def __init__(self) -> None:
        self._quartz = FakeQuartz()
        self.counter = MacInput(lambda: self.now_ms, self._quartz.load, look_s=0.001)

    def make(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0) -> None:
        self._quartz.count(KEY_DOWN, keys)
        self._quartz.count(LEFT, clicks)
        for _ in range(scrolls):
            self._scroll()

    def _scroll(self) -> None:
        """Scroll once and let it be seen, since one scroll at each look is counted."""
        looks = self._quartz.scroll_looks
        self._quartz.count(SCROLLED)
        if self.counter.running:
            until(lambda: self._quartz.scroll_looks > looks, "a look", poll_s=0.001)

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
    chosen.counter.stop()


def test_it_counts_each_sort_exactly_and_once(rig: Rig) -> None:
    rig.counter.start()
    assert rig.counter.take() == NOTHING
    rig.make(keys=30, clicks=7, scrolls=11)

    assert rig.taken(keys=30, clicks=7, scrolls=11) == Counts(30, 7, 11)
    assert rig.counter.take() == NOTHING


def test_input_before_a_stop_is_kept_and_input_after_it_never_counted(rig: Rig) -> None:
    rig.counter.start()
    rig.make(keys=3)
    rig.counter.stop()
    rig.make(keys=100, clicks=100, scrolls=100)

    assert not rig.counter.running
    assert rig.counter.take() == Counts(3, 0, 0)
    rig.counter.start()
    rig.make(clicks=2)
    rig.counter.stop()
    assert rig.counter.take() == Counts(0, 2, 0)


def test_starting_and_stopping_twice_is_harmless(rig: Rig) -> None:
    rig.counter.stop()
    rig.counter.start()
    rig.counter.start()
    rig.make(keys=5)
    rig.counter.stop()
    rig.counter.stop()

    assert rig.counter.take() == Counts(5, 0, 0)
    assert rig.counter.problem() is None


def test_the_newest_event_carries_the_clock_it_was_given(rig: Rig) -> None:
    rig.counter.start()
    assert rig.counter.newest_ms() is None
    rig.now_ms = 5_000
    rig.make(keys=1)
    rig.taken(keys=1)
    assert rig.counter.newest_ms() == 5_000
    rig.now_ms = 9_000
    assert rig.counter.newest_ms() == 5_000, "time alone is no event"
    rig.make(scrolls=1)
    rig.taken(scrolls=1)

    assert rig.counter.newest_ms() == 9_000


def test_a_lost_display_is_noticed_and_said(rig: Rig) -> None:
    rig.counter.start()
    assert rig.counter.problem() is None
    was_running = rig.counter.running
    rig.lose()

    problem = until(rig.counter.problem, "a problem")
    assert problem.endswith(".")
    assert "\n" not in problem
    assert (was_running, rig.counter.running) == (True, False)
    with pytest.raises(InputUnavailableError) as caught:
        rig.counter.start()
    assert str(caught.value).endswith(".")


def test_it_starts_again_when_the_display_is_back_and_has_lost_nothing(rig: Rig) -> None:
    rig.counter.start()
    rig.make(keys=4)
    until(lambda: rig.counter.newest_ms() is not None, "the keys")
    rig.lose()
    until(rig.counter.problem, "a problem")
    rig.restore()
    rig.counter.start()
    assert rig.counter.problem() is None
    rig.make(clicks=6)
    rig.counter.stop()

    assert rig.counter.take() == Counts(4, 6, 0)


def test_a_counter_of_counts_says_so(rig: Rig) -> None:
    assert rig.counter.source is ActivitySource.COUNTS


def test_the_null_counter_gives_its_reason_and_claims_nothing() -> None:
    counter = NullInput("There is none here.")

    with pytest.raises(InputUnavailableError, match=r"^There is none here\.$"):
        counter.start()
    counter.stop()
    assert counter.take() == NOTHING
    assert counter.newest_ms() is None
    assert counter.problem() == "There is none here."
    assert counter.source is ActivitySource.NONE
    assert not counter.running
