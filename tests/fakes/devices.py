"""Input devices as the kernel shows them: a pipe each, and the bytes of its `struct input_event`."""

import os
import struct
from pathlib import Path

EV_SYN, EV_KEY, EV_REL, EV_ABS, EV_MSC = 0, 1, 2, 3, 4
KEY_A, BTN_LEFT, BTN_TOUCH = 30, 0x110, 0x14A
REL_X, REL_HWHEEL, REL_WHEEL, REL_WHEEL_HI_RES = 0x00, 0x06, 0x08, 0x0B
MSC_SCAN = 4
SYN = (EV_SYN, 0, 0)


class Devices:
    """A keyboard and a mouse in a folder.

    Args:
        folder: stands for /dev/input.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pipes: dict[str, int] = {}
        self.plug_in()

    def plug_in(self, *names: str) -> None:
        """Add devices, by default the keyboard and the mouse."""
        for name in names or ("event0", "event1"):
            path = self._folder / name
            os.mkfifo(path)
            self._pipes[name] = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def unplug(self, *names: str) -> None:
        """Take devices away, by default all."""
        for name in names or tuple(self._pipes):
            (self._folder / name).unlink()
            os.close(self._pipes.pop(name))

    def press_keys(self, times: int, code: int = KEY_A, name: str = "event0") -> None:
        """Press a key, hold it until it repeats, and let it go."""
        for _ in range(times):
            self.send(name, (EV_MSC, MSC_SCAN, 0x70004), (EV_KEY, code, 1), SYN)
            self.send(name, (EV_KEY, code, 2), SYN, (EV_KEY, code, 2), SYN, (EV_KEY, code, 0), SYN)

    def click(self, times: int) -> None:
        for _ in range(times):
            self.send("event1", (EV_KEY, BTN_LEFT, 1), SYN, (EV_KEY, BTN_LEFT, 0), SYN)

    def scroll(self, notches: int) -> None:
        for _ in range(notches):
            self.send("event1", (EV_REL, REL_WHEEL_HI_RES, -120), (EV_REL, REL_WHEEL, -1), SYN)

    def send(self, name: str, *events: tuple[int, int, int]) -> None:
        """Send events of type, code and value."""
        data = b"".join(struct.pack("@llHHi", 1_795_000_000, 0, *event) for event in events)
        assert os.write(self._pipes[name], data) == len(data)
