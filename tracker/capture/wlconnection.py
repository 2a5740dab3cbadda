"""A connection to a Wayland compositor for one thread that must neither hang nor fall with it (ADR 33).

It speaks the wire protocol itself: https://wayland.freedesktop.org/docs/html/ch04.html.
"""

import select
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracker.domain.errors import MachineError

_DISPLAY: Final = 1  # the object that every connection begins with
_SYNC, _GET_REGISTRY, _BIND = 0, 1, 0  # requests of wl_display, and of wl_registry
_HEADER: Final = struct.Struct("=II")  # the object; the message's size in bytes, above its number
_WORD: Final = struct.Struct("=I")
_ANSWER_MS: Final = 2_000
_READ_BYTES: Final = 65_536


class WaylandLostError(MachineError):
    """The compositor cannot be reached, went away, or refused; the text is the cause alone, to stand in brackets."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event: which object's, its number in the object's interface, and its arguments as they came."""

    sender: int
    number: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Global:
    """An interface that the compositor offers, with the number to bind it by and the newest version it knows."""

    name: int
    version: int


class Wayland:
    """A connection that knows what the compositor offers when it has been made.

    Args:
        path: of the compositor's socket.
        monotonic_ms: reads the monotonic clock, in milliseconds.
        woken: readable once the thread is to stop, which ends every wait.

    Raises:
        WaylandLostError: nobody answers there, or not in time.
    """

    def __init__(self, path: Path, monotonic_ms: Callable[[], int], woken: socket.socket) -> None:
        self._monotonic_ms = monotonic_ms
        self._woken = woken
        self._newest_id = _DISPLAY
        self._received = b""
        self._events: list[Event] = []
        self._bound: set[int] = set()
        self.offers: dict[str, Global] = {}
        """What the compositor offers, by the interface's name; of several the first."""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(_ANSWER_MS / 1000)
            self._socket.connect(str(path))
            self._registry = self.new_id()
            self.request(_DISPLAY, _GET_REGISTRY, self._registry)
            self.settle()
        except OSError as error:
            self.close()
            raise WaylandLostError(error.strerror or str(error)) from None
        except WaylandLostError:
            self.close()
            raise

    def fileno(self) -> int:
        """Give what to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def new_id(self) -> int:
        """Give the next number for an object; none is used twice."""
        self._newest_id += 1
        return self._newest_id

    def bind(self, interface: str, version: int) -> int:
        """Bind what the compositor offers and give the object's number.

        Raises:
            KeyError: it is not on offer.
            WaylandLostError: the compositor went away.
        """
        name, word, bound = self.offers[interface].name, interface.encode() + b"\0", self.new_id()
        text = _WORD.pack(len(word)) + word + bytes(-len(word) % 4)
        self._send(self._registry, _BIND, _WORD.pack(name) + text + _WORD.pack(version) + _WORD.pack(bound))
        self._bound.add(name)
        return bound

    def request(self, target: int, number: int, *words: int) -> None:
        """Send a request whose arguments are all numbers; raises where the compositor went away."""
        self._send(target, number, b"".join(_WORD.pack(word) for word in words))

    def settle(self) -> None:
        """Wait until the compositor has acted on everything requested.

        Raises:
            WaylandLostError: it refused something, did not answer in time or went away, or the thread is to stop.
        """
        done = self.new_id()
        self.request(_DISPLAY, _SYNC, done)
        deadline_ms = self._monotonic_ms() + _ANSWER_MS
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while not any(event.sender == done for event in self._events):
            left_ms = deadline_ms - self._monotonic_ms()
            ready = [descriptor for descriptor, _ in poll.poll(left_ms)] if left_ms > 0 else []
            if self.fileno() not in ready:
                raise WaylandLostError("it does not answer")
            self._read()
        self._events = [event for event in self._events if event.sender != done]

    def events(self) -> Iterator[Event]:
        """Give the events that have come to objects of one's own, in their order, without waiting.

        Raises:
            WaylandLostError: the compositor went away, refused something, or took back what it offered.
        """
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not self._events and poll.poll(0):
            self._read()
        while self._events:
            yield self._events.pop(0)

    def _send(self, target: int, number: int, body: bytes) -> None:
        try:
            self._socket.sendall(_HEADER.pack(target, (_HEADER.size + len(body)) << 16 | number) + body)
        except OSError as error:
            raise WaylandLostError(error.strerror or str(error)) from None

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except OSError as error:
            raise WaylandLostError(error.strerror or str(error)) from None
        if not data:
            raise WaylandLostError("it went away")
        self._received += data
        while (event := self._next()) is not None:
            self._take(event)

    def _next(self) -> Event | None:
        if len(self._received) < _HEADER.size:
            return None
        sender, rest = _HEADER.unpack_from(self._received)
        size, number = rest >> 16, rest & 0xFFFF
        if size < _HEADER.size:
            raise WaylandLostError("it sent something that is no Wayland message")
        if len(self._received) < size:
            return None
        body, self._received = self._received[_HEADER.size : size], self._received[size:]
        return Event(sender, number, body)

    def _take(self, event: Event) -> None:
        try:
            match event:
                case Event(sender=1, number=0):
                    raise WaylandLostError(f"it refused a request: {_text(event.body, 8)}")
                case Event(sender=1):
                    pass  # a number is free again; none is used twice here
                case Event(sender=self._registry, number=0):
                    (name,) = _WORD.unpack_from(event.body)
                    interface = _text(event.body, 4)
                    (version,) = _WORD.unpack_from(event.body, len(event.body) - _WORD.size)
                    self.offers.setdefault(interface, Global(name, version))
                case Event(sender=self._registry):
                    self._lose(*_WORD.unpack_from(event.body))
                case _:
                    self._events.append(event)
        except (struct.error, UnicodeDecodeError):
            raise WaylandLostError("it sent something that is no Wayland message") from None

    def _lose(self, name: int) -> None:
        if name in self._bound:
            raise WaylandLostError("it took back what was in use")
        self.offers = {interface: offer for interface, offer in self.offers.items() if offer.name != name}


def _text(body: bytes, offset: int) -> str:
    """Read a string: its length with the closing zero, then its bytes."""
    (length,) = _WORD.unpack_from(body, offset)
    start = offset + _WORD.size
    return body[start : start + length - 1].decode()
