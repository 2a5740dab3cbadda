"""What every input counter must do, whatever the platform."""

import abc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stage.waiting import until
from tests.contracts.desktops import TIMEOUT_MS, TellingDesktop
from tests.fakes.devices import Devices
from tests.fakes.input import FakeInput
from tests.fakes.quartz import KEY_DOWN, LEFT, SCROLLED, FakeQuartz
from tests.fakes.win32 import FakeWin32, mouse, typed
from tests.fakes.xserver import XServer
from tracker.capture.input.evdev import EvdevInput
from tracker.capture.input.macos import MacInput
from tracker.capture.input.port import Counts, InputCounter, InputUnavailableError, NullInput
from tracker.capture.input.wayland import ActiveTime
from tracker.capture.input.windows import WindowsInput
from tracker.capture.input.x11 import X11Input
from wire.words import ActivitySource

NOTHING = Counts(0, 0, 0)


class Rig(abc.ABC):
    counter: InputCounter
    now_ms = 1_000

    @abc.abstractmethod
    def make(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0) -> None: ...

    def give_input(self) -> None:
        """Give some input, of whatever sort, and wait until it is known."""
        self.make(keys=1)
        until(lambda: self.counter.newest_ms() == self.now_ms, "the input", poll_s=0.002)

    @abc.abstractmethod
    def lose(self) -> None: ...

    @abc.abstractmethod
    def restore(self) -> None: ...

    def close(self) -> None:
        self.counter.stop()

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


class EvdevRig(Rig):
    """Pipes stand for the devices, and the kernel's own bytes come out of them."""

    def __init__(self, folder: Path) -> None:
        self._devices = Devices(folder)
        self.counter = EvdevInput(lambda: self.now_ms, folder, rescan_ms=20)

    def make(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0) -> None:
        if self.counter.running:  # what nobody listens to, the kernel keeps for nobody
            self._devices.press_keys(keys)
            self._devices.click(clicks)
            self._devices.scroll(scrolls)

    def lose(self) -> None:
        self._devices.unplug()

    def restore(self) -> None:
        self._devices.plug_in()

    def close(self) -> None:
        super().close()
        self._devices.unplug()


class TellingRig(Rig):
    """A desktop that tells when there is input, and no more."""

    def __init__(self, desktop: TellingDesktop) -> None:
        self.desktop = desktop
        self.counter = ActiveTime(desktop.watcher, desktop.clock)

    def make(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0) -> None:
        assert (clicks, scrolls) == (0, 0)
        for _ in range(keys):
            self.desktop.press_key()

    def give_input(self) -> None:
        self.desktop.settle()
        self.desktop.now_ms = self.now_ms
        self.desktop.press_key()
        self.desktop.wait_for_input()

    def lose(self) -> None:
        self.desktop.settle()
        self.desktop.lose()

    def restore(self) -> None:
        self.desktop.restore()


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


COUNTING = ["fake", "x11", "windows", "macos", "evdev"]
TELLING = ["sway", pytest.param("kwin", marks=pytest.mark.slow), "mutter"]


@pytest.fixture(params=[*COUNTING, *TELLING])
def rig(request: pytest.FixtureRequest, desktop_of: Callable[[str], TellingDesktop], tmp_path: Path) -> Iterator[Rig]:
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
        case "evdev":
            chosen = EvdevRig(tmp_path)
        case desktop:
            chosen = TellingRig(desktop_of(desktop))
    yield chosen
    chosen.close()


counting = pytest.mark.parametrize("rig", COUNTING, indirect=True)
telling = pytest.mark.parametrize("rig", TELLING, indirect=True)


@counting
def test_it_counts_each_sort_exactly_and_once(rig: Rig) -> None:
    rig.counter.start()
    assert rig.counter.take() == NOTHING
    rig.make(keys=30, clicks=7, scrolls=11)

    assert rig.taken(keys=30, clicks=7, scrolls=11) == Counts(30, 7, 11)
    assert rig.counter.take() == NOTHING


@counting
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
    rig.give_input()
    was_running = rig.counter.running
    rig.counter.stop()
    rig.counter.stop()

    assert (was_running, rig.counter.running) == (True, False)
    assert rig.counter.newest_ms() == 1_000
    assert rig.counter.problem() is None


def test_the_newest_event_carries_the_clock_it_was_given(rig: Rig) -> None:
    rig.counter.start()
    assert rig.counter.newest_ms() is None
    rig.now_ms = 5_000
    rig.give_input()
    rig.now_ms = 9_000
    assert rig.counter.newest_ms() == 5_000, "time alone is no event"
    rig.give_input()

    assert rig.counter.newest_ms() == 9_000


def test_a_lost_display_is_noticed_and_said(rig: Rig) -> None:
    rig.counter.start()
    assert rig.counter.problem() is None
    was_running = rig.counter.running
    rig.lose()

    problem = until(rig.counter.problem, "a problem")
    assert problem.endswith(".")
    assert "\n" not in problem
    until(lambda: not rig.counter.running, "the end of counting", poll_s=0.002)
    assert was_running
    with pytest.raises(InputUnavailableError) as caught:
        rig.counter.start()
    assert str(caught.value).endswith(".")
    assert not rig.counter.running


@counting
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


@counting
def test_a_counter_of_counts_says_so(rig: Rig) -> None:
    assert rig.counter.source is ActivitySource.COUNTS


@telling
def test_active_time_is_what_input_makes_it(rig: Rig) -> None:
    assert isinstance(rig, TellingRig)
    assert rig.counter.source is ActivitySource.ACTIVE_SECONDS
    rig.counter.start()
    rig.desktop.settle()
    rig.counter.take()
    rig.now_ms = rig.desktop.now_ms = 20_000
    assert rig.counter.take() == NOTHING, "time alone is no activity"
    rig.give_input()
    rig.desktop.now_ms += TIMEOUT_MS
    rig.desktop.settle()

    active_ms = rig.counter.take().active_ms
    assert TIMEOUT_MS <= active_ms <= 2 * TIMEOUT_MS, "the test moves its clock; a desktop may tell before or after"
    assert rig.counter.take() == NOTHING


@telling
def test_after_a_stop_no_time_is_active(rig: Rig) -> None:
    assert isinstance(rig, TellingRig)
    rig.counter.start()
    rig.counter.stop()
    rig.now_ms = rig.desktop.now_ms = 20_000
    rig.desktop.press_key()
    rig.desktop.now_ms = 30_000
    rig.counter.start()
    rig.desktop.settle()

    assert rig.counter.take() == NOTHING
    assert rig.counter.newest_ms() is None


@telling
def test_it_measures_again_when_the_desktop_is_back_and_has_lost_nothing(rig: Rig) -> None:
    assert isinstance(rig, TellingRig)
    rig.counter.start()
    rig.now_ms = 20_000
    rig.give_input()
    rig.desktop.now_ms += TIMEOUT_MS
    rig.lose()
    until(rig.counter.problem, "a problem")
    rig.restore()
    rig.counter.start()
    assert rig.counter.problem() is None
    assert rig.counter.take().active_ms >= TIMEOUT_MS
    rig.now_ms = 40_000
    rig.give_input()
    assert rig.counter.newest_ms() == 40_000


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
