"""A real message bus of a test's own, and on it a logind and a screen saver that do as they are told."""

import os
import select
import subprocess
import threading
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_error, new_method_return, new_signal
from jeepney.bus_messages import DBusNameFlags, message_bus
from jeepney.fds import FileDescriptor
from jeepney.io.blocking import prep_socket
from jeepney.io.threading import DBusConnection, ReceiveStopped

from stage.processes import program

LOGIN1 = "org.freedesktop.login1"
MANAGER = f"{LOGIN1}.Manager"
SESSION = f"{LOGIN1}.Session"
MANAGER_PATH = "/org/freedesktop/login1"
SESSION_PATH = "/org/freedesktop/login1/session/_32"
OTHER_SESSION_PATH = "/org/freedesktop/login1/session/_37"
SAVER = "org.freedesktop.ScreenSaver"

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""


class PrivateBus:
    """A dbus-daemon that can be killed and brought back at the same address.

    Args:
        folder: for its socket and configuration.
    """

    def __init__(self, folder: Path) -> None:
        self._config = folder / "bus.conf"
        self._socket = folder / "bus"
        self._config.write_text(_CONFIG.format(socket=self._socket))
        self.address = f"unix:path={self._socket}"
        self._process: subprocess.Popen[bytes] | None = None
        self.revive()

    def revive(self) -> None:
        """Start it; it listens when this returns."""
        reader, writer = os.pipe()
        with os.fdopen(reader) as answer:
            self._process = subprocess.Popen(
                [program("dbus-daemon"), "--config-file", str(self._config), "--nofork", f"--print-address={writer}"],
                pass_fds=[writer],
                stderr=subprocess.DEVNULL,
            )
            os.close(writer)
            assert answer.readline().startswith(self.address)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Service:
    """A connection with a well-known name and a thread that answers its calls.

    Args:
        address: of the bus.
        name: to own.
    """

    def __init__(self, address: str, name: str | None) -> None:
        self._connection = DBusConnection(prep_socket(address.removeprefix("unix:path="), enable_fds=True), True)
        self.calls: list[tuple[str, tuple[Any, ...], int]] = []
        """Method, arguments and flags of each call."""
        self._ask(message_bus.Hello())
        if name is not None:
            assert self._ask(message_bus.RequestName(name, DBusNameFlags.do_not_queue)).body == (1,)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Leave the bus."""
        if self._thread.is_alive():
            self._connection.interrupt()
            self._thread.join()
        self._connection.close()
        os.close(self._connection._stop_r)  # jeepney leaves its own pipe open
        os.close(self._connection._stop_w)

    def emit(self, path: str, interface: str, member: str, *body: tuple[str, Any], to: str | None = None) -> None:
        """Send a signal, to everyone who asked for it or to one connection that did not."""
        message = new_signal(
            DBusAddress(path, interface=interface),
            member,
            "".join(kind for kind, _ in body) or None,
            tuple(value for _, value in body),
        )
        if to is not None:
            message.header.fields[HeaderFields.destination] = to
        self._connection.send(message)

    def answer(self, message: Message, method: str) -> tuple[str, tuple[Any, ...]] | None:
        """Give signature and values to answer with, or None to refuse."""
        raise NotImplementedError

    def _ask(self, message: Message) -> Message:
        self._connection.send(message)
        while True:
            answer = self._connection.receive(timeout=5)
            if answer.header.message_type in {MessageType.method_return, MessageType.error}:
                return answer

    def _serve(self) -> None:
        try:
            while True:
                message = self._connection.receive()
                if message.header.message_type is MessageType.method_call:
                    self._reply(message)
        except (ReceiveStopped, OSError):
            return  # closed, or the bus was killed

    def _reply(self, message: Message) -> None:
        method = message.header.fields[HeaderFields.member]
        self.calls.append((method, message.body, message.header.flags))
        answer = self.answer(message, method)
        if answer is None:
            reply = new_error(message, "org.freedesktop.DBus.Error.Failed", "s", ("The test refuses.",))
        else:
            reply = new_method_return(message, *answer)
        self._connection.send(reply)
        for value in reply.body:
            if isinstance(value, FileDescriptor):
                value.close()


class FakeLogin1(Service):
    """systemd-logind with one user of two sessions, of which one is ours."""

    def __init__(self, address: str) -> None:
        self.locked_hint: Any = ("b", False)
        self.refused: set[str] = set()
        """Methods that are answered with an error."""
        self.delays: list[int] = []
        """Our ends of the delays that were handed out; one that its holder let go of reads as ended."""
        super().__init__(address, LOGIN1)

    def close(self) -> None:
        super().close()
        for delay in self.delays:
            os.close(delay)

    def answer(self, message: Message, method: str) -> tuple[str, tuple[Any, ...]] | None:  # noqa: PLR0911 (one each)
        if method in self.refused:
            return None
        path = message.header.fields[HeaderFields.path]
        match method, message.body:
            case ("GetSession", ("2",)) | ("GetSessionByPID", (0,)):
                return "o", (SESSION_PATH,)
            case "GetUser", (uid,) if uid == os.getuid():
                return "o", ("/org/freedesktop/login1/user/_0",)
            case "Inhibit", ("sleep:shutdown", str(), str(), "delay"):
                reader, writer = os.pipe()
                self.delays.append(reader)
                return "h", (FileDescriptor(writer),)
            case "Get", (_, "LockedHint") if path == SESSION_PATH:
                return "v", (self.locked_hint,)
            case "Get", (_, "Display"):
                return "v", (("(so)", ("2", SESSION_PATH)),)
        return None

    def held_delays(self) -> int:
        """Count the delays that nobody has let go of."""
        return sum(not select.select([delay], [], [], 0)[0] for delay in self.delays)

    def prepare_for_sleep(self, *, begins: bool) -> None:
        self.emit(MANAGER_PATH, MANAGER, "PrepareForSleep", ("b", begins))

    def prepare_for_shutdown(self, *, begins: bool) -> None:
        self.emit(MANAGER_PATH, MANAGER, "PrepareForShutdown", ("b", begins))

    def set_locked_hint(self, *, locked: bool, carries_value: bool = True) -> None:
        """Set it as a desktop does; the signal names the property with or without its value."""
        self.locked_hint = ("b", locked)
        self.say_changed(
            {"LockedHint": self.locked_hint} if carries_value else {}, [] if carries_value else ["LockedHint"]
        )

    def say_changed(self, changed: dict[str, tuple[str, Any]], stale: list[str]) -> None:
        body = ("s", SESSION), ("a{sv}", changed), ("as", stale)
        self.emit(SESSION_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged", *body)


class FakeSaver(Service):
    """A desktop's screen saver.

    Args:
        address: of the bus.
        name: which desktop's.
        knows: whether it answers GetActive; some only take inhibitions.
    """

    def __init__(self, address: str, name: str = SAVER, *, knows: bool = True) -> None:
        self.active = False
        self._knows = knows
        self._name = name
        super().__init__(address, name)

    def answer(self, message: Message, method: str) -> tuple[str, tuple[Any, ...]] | None:
        path = message.header.fields[HeaderFields.path]
        if self._knows and method == "GetActive" and path == f"/{self._name.replace('.', '/')}":
            return "b", (self.active,)
        return None

    def set_active(self, *, active: bool) -> None:
        self.active = active
        self.emit(f"/{self._name.replace('.', '/')}", self._name, "ActiveChanged", ("b", active))
