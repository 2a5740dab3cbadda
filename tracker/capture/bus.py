"""Connections to a D-Bus message bus for one thread that waits on several; jeepney builds and reads the messages."""

import select
import socket
import struct
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from jeepney import DBusAddress, MessageFlag, MessageType, Parser, new_method_call
from jeepney.bus import get_connectable_addresses
from jeepney.fds import FileDescriptor, fds_buf_size
from jeepney.io.blocking import prep_socket

from tracker.domain.errors import MachineError

BUS: Final = "org.freedesktop.DBus"
_BUS_PATH: Final = "/org/freedesktop/DBus"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_ANSWER_MS: Final = 2_000
_SOCKET_S: Final = 2.0
_READ_BYTES: Final = 65_536
# Bytes that are no D-Bus message make jeepney's parser fail in all of these ways.
_GARBAGE: Final = (ValueError, LookupError, TypeError, AssertionError, struct.error)

Descriptor = FileDescriptor
"""A file descriptor that a message brought; whoever takes it closes it."""


class BusLostError(MachineError):
    """The bus cannot be reached, went away, or talks nonsense; the text is the cause alone, to stand in brackets."""


class CallRefusedError(MachineError):
    """A call was answered with an error, or not in time."""


class CallUnansweredError(CallRefusedError):
    """A call was not answered in time."""


class WokenError(Exception):
    """The thread is to stop, and what it was doing on the bus came to nothing."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal; `sender` is a connection's unique name."""

    sender: str
    path: str
    interface: str
    member: str
    body: tuple[Any, ...]


class Bus:
    """One connection.

    Args:
        address: in D-Bus's own form, such as "unix:path=/run/dbus/system_bus_socket".
        monotonic_ms: reads the monotonic clock, in milliseconds.
        woken: readable once the thread is to stop, which ends every wait; None where nothing is to end one early.

    Raises:
        BusLostError: nobody answers there.
    """

    def __init__(self, address: str, monotonic_ms: Callable[[], int], woken: socket.socket | None = None) -> None:
        self._monotonic_ms = monotonic_ms
        self._woken = woken
        self._parser = Parser()
        self._serial = 0
        self._signals: list[Signal] = []
        self._answers: dict[int, Any] = {}
        self._socket = _connect(address)
        try:
            (self.unique_name,) = self.call(BUS, _BUS_PATH, BUS, "Hello")
        except CallRefusedError as error:
            self.close()
            raise BusLostError(str(error)) from None
        except (BusLostError, WokenError):
            self.close()
            raise

    def fileno(self) -> int:
        """Give what to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
        _close_descriptors(self._parser.fds)

    def signals(self) -> Iterator[Signal]:
        """Give the signals that have come, in their order, without waiting.

        Raises:
            BusLostError: the bus went away.
        """
        while not self._signals and _readable(self._socket):
            self._read()
        while self._signals:
            yield self._signals.pop(0)

    def wait(self, within_ms: int) -> None:
        """Wait until something has come that `signals` may give, at most so long.

        Raises:
            WokenError: the thread is to stop.
        """
        if not self._signals and self._is_woken(within_ms):
            raise WokenError

    def call(
        self,
        name: str,
        path: str,
        interface: str,
        method: str,
        *arguments: tuple[str, object],
        starts_service: bool = False,
        within_ms: int | None = None,
    ) -> Any:
        """Call a method and give what it returns, a tuple.

        Args:
            name: of the service, well-known or unique.
            path: of the object.
            interface: of the method.
            method: its name.
            arguments: each with its D-Bus type, such as `("s", "text")`; a descriptor ("h") stays open here.
            starts_service: whether the bus may start the service for it.
            within_ms: how long to wait for the answer; None takes what suits a service that runs already.

        Raises:
            CallRefusedError: the answer is an error, or none came in time.
            BusLostError: the bus went away.
            WokenError: the thread is to stop.
        """
        signature = "".join(kind for kind, _ in arguments)
        body = tuple(value for _, value in arguments)
        message = new_method_call(DBusAddress(path, name, interface), method, signature or None, body)
        if not starts_service:
            message.header.flags |= MessageFlag.no_auto_start
        self._serial += 1
        descriptors = array("i")
        self._send(message.serialise(serial=self._serial, fds=descriptors), descriptors)
        answer = self._answer(self._serial, f"{name} {method}", _ANSWER_MS if within_ms is None else within_ms)
        if answer.header.message_type is MessageType.error:
            raise CallRefusedError(f"{name} {method}: {' '.join(str(part) for part in answer.body)}")
        return answer.body

    def property(self, name: str, path: str, interface: str, key: str) -> Any:
        """Read a property; raises as `call` does."""
        match self.call(name, path, _PROPERTIES, "Get", ("s", interface), ("s", key)):
            case ((str(), value),):
                return value
            case other:
                raise CallRefusedError(f"{name} {key}: {other!r} is no property.")

    def watch(self, **rule: str) -> None:
        """Ask for signals that match; the sender may be a well-known name. Raises as `call` does."""
        words = ",".join(f"{key}='{value}'" for key, value in {"type": "signal", **rule}.items())
        self.call(BUS, _BUS_PATH, BUS, "AddMatch", ("s", words))

    def owner(self, name: str) -> str | None:
        """Give the unique name of the connection that owns a well-known one, None where nobody does."""
        try:
            (owner,) = self.call(BUS, _BUS_PATH, BUS, "GetNameOwner", ("s", name))
        except CallRefusedError:
            return None
        return str(owner)

    def user(self) -> int:
        """Give the numeric id of the user whom the bus takes us for; raises as `call` does."""
        (user,) = self.call(BUS, _BUS_PATH, BUS, "GetConnectionUnixUser", ("s", self.unique_name))
        return int(user)

    def _answer(self, serial: int, what: str, within_ms: int) -> Any:
        deadline_ms = self._monotonic_ms() + within_ms
        while serial not in self._answers:
            left_ms = deadline_ms - self._monotonic_ms()
            if left_ms <= 0:
                raise CallUnansweredError(f"{what}: no answer")
            if self._is_woken(left_ms):
                raise WokenError
            if _readable(self._socket):
                self._read()
        answer = self._answers.pop(serial)
        while self._answers:  # those to calls that were given up
            _close_descriptors(self._answers.popitem()[1].body)
        return answer

    def _is_woken(self, within_ms: int) -> bool:
        """Wait for the bus or the wish to stop, and tell whether it is the wish."""
        woken = self._woken
        if woken is None:
            _readable(self._socket, within_ms=within_ms)
            return False
        return _readable(woken, self._socket, within_ms=within_ms) and _readable(woken)

    def _send(self, data: bytes, descriptors: "array[int]") -> None:
        try:
            sent = socket.send_fds(self._socket, [data], descriptors) if descriptors else 0
            self._socket.sendall(data[sent:])
        except OSError as error:
            raise BusLostError(_cause(error)) from None

    def _read(self) -> None:
        """Read once, as far as one message reaches, so that descriptors stay with theirs."""
        try:
            data, ancillary, _, _ = self._socket.recvmsg(min(self._parser.bytes_desired(), _READ_BYTES), fds_buf_size())
            if not data:
                raise BusLostError("it went away")
            self._parser.add_data(data, fds=Descriptor.from_ancdata(ancillary))
            while (message := self._parser.get_next_message()) is not None:
                self._take(message)
        except OSError as error:
            raise BusLostError(_cause(error)) from None
        except _GARBAGE:
            raise BusLostError("it sent something that is no D-Bus message") from None

    def _take(self, message: Any) -> None:
        fields = {field.name: value for field, value in message.header.fields.items()}
        match message.header.message_type:
            case MessageType.method_return | MessageType.error:
                self._answers[fields["reply_serial"]] = message
            case MessageType.signal:
                _close_descriptors(message.body)
                where = fields["path"], fields["interface"], fields["member"]
                self._signals.append(Signal(fields.get("sender", ""), *where, message.body))
            case _:
                _close_descriptors(message.body)  # nobody has anything to ask of us


def _connect(address: str) -> socket.socket:
    cause = "its address names no socket"
    try:
        for place in get_connectable_addresses(address):
            try:
                connection: socket.socket = prep_socket(place, enable_fds=True, timeout=_SOCKET_S)
            except OSError as error:
                cause = _cause(error)
            else:
                connection.settimeout(_SOCKET_S)
                return connection
    except (ValueError, RuntimeError) as error:  # an address that is none, or a bus that does not let us in
        cause = str(error)
    raise BusLostError(cause)


def _cause(error: OSError) -> str:
    return error.strerror or str(error)


def _readable(*sockets: socket.socket, within_ms: int = 0) -> bool:
    poll = select.poll()
    for one in sockets:
        poll.register(one, select.POLLIN)
    return bool(poll.poll(within_ms))


def _close_descriptors(value: object) -> None:
    """Close what somebody sent unasked; it would warn of itself otherwise."""
    match value:
        case Descriptor():
            value.close()
        case tuple() | list():
            for one in value:
                _close_descriptors(one)
        case dict():
            for one in value.values():
                _close_descriptors(one)
