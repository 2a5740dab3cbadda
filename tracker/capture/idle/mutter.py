"""Input as Mutter tells of it, the compositor of GNOME and its kin: org.gnome.Mutter.IdleMonitor on the session bus."""

import socket
from collections.abc import Callable
from typing import Final

from tracker.capture.bus import BUS, Bus, BusLostError, CallRefusedError, Signal, WokenError
from tracker.capture.idle.source import Source, SourceLostError
from tracker.capture.idle.stretches import Stretches

_MONITOR: Final = "org.gnome.Mutter.IdleMonitor"
_PATH: Final = "/org/gnome/Mutter/IdleMonitor/Core"


class MutterMonitor(Source):
    """Asks once per time-out for how long there was no input, and while there is none waits for a signal instead.

    Video players and inhibitors do not touch that time. Mutter's own watches for idleness obey them, so none is used;
    its watch for the next input does not.

    Args:
        address: of the session bus.
        stretches: where to note.
        monotonic_ms: reads the monotonic clock, in milliseconds.
        woken: readable once the thread is to stop.

    Raises:
        SourceLostError: there is no bus, or no Mutter on it.
    """

    name = _MONITOR
    can_be_blinded = False

    def __init__(
        self, address: str, stretches: Stretches, monotonic_ms: Callable[[], int], woken: socket.socket
    ) -> None:
        self._stretches = stretches
        self._monotonic_ms = monotonic_ms
        self._watch: int | None = None  # for the next input, while there is none
        try:
            self._bus = Bus(address, monotonic_ms, woken)
        except (BusLostError, WokenError) as error:
            raise SourceLostError(f"the session bus does not answer ({error}).") from None
        try:
            self._owner = self._find()
            self._bus.watch(sender=_MONITOR, path=_PATH, interface=_MONITOR, member="WatchFired")
            self._bus.watch(sender=BUS, member="NameOwnerChanged", arg0=_MONITOR)
            stretches.asked(monotonic_ms(), can_be_blinded=False)
            self._is_idle()
        except (BusLostError, CallRefusedError, WokenError) as error:
            self.close()
            raise SourceLostError(f"Mutter does not answer ({error}).") from None
        except SourceLostError:
            self.close()
            raise

    def fileno(self) -> int:
        """Give the connection."""
        return self._bus.fileno()

    def wait_ms(self) -> int | None:
        """Give the time to the next question: one time-out, and none while a signal is waited for."""
        return None if self._watch is not None else self._stretches.timeout_ms

    def handle(self) -> None:
        """Hear whether there was input again, or ask."""
        try:
            self._hear_all()
            while self._watch is None and self._is_idle():
                self._hear_all()  # what came with the answers wakes nobody
        except (BusLostError, CallRefusedError) as error:
            raise SourceLostError(f"Mutter does not answer ({error}).") from None
        except WokenError:
            return

    def close(self) -> None:
        """Close the connection, which removes the watch."""
        self._bus.close()

    def _find(self) -> str:
        owner = self._bus.owner(_MONITOR)
        if owner is None:
            raise SourceLostError("Mutter is not on the session bus.")
        return owner

    def _hear_all(self) -> None:
        for signal in self._bus.signals():
            self._hear(signal)

    def _hear(self, signal: Signal) -> None:
        if signal.member == "NameOwnerChanged" and signal.body[0] == _MONITOR:
            raise SourceLostError("Mutter went away.")
        if signal.sender == self._owner and signal.body == (self._watch,):
            self._watch = None
            self._stretches.resumed(self._monotonic_ms())

    def _is_idle(self) -> bool:
        """Ask whether the person is idle, and if so be told when they no longer are."""
        timeout_ms = self._stretches.timeout_ms
        idle_ms = self._idle_ms()
        if idle_ms < timeout_ms:
            return False
        self._stretches.idled(self._monotonic_ms() - idle_ms + timeout_ms)
        (self._watch,) = self._bus.call(_MONITOR, _PATH, _MONITOR, "AddUserActiveWatch")
        idle_ms = self._idle_ms()  # again: input before the watch was set would go unheard
        if idle_ms >= timeout_ms:
            return True
        self._bus.call(_MONITOR, _PATH, _MONITOR, "RemoveWatch", ("u", self._watch))
        self._watch = None
        self._stretches.resumed(self._monotonic_ms() - idle_ms)
        return False

    def _idle_ms(self) -> int:
        (idle_ms,) = self._bus.call(_MONITOR, _PATH, _MONITOR, "GetIdletime")
        return int(idle_ms)
