"""What every power watch must do, whatever the platform."""

import abc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stage.waiting import until
from tests.fakes.login1 import FakeLogin1, PrivateBus
from tests.fakes.power import FakeDesktop, FakeMac, FakePower
from tracker.capture.power.login1 import Login1Power
from tracker.capture.power.macos import MacPower
from tracker.capture.power.port import NullPower, PowerEvent, PowerUnavailableError, PowerWatch
from tracker.capture.power.windows import WindowsPower
from tracker.clock import monotonic_ms
from tracker.domain.errors import MachineError

SUSPENDING, RESUMED, LOCKED, UNLOCKED, SHUTTING_DOWN = PowerEvent


class Rig(abc.ABC):
    watch: PowerWatch
    announces = frozenset(PowerEvent)

    def __init__(self) -> None:
        self.heard: list[PowerEvent] = []
        self.heard_in: set[str] = set()

    def listen(self, event: PowerEvent) -> None:
        self.heard_in.add(threading.current_thread().name)
        self.heard.append(event)

    def start(self) -> None:
        self.watch.start(self.listen)

    def hears(self, *events: PowerEvent) -> None:
        until(lambda: len(self.heard) >= len(events), f"{len(events)} events", poll_s=0.002)
        assert self.heard == list(events)

    @abc.abstractmethod
    def announce(self, event: PowerEvent) -> None: ...

    def close(self) -> None:
        self.watch.stop()


class Losable(Rig):
    """A rig whose machine can fall silent."""

    @abc.abstractmethod
    def lose(self) -> None: ...

    @abc.abstractmethod
    def restore(self) -> None: ...


class FakeRig(Losable):
    def __init__(self) -> None:
        super().__init__()
        self.watch: FakePower = FakePower()

    def announce(self, event: PowerEvent) -> None:
        self.watch.say(event)

    def lose(self) -> None:
        self.watch.lose("The fake bus is gone. Bring it back.")

    def restore(self) -> None:
        self.watch.restore()


class Login1Rig(Losable):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._bus = PrivateBus(folder)
        self._login1 = FakeLogin1(self._bus.address)
        self.watch = Login1Power(monotonic_ms, system_bus=self._bus.address, retry_ms=5)

    def announce(self, event: PowerEvent) -> None:
        match event:
            case PowerEvent.SUSPENDING | PowerEvent.RESUMED:
                self._login1.prepare_for_sleep(begins=event is SUSPENDING)
            case PowerEvent.SHUTTING_DOWN:
                self._login1.prepare_for_shutdown(begins=True)
            case PowerEvent.LOCKED | PowerEvent.UNLOCKED:
                self._login1.set_locked_hint(locked=event is LOCKED)

    def lose(self) -> None:
        self._bus.kill()
        self._login1.close()

    def restore(self) -> None:
        self._bus.revive()
        self._login1 = FakeLogin1(self._bus.address)

    def close(self) -> None:
        super().close()
        self._bus.kill()
        self._login1.close()


class WindowsRig(Rig):
    """The real logic above Windows's calls, which this machine has not."""

    def __init__(self) -> None:
        super().__init__()
        self._desktop = FakeDesktop()
        self.watch = WindowsPower(lambda: self._desktop)

    def announce(self, event: PowerEvent) -> None:
        message, wparam = {
            SUSPENDING: (0x218, 4),
            RESUMED: (0x218, 0x12),
            LOCKED: (0x2B1, 7),
            UNLOCKED: (0x2B1, 8),
            SHUTTING_DOWN: (0x16, 1),
        }[event]
        if event in {LOCKED, UNLOCKED}:
            self._desktop.locked = event is LOCKED
        self._desktop.send(message, wparam)


class MacRig(Rig):
    """The real logic above macOS's calls, which this machine has not; it announces no shutdown."""

    announces = frozenset(PowerEvent) - {SHUTTING_DOWN}

    def __init__(self) -> None:
        super().__init__()
        self._mac = FakeMac()
        self.watch = MacPower(lambda: self._mac)

    def announce(self, event: PowerEvent) -> None:
        if event in {LOCKED, UNLOCKED}:
            self._mac.say_locked(locked=event is LOCKED)
        else:
            self._mac.send({SUSPENDING: 0xE0000280, RESUMED: 0xE0000300}[event])


@pytest.fixture(params=["fake", "login1", "windows", "macos"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    rigs: dict[str, Callable[[], Rig]] = {
        "fake": FakeRig,
        "login1": lambda: Login1Rig(tmp_path),
        "windows": WindowsRig,
        "macos": MacRig,
    }
    chosen = rigs[request.param]()
    yield chosen
    chosen.close()


@pytest.fixture(params=["fake", "login1"])
def losable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Losable]:
    chosen: Losable = FakeRig() if request.param == "fake" else Login1Rig(tmp_path)
    yield chosen
    chosen.close()


def test_every_event_is_heard_in_its_order(rig: Rig) -> None:
    rig.start()
    announced = [event for event in PowerEvent if event in rig.announces]
    for number, event in enumerate(announced, start=1):
        rig.announce(event)
        rig.hears(*announced[:number])  # a lock undone before anyone looked may go untold

    assert len(rig.heard_in) == 1, "one thread hears them all"


def test_what_happens_while_stopped_goes_unheard(rig: Rig) -> None:
    rig.announce(SUSPENDING)
    rig.start()
    rig.announce(RESUMED)
    rig.hears(RESUMED)
    rig.watch.stop()
    rig.announce(LOCKED)
    rig.announce(UNLOCKED)
    rig.start()
    rig.announce(SUSPENDING)

    rig.hears(RESUMED, SUSPENDING)


def test_starting_and_stopping_twice_is_harmless(rig: Rig) -> None:
    rig.watch.stop()
    rig.start()
    rig.watch.start(lambda _event: pytest.fail("the first listener stays"))
    was_running = rig.watch.running
    rig.announce(SUSPENDING)
    rig.hears(SUSPENDING)
    rig.watch.stop()
    rig.watch.stop()

    assert (was_running, rig.watch.running) == (True, False)
    assert rig.watch.problem() is None


def test_the_lock_can_be_asked_for(rig: Rig) -> None:
    assert not rig.watch.is_locked()
    rig.start()
    rig.announce(LOCKED)
    rig.hears(LOCKED)
    assert rig.watch.is_locked()
    rig.announce(UNLOCKED)
    rig.hears(LOCKED, UNLOCKED)
    assert rig.watch.is_locked() is False
    rig.watch.stop()

    assert not rig.watch.is_locked()


def test_a_screen_that_is_locked_at_the_start_is_no_event(rig: Rig) -> None:
    rig.announce(LOCKED)
    rig.start()

    assert rig.watch.is_locked()
    rig.announce(UNLOCKED)
    rig.hears(UNLOCKED)


def test_falling_silent_is_said_and_mends_itself(losable: Losable) -> None:
    losable.start()
    assert losable.watch.problem() is None
    losable.lose()
    problem = until(losable.watch.problem, "a problem", poll_s=0.002)
    assert problem.endswith(".")
    assert "\n" not in problem
    assert losable.watch.is_locked() is None
    losable.restore()
    until(lambda: losable.watch.problem() is None, "no problem", poll_s=0.002)
    losable.announce(SUSPENDING)

    losable.hears(SUSPENDING)


def test_where_nothing_is_announced_to_begin_with_the_start_says_so(losable: Losable) -> None:
    losable.lose()
    with pytest.raises(PowerUnavailableError) as caught:
        losable.start()
    assert isinstance(caught.value, MachineError)
    assert str(caught.value).endswith(".")
    assert not losable.watch.running
    losable.restore()
    losable.start()
    losable.announce(RESUMED)

    losable.hears(RESUMED)


def test_the_null_watch_gives_its_reason_and_claims_nothing() -> None:
    watch = NullPower("There is none here.")

    with pytest.raises(PowerUnavailableError, match=r"^There is none here\.$"):
        watch.start(lambda _event: None)
    watch.stop()
    assert watch.problem() == "There is none here."
    assert watch.is_locked() is None
    assert not watch.running
