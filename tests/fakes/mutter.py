"""Mutter's IdleMonitor on a real bus, as Mutter 43 behaves: idle time by a clock, and watches that fire once."""

import threading
from collections.abc import Callable
from typing import Any

from jeepney import HeaderFields, Message

from tests.fakes.login1 import Service

MONITOR = "org.gnome.Mutter.IdleMonitor"
PATH = "/org/gnome/Mutter/IdleMonitor/Core"


class FakeMutter(Service):
    """Tells of a person whose input a test gives.

    Args:
        address: of the bus.
        now_ms: the clock by which the person is idle.
    """

    def __init__(self, address: str, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._input_ms = now_ms()
        self._lock = threading.Lock()
        self._watches: list[int] = []
        self._newest_watch = 0
        self._is_closed = False
        self.input_at_watch: str | None = None
        """Whether there is input right "before" the next watch is set, which then does not fire, or right "after"."""
        super().__init__(address, MONITOR)

    def give_input(self) -> None:
        """Press a key or move the pointer: it is all the same to Mutter."""
        with self._lock:
            self._input_ms = self._now_ms()
            fired, self._watches = self._watches, []
        for watch in fired:
            self.emit(PATH, MONITOR, "WatchFired", ("u", watch))

    def close(self) -> None:
        """Leave the bus, if that was not done before."""
        if not self._is_closed:
            self._is_closed = True
            super().close()

    def answer(self, message: Message, method: str) -> tuple[str, tuple[Any, ...]] | None:
        if message.header.fields[HeaderFields.path] != PATH:
            return None
        with self._lock:
            match method, message.body:
                case "GetIdletime", ():
                    return "t", (max(0, self._now_ms() - self._input_ms),)
                case "AddUserActiveWatch", ():
                    if self.input_at_watch is not None:
                        self._input_ms = self._now_ms()
                    self._newest_watch += 1
                    if self.input_at_watch == "after":
                        self.emit(PATH, MONITOR, "WatchFired", ("u", self._newest_watch))
                    else:
                        self._watches.append(self._newest_watch)
                    self.input_at_watch = None
                    return "u", (self._newest_watch,)
                case "RemoveWatch", (watch,):
                    self._watches = [one for one in self._watches if one != watch]
                    return "b", (True,)  # Mutter's has no value, which nobody reads
        return None
