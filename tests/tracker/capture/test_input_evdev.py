"""The kernel's devices: every press once, a wheel's notches whatever it tells them by, and no code kept."""

import gc
import struct
import threading
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from stage.waiting import until
from tests.fakes.devices import (
    BTN_TOUCH,
    EV_ABS,
    EV_KEY,
    EV_REL,
    REL_HWHEEL,
    REL_WHEEL,
    REL_WHEEL_HI_RES,
    REL_X,
    SYN,
    Devices,
)
from tests.fakes.idle import FakeIdle
from tracker.capture.idle.evdev import EvdevIdle
from tracker.capture.idle.port import Idleness
from tracker.capture.input import evdev
from tracker.capture.input.evdev import EvdevInput, _Device
from tracker.capture.input.port import Counts, InputUnavailableError

SECRET_CODE = 0x5ECE


class Desk:
    def __init__(self, folder: Path) -> None:
        self.now_ms = 10_000
        self.devices = Devices(folder)
        self.counter = EvdevInput(lambda: self.now_ms, folder, rescan_ms=10)
        self.counter.start()

    def counted(self) -> Counts:
        self.counter.stop()
        return self.counter.take()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.counter.stop()
    desk.devices.unplug()


def test_a_held_key_counts_once_and_its_release_not_at_all(desk: Desk) -> None:
    desk.devices.send("event0", (EV_KEY, 30, 1), SYN, *[(EV_KEY, 30, 2), SYN] * 50, (EV_KEY, 30, 0), SYN)
    assert desk.counted() == Counts(1, 0, 0)


@pytest.mark.parametrize(
    ("events", "scrolls"),
    [
        ([(EV_REL, REL_WHEEL, -1), SYN] * 3, 3),
        ([(EV_REL, REL_WHEEL, 2), (EV_REL, REL_HWHEEL, -1), SYN], 3),
        ([(EV_REL, REL_WHEEL_HI_RES, 120), (EV_REL, REL_WHEEL, 1), SYN] * 3, 3),
        ([(EV_REL, REL_WHEEL, 1), (EV_REL, REL_WHEEL_HI_RES, 120), SYN] * 3, 3),
        ([(EV_REL, REL_WHEEL_HI_RES, 15), SYN] * 8, 1),
        ([(EV_REL, REL_WHEEL_HI_RES, 15), SYN] * 7, 0),
        ([(EV_REL, REL_WHEEL_HI_RES, 90), SYN, (EV_REL, REL_WHEEL_HI_RES, -90), SYN], 0),
        ([(EV_REL, REL_WHEEL_HI_RES, -300), SYN, (EV_REL, REL_WHEEL_HI_RES, -60), SYN], 3),
    ],
    ids=["coarse", "both ways", "fine and coarse", "coarse first", "eighths", "short", "back and forth", "fast"],
)
def test_every_notch_of_a_wheel_is_one_scroll(desk: Desk, events: list[tuple[int, int, int]], scrolls: int) -> None:
    desk.devices.send("event1", *events)
    assert desk.counted() == Counts(0, 0, scrolls)


def test_movement_and_touches_are_input_but_no_count(desk: Desk) -> None:
    watch = EvdevIdle(desk.counter, FakeIdle())
    assert watch.look(10_000) == Idleness(10_000, moved=False)
    for events in ([(EV_REL, REL_X, 3), SYN], [(EV_KEY, BTN_TOUCH, 1), SYN]):
        desk.devices.send("event1", *events)
        desk.now_ms += 5_000
        seen = until(lambda: watch.look(desk.now_ms).moved, "the movement", poll_s=0.005)
        assert seen
        assert watch.look(desk.now_ms + 1_000) == Idleness(desk.now_ms, moved=False)
    assert desk.counted() == Counts(0, 0, 0)


def test_a_joystick_at_rest_is_no_input(desk: Desk) -> None:
    watch = EvdevIdle(desk.counter, FakeIdle())
    watch.look(10_000)
    desk.devices.send("event1", *[(EV_ABS, 0, 127), SYN, (EV_ABS, 0, 128), SYN] * 20)
    desk.devices.press_keys(1)
    until(desk.counter.newest_ms, "the key that came after", poll_s=0.005)
    assert watch.look(15_000) == Idleness(10_000, moved=False)


def test_the_desktop_hears_of_input_that_comes_from_no_device(desk: Desk) -> None:
    desktop = FakeIdle()
    watch = EvdevIdle(desk.counter, desktop)
    watch.look(10_000)
    desktop.move()
    assert watch.look(15_000) == Idleness(15_000, moved=False)
    watch.close()
    assert desktop.is_closed


def test_devices_plugged_in_later_are_counted_and_unplugged_ones_let_go(desk: Desk) -> None:
    desk.devices.press_keys(1)
    until(desk.counter.newest_ms, "the first key", poll_s=0.005)
    desk.devices.unplug("event0")
    desk.devices.plug_in("event7")
    desk.devices.press_keys(2, name="event7")
    desk.now_ms = 20_000
    until(lambda: desk.counter.newest_ms() == 20_000, "the new keyboard", poll_s=0.005)
    assert desk.counter.problem() is None
    assert desk.counted() == Counts(3, 0, 0)


def test_a_folder_without_devices_and_one_without_rights_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = EvdevInput(lambda: 0, tmp_path)
    with pytest.raises(InputUnavailableError, match="there is no device"):
        counter.start()
    devices = Devices(tmp_path)

    def refuse(path: Path) -> _Device:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(evdev, "_Device", refuse)
    with pytest.raises(InputUnavailableError) as caught:
        counter.start()
    assert "every program that they run" in str(caught.value), "the price is told with the remedy"
    assert "usermod -aG input" in str(caught.value)
    assert not counter.running
    devices.unplug()


def test_rights_that_come_a_moment_late_are_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[Path] = []

    class Late(_Device):
        def __init__(self, path: Path) -> None:
            if not refused:
                refused.append(path)
                raise PermissionError(13, "Permission denied", str(path))
            super().__init__(path)

    monkeypatch.setattr(evdev, "_Device", Late)
    desk.devices.plug_in("event9")
    until(lambda: refused, "the refusal", poll_s=0.005)
    desk.devices.press_keys(1, name="event9")
    until(desk.counter.newest_ms, "the key", poll_s=0.005)
    assert desk.counted() == Counts(1, 0, 0)


def _reachable(roots: list[object]) -> list[object]:
    """Walk everything that hangs on the roots; code, types and the thread's own machinery are not the counter's."""
    found: dict[int, object] = {}
    while roots:
        one = roots.pop()
        if id(one) in found or isinstance(one, types.ModuleType | types.FunctionType | type | threading.Thread):
            continue
        found[id(one)] = one
        roots += gc.get_referents(one)
    return list(found.values())


@pytest.mark.parametrize("keeps", [False, True], ids=["as it is", "negative control"])
def test_no_code_outlives_its_counting(desk: Desk, monkeypatch: pytest.MonkeyPatch, keeps: bool) -> None:
    if keeps:
        count = _Device._count

        def keep(device: _Device, data: bytes) -> tuple[Counts, bool]:
            device.last = data  # type: ignore[attr-defined]  # what must never be
            return count(device, data)

        monkeypatch.setattr(_Device, "_count", keep)
    desk.devices.press_keys(40, code=SECRET_CODE)
    until(desk.counter.newest_ms, "the keys", poll_s=0.005)
    devices = [one for one in gc.get_objects() if type(one) is _Device]
    assert len(devices) >= 2
    held = _reachable([desk.counter, *devices])
    raw = struct.pack("@H", SECRET_CODE)
    found = [one for one in held if one == SECRET_CODE or (isinstance(one, bytes) and raw in one)]
    assert bool(found) is keeps
