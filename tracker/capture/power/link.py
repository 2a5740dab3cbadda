"""Keeps services on message buses connected, and hears them all in one thread."""

import abc
import select
import socket
from collections.abc import Callable
from typing import Final

from tracker.capture.bus import Bus, BusLostError, CallRefusedError, Signal, WokenError
from tracker.capture.power.port import Listener, PowerEvent

_RETRY_MOST_MS: Final = 30_000


class AbsentError(Exception):
    """The bus is there and the service is not; the text follows upon a colon."""


class Teller:
    """Passes events on once there is somebody to hear them."""

    def __init__(self) -> None:
        self.listener: Listener | None = None

    def __call__(self, event: PowerEvent | None) -> None:
        """Tell the listener, if there is an event and a listener."""
        listener = self.listener  # `stop` takes it away from another thread
        if event is not None and listener is not None:
            listener(event)


class Source(abc.ABC):
    """One service on one bus, subscribed to."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        try:
            self.subscribe()
        except BaseException:
            self.close()
            raise

    @abc.abstractmethod
    def subscribe(self) -> None:
        """Ask for signals, then look how things stand, so that no change falls in between."""

    @abc.abstractmethod
    def handle(self, signal: Signal) -> None:
        """Act on a signal."""

    def close(self) -> None:
        """Let go of the bus."""
        self.bus.close()


class Link:
    """Keeps one source connected: tries again where it is lost, ever more rarely."""

    def __init__(self, open_source: Callable[[], Source], monotonic_ms: Callable[[], int], retry_ms: int) -> None:
        self._open = open_source
        self._monotonic_ms = monotonic_ms
        self._first_retry_ms = self._retry_ms = retry_ms
        self._next_try_ms: int | None = None
        self.source: Source | None = None
        self.failure: str | None = None
        """Why it is not connected, or None; one attribute, so that other threads can read it."""

    def turn(self) -> None:
        """Connect if it is time to, and handle what has come."""
        try:
            if self.source is None and self.wait_ms() in {0, None}:
                self.source = self._open()
                self.failure, self._retry_ms = None, self._first_retry_ms
            if self.source is not None:
                for signal in self.source.bus.signals():
                    self.source.handle(signal)
        except (AbsentError, BusLostError, CallRefusedError) as error:
            self.close()
            is_absent = isinstance(error, AbsentError)
            self.failure = str(error) if is_absent else f"the system bus does not answer ({error}). Is D-Bus running?"
            self._next_try_ms = self._monotonic_ms() + self._retry_ms
            self._retry_ms = min(2 * self._retry_ms, max(_RETRY_MOST_MS, self._first_retry_ms))

    def wait_ms(self) -> int | None:
        """Give the milliseconds to the next try, None while connected."""
        if self.source is not None or self._next_try_ms is None:
            return None
        return max(0, self._next_try_ms - self._monotonic_ms())

    def close(self) -> None:
        """Let go of the source."""
        if self.source is not None:
            self.source.close()
            self.source = None


def run(links: list[Link], woken: socket.socket) -> None:
    """Wait and handle until woken."""
    stopped = select.poll()
    stopped.register(woken, select.POLLIN)
    try:
        while not stopped.poll(0):
            for link in links:
                link.turn()
            either = select.poll()
            either.register(woken, select.POLLIN)
            for link in links:
                if link.source is not None:
                    either.register(link.source.bus.fileno(), select.POLLIN)
            either.poll(min((wait_ms for link in links if (wait_ms := link.wait_ms()) is not None), default=None))
    except WokenError:
        pass
    finally:
        for link in links:
            link.close()
        woken.close()
