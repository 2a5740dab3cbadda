"""A Wayland client small enough to be read: one connection, whose every wait has a deadline.

The wire is a Unix socket with 32-bit words (wayland.freedesktop.org, "Wayland Protocol", chapter 4). Speaking it here
and not through libwayland means that no compositor, however broken, can crash or hang the tracker (ADR 30).
"""

import select
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracker.domain.errors import MachineError

_DISPLAY: Final = 1
_SYNC, _GET_REGISTRY = 0, 1
_DISPLAY_ERROR: Final = 0
_REGISTRY_GLOBAL: Final = 0
_REGISTRY_GLOBAL_REMOVE: Final = 1
_REGISTRY_BIND: Final = 0
_HEADER: Final = struct.Struct("=II")
_READ_BYTES: Final = 65_536

Listener = Callable[[int, "Arguments"], None]
"""Takes an object's events: which one (its opcode), and its arguments."""


class WaylandLostError(MachineError):
    """The compositor cannot be reached, went away or refused; the text is the cause alone, to stand in brackets."""


class WaylandSilentError(WaylandLostError):
    """The compositor did not answer in time."""


@dataclass(frozen=True, slots=True)
class Global:
    """Something that the compositor offers, by its number, interface and version."""

    name: int
    interface: str
    version: int


class Arguments:
    """Reads an event's arguments, in their order."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._position = 0

    def unsigned(self) -> int:
        """Read an unsigned integer, or an object."""
        (value,) = struct.unpack_from("=I", self._payload, self._position)
        self._position += 4
        return int(value)

    def signed(self) -> int:
        """Read a signed integer."""
        (value,) = struct.unpack_from("=i", self._payload, self._position)
        self._position += 4
        return int(value)

    def text(self) -> str:
        """Read a string."""
        length = self.unsigned()
        raw = self._payload[self._position : self._position + max(0, length - 1)]
        self._position += length + -length % 4
        return raw.decode(errors="replace")


class Wayland:
    """A connection, which knows what the compositor offers.

    Args:
        path: the compositor's socket.
        monotonic_ms: reads the monotonic clock, in milliseconds.
        deadline_ms: by when everything must be done, on that clock.

    Raises:
        WaylandLostError: nobody answers there.
    """

    def __init__(self, path: Path, monotonic_ms: Callable[[], int], deadline_ms: int) -> None:
        self._monotonic_ms = monotonic_ms
        self._deadline_ms = deadline_ms
        self._received = bytearray()
        self._listeners: dict[int, Listener] = {_DISPLAY: self._on_display}
        self._last_id = _DISPLAY
        self._bound: set[int] = set()
        self.globals: list[Global] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(self._left_s())
            self._socket.connect(str(path))
            self._registry = self.new(self._on_registry)
            self.send(_DISPLAY, _GET_REGISTRY, self._registry)
            self.roundtrip()
        except OSError as error:
            self.close()
            raise WaylandLostError(error.strerror or str(error)) from None
        except WaylandLostError:
            self.close()
            raise

    def fileno(self) -> int:
        """Give what to wait on, for who waits longer than the deadline."""
        return self._socket.fileno()

    def take(self) -> None:
        """Take the events that have come, without waiting; the deadline does not matter. Raises as `wait` does."""
        while select.select([self._socket], [], [], 0)[0]:
            self._receive()

    def close(self) -> None:
        """End the connection, and with it everything made through it."""
        self._socket.close()

    def offers(self, interface: str) -> Sequence[Global]:
        """Give what is offered of an interface, in the compositor's order."""
        return [one for one in self.globals if one.interface == interface]

    def new(self, listener: Listener | None = None) -> int:
        """Name a new object, to be made by the next request; its events go to the listener."""
        self._last_id += 1
        if listener is not None:
            self._listeners[self._last_id] = listener
        return self._last_id

    def bind(self, offered: Global, version: int, listener: Listener | None = None) -> int:
        """Take up what is offered, in at most that version of it; give the object."""
        bound = self.new(listener)
        self._bound.add(offered.name)
        self.send(self._registry, _REGISTRY_BIND, offered.name, offered.interface, min(version, offered.version), bound)
        return bound

    def send(self, target: int, opcode: int, *arguments: int | str, descriptor: int | None = None) -> None:
        """Make a request.

        Args:
            target: the object.
            opcode: the request's number in its interface.
            arguments: integers (also objects) and strings.
            descriptor: a file descriptor to hand over; it stays open here.

        Raises:
            WaylandLostError: the compositor went away.
        """
        payload = b"".join(_word(one) if isinstance(one, int) else _string(one) for one in arguments)
        message = _HEADER.pack(target, (_HEADER.size + len(payload)) << 16 | opcode) + payload
        try:
            self._socket.settimeout(self._left_s())
            sent = socket.send_fds(self._socket, [message], [descriptor]) if descriptor is not None else 0
            self._socket.sendall(message[sent:])
        except TimeoutError:
            raise WaylandSilentError("it does not answer") from None
        except BrokenPipeError:
            while True:  # what it said before it hung up tells why; at its end this raises, too
                self._receive()
        except OSError as error:
            raise WaylandLostError(error.strerror or str(error)) from None

    def roundtrip(self) -> None:
        """Wait until everything asked for so far has been answered. Raises as `wait` does."""
        done: list[int] = []
        self.send(_DISPLAY, _SYNC, self.new(lambda _opcode, _arguments: done.append(1)))
        self.wait(lambda: bool(done))

    def wait(self, is_done: Callable[[], bool]) -> None:
        """Take events until something is done.

        Raises:
            WaylandSilentError: it is not done by the deadline.
            WaylandLostError: the compositor went away, or refused a request.
        """
        while not is_done():
            if not select.select([self._socket], [], [], self._left_s())[0]:
                raise WaylandSilentError("it does not answer")
            self._receive()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except OSError as error:
            raise WaylandLostError(error.strerror or str(error)) from None
        if not data:
            raise WaylandLostError("it went away")
        self._received += data
        try:
            while (message := self._next()) is not None:
                target, opcode, payload = message
                listener = self._listeners.get(target)
                if listener is not None:
                    listener(opcode, Arguments(payload))
        except struct.error:
            raise WaylandLostError("it sent something that is no Wayland event") from None

    def _next(self) -> tuple[int, int, bytes] | None:
        if len(self._received) < _HEADER.size:
            return None
        target, size_and_opcode = _HEADER.unpack_from(self._received)
        size = size_and_opcode >> 16
        if size < _HEADER.size:
            raise WaylandLostError("it sent something that is no Wayland event")
        if len(self._received) < size:
            return None
        payload = bytes(self._received[_HEADER.size : size])
        del self._received[:size]
        return target, size_and_opcode & 0xFFFF, payload

    def _on_display(self, opcode: int, arguments: Arguments) -> None:
        if opcode == _DISPLAY_ERROR:
            arguments.unsigned()
            arguments.unsigned()
            raise WaylandLostError(f"it says: {arguments.text()}")

    def _on_registry(self, opcode: int, arguments: Arguments) -> None:
        if opcode == _REGISTRY_GLOBAL:
            self.globals.append(Global(arguments.unsigned(), arguments.text(), arguments.unsigned()))
        elif opcode == _REGISTRY_GLOBAL_REMOVE:
            name = arguments.unsigned()
            if name in self._bound:
                raise WaylandLostError("it took back what was in use")
            self.globals = [one for one in self.globals if one.name != name]

    def _left_s(self) -> float:
        left_ms = self._deadline_ms - self._monotonic_ms()
        if left_ms <= 0:
            raise WaylandSilentError("it does not answer")
        return left_ms / 1000


def socket_path(display: str | None, runtime: str | None) -> Path:
    """Give the compositor's socket (Wayland protocol, `wl_display_connect`).

    Args:
        display: WAYLAND_DISPLAY, a name in the runtime folder or a whole path; None takes the usual name.
        runtime: XDG_RUNTIME_DIR.
    """
    return Path(runtime or "/") / (display or "wayland-0")


def _word(value: int) -> bytes:
    return struct.pack("=I", value & 0xFFFF_FFFF)


def _string(text: str) -> bytes:
    raw = text.encode() + b"\0"
    return _word(len(raw)) + raw + b"\0" * (-len(raw) % 4)
