"""Mutter's word on idleness: asked while there is input, waited for while there is none."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stage.waiting import until
from tests.fakes.login1 import PrivateBus, Service
from tests.fakes.mutter import MONITOR, FakeMutter
from tracker.capture.idle.mutter import MutterMonitor
from tracker.capture.idle.source import SourceLostError
from tracker.capture.idle.stretches import Stretches


class Desk:
    """A monitor that the test drives by hand, on a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = 10_000
        self.bus = PrivateBus(folder)
        self.mutter = FakeMutter(self.bus.address, lambda: self.now_ms)
        self.stretches = Stretches()
        self._wake, self._woken = socket.socketpair()
        self.monitor = self.connect()

    def connect(self) -> MutterMonitor:
        return MutterMonitor(self.bus.address, self.stretches, lambda: self.now_ms, self._woken)

    def newest_ms(self) -> int | None:
        return self.stretches.newest_ms(self.now_ms)

    def heard_ms(self) -> int | None:
        self.monitor.handle()
        return self.newest_ms()

    def pass_ms(self, ms: int) -> None:
        self.now_ms += ms
        self.monitor.handle()

    def asked(self) -> int:
        return sum(method == "GetIdletime" for method, *_ in self.mutter.calls)

    def close(self) -> None:
        self.monitor.close()
        self.bus.kill()
        self.mutter.close()
        self._wake.close()
        self._woken.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_while_there_is_input_it_asks_and_then_waits(desk: Desk) -> None:
    assert desk.monitor.wait_ms() == 1_000, "how it stands is not known yet"
    desk.pass_ms(1_000)
    assert desk.monitor.wait_ms() is None
    asked = desk.asked()
    desk.pass_ms(60_000)
    assert desk.asked() == asked, "an idle person costs nothing"
    assert desk.newest_ms() is None

    desk.mutter.give_input()
    until(desk.heard_ms, "the signal", poll_s=0.002)
    assert (desk.newest_ms(), desk.monitor.wait_ms()) == (71_000, 1_000)
    desk.pass_ms(700)
    desk.mutter.give_input()
    desk.pass_ms(900)
    assert desk.monitor.wait_ms() == 1_000, "there was input within the second"
    desk.pass_ms(100)
    assert (desk.monitor.wait_ms(), desk.newest_ms()) == (None, 71_700)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_input_while_the_watch_is_set_is_not_missed(desk: Desk, moment: str) -> None:
    desk.mutter.input_at_watch = moment
    desk.pass_ms(5_000)
    assert desk.newest_ms() == 15_000
    assert desk.monitor.wait_ms() == 1_000
    desk.pass_ms(1_000)
    assert (desk.monitor.wait_ms(), desk.newest_ms()) == (None, 15_000)


def test_signals_of_others_are_no_input(desk: Desk) -> None:
    desk.pass_ms(5_000)
    stranger = Service(desk.bus.address, "org.example.Stranger")
    for watch in range(5):
        stranger.emit("/org/gnome/Mutter/IdleMonitor/Core", MONITOR, "WatchFired", ("u", watch))
    stranger.close()
    desk.pass_ms(1_000)
    assert desk.newest_ms() is None


def test_a_compositor_that_ends_is_noticed_and_its_absence_told(desk: Desk) -> None:
    desk.pass_ms(5_000)
    desk.mutter.close()
    with pytest.raises(SourceLostError, match=r"^Mutter went away\.$"):
        until(desk.heard_ms, "its end", poll_s=0.002)
    with pytest.raises(SourceLostError, match=r"^Mutter is not on the session bus\.$"):
        desk.connect()


def test_without_a_bus_the_cause_is_told(desk: Desk) -> None:
    desk.bus.kill()
    with pytest.raises(SourceLostError, match=r"^the session bus does not answer \(.+\)\.$"):
        desk.connect()
