"""Power events on Linux: systemd-logind (or elogind) on the system bus, the desktop's screen saver on the session bus.

Neither cares whether the desktop runs under X11 or Wayland.
"""

import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from tracker.capture.bus import BUS, Bus, CallRefusedError, Descriptor, Signal
from tracker.capture.power.link import AbsentError, Link, Source, Teller, run
from tracker.capture.power.lock import LockState
from tracker.capture.power.port import Listener, PowerEvent, PowerUnavailableError, PowerWatch

SYSTEM_BUS: Final = "unix:path=/run/dbus/system_bus_socket;unix:path=/var/run/dbus/system_bus_socket"

_LOGIN1: Final = "org.freedesktop.login1"
_LOGIN1_PATH: Final = "/org/freedesktop/login1"
_MANAGER: Final = "org.freedesktop.login1.Manager"
_SESSION: Final = "org.freedesktop.login1.Session"
_USER: Final = "org.freedesktop.login1.User"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"

# Each desktop's saver has the first one's methods under a name of its own; its path is made of the name.
_SAVERS: Final = tuple(f"org.{desktop}.ScreenSaver" for desktop in ("freedesktop", "gnome", "cinnamon", "mate", "xfce"))

_RETRY_MS: Final = 1_000
_JOIN_S: Final = 5.0

_UNANNOUNCED: Final = "Suspension, shutdown and the screen lock are not announced: "
_STILL_EXACT: Final = "Suspended time is left out all the same, but a screen lock does not pause the timer."


class Login1Power(PowerWatch):
    """Watches logind and the screen savers on a thread of its own.

    What is lost is connected to again, after a second at first and then ever more rarely; the lock is looked up then,
    and its change told. A missing session bus or saver is no problem: many desktops say everything through logind.

    Args:
        monotonic_ms: reads the monotonic clock, in milliseconds.
        system_bus: its address.
        session_bus: its address, or None where there is none.
        session_id: the session that logind calls ours, as `XDG_SESSION_ID` has it; None asks logind.
        retry_ms: the first pause before connecting again.
    """

    name = "login1"

    def __init__(
        self,
        monotonic_ms: Callable[[], int],
        *,
        system_bus: str = SYSTEM_BUS,
        session_bus: str | None = None,
        session_id: str | None = None,
        retry_ms: int = _RETRY_MS,
    ) -> None:
        self._monotonic_ms = monotonic_ms
        self._system_bus = system_bus
        self._session_bus = session_bus
        self._session_id = session_id
        self._retry_ms = retry_ms
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None
        self._locks = LockState()
        self._login1: Link | None = None
        self._teller = Teller()

    @property
    def running(self) -> bool:
        """Whether the watching thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, listener: Listener) -> None:
        """Connect and subscribe; whatever is announced after this returns, the listener hears.

        Raises:
            PowerUnavailableError: there is no system bus, or no logind on it.
        """
        if self.running:
            return
        self.stop()
        wake, woken = socket.socketpair()
        teller = Teller()
        locks = LockState()
        login1 = Link(lambda: self._open_login1(woken, teller, locks), self._monotonic_ms, self._retry_ms)
        links = [login1]
        if (address := self._session_bus) is not None:
            open_savers = lambda: _Savers(Bus(address, self._monotonic_ms, woken), teller, locks)  # noqa: E731
            links.append(Link(open_savers, self._monotonic_ms, self._retry_ms))
        for link in links:
            link.turn()
        if login1.failure is not None:
            for link in links:
                link.close()
            wake.close()
            woken.close()
            raise PowerUnavailableError(f"{_UNANNOUNCED}{login1.failure} {_STILL_EXACT}")
        teller.listener = listener  # from here on: what was learnt so far is how things stand, not what changed
        self._wake, self._login1, self._locks, self._teller = wake, login1, locks, teller
        self._thread = threading.Thread(target=run, args=(links, woken), name="daybook-power", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, which lets go of the delay of suspension."""
        self._teller.listener = None
        if self._wake is not None:
            self._wake.close()
            self._wake = None
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)
        self._thread = self._login1 = None
        self._locks = LockState()

    def problem(self) -> str | None:
        """Say what keeps logind from being heard, or None."""
        if self._thread is None or self._login1 is None:
            return None
        if not self._thread.is_alive():
            return f"{_UNANNOUNCED}an error in the tracker ended the watch; start the timer again. {_STILL_EXACT}"
        failure = self._login1.failure
        return None if failure is None else f"{_UNANNOUNCED}{failure} {_STILL_EXACT}"

    def is_locked(self) -> bool | None:
        """Whether logind or a screen saver says so; None where neither can be relied on."""
        return self._locks.is_locked if self.running else None

    def _open_login1(self, woken: socket.socket, teller: "Teller", locks: LockState) -> "_Login1":
        return _Login1(Bus(self._system_bus, self._monotonic_ms, woken), teller, locks, self._session_id)


class _Login1(Source):
    """logind: sleep, shutdown and what our session says of its lock."""

    def __init__(self, bus: Bus, tell: Teller, locks: LockState, session_id: str | None) -> None:
        self._tell = tell
        self._locks = locks
        self._session_id = session_id
        self._session: str | None = None
        self._owner: str | None = None
        self._delay: Descriptor | None = None
        super().__init__(bus)

    def subscribe(self) -> None:
        watch = self.bus.watch
        watch(sender=BUS, interface=BUS, member="NameOwnerChanged", arg0=_LOGIN1)
        for member in ("PrepareForSleep", "PrepareForShutdown"):
            watch(sender=_LOGIN1, path=_LOGIN1_PATH, interface=_MANAGER, member=member)
        self._owner = self.bus.owner(_LOGIN1)
        if self._owner is None:
            raise AbsentError("systemd-logind does not run here, as in most containers.")
        self._session = self._find_session()
        if self._session is not None:
            watch(sender=_LOGIN1, path=self._session, interface=_SESSION)
            watch(sender=_LOGIN1, path=self._session, interface=_PROPERTIES, member="PropertiesChanged")
            self._look()
        self._take_delay()

    def handle(self, signal: Signal) -> None:
        match signal:
            # The bus lets nobody but itself send under its own name.
            case Signal(sender=str(sender), member="NameOwnerChanged", body=(str(name), _, _)) if (
                sender == BUS and name == _LOGIN1
            ):
                raise AbsentError("systemd-logind went away; it usually comes back within seconds.")
            case Signal(sender=sender) if sender != self._owner:
                return  # any peer may send us a signal that nobody asked for
            case Signal(interface=interface, member="PrepareForSleep", body=(bool(begins),)) if interface == _MANAGER:
                self._prepare(PowerEvent.SUSPENDING if begins else PowerEvent.RESUMED, begins=begins)
            case Signal(interface=interface, member="PrepareForShutdown", body=(bool(begins),)) if (
                interface == _MANAGER
            ):
                self._prepare(PowerEvent.SHUTTING_DOWN if begins else None, begins=begins)
            case Signal(interface=interface, member="Lock" | "Unlock", path=path) if (
                interface == _SESSION and path == self._session
            ):
                self._tell(self._locks.request(lock=signal.member == "Lock"))
            case Signal(member="PropertiesChanged", path=path, body=(str(interface), dict(changed), list(stale))) if (
                interface == _SESSION and path == self._session and ("LockedHint" in changed or "LockedHint" in stale)
            ):
                self._look()

    def close(self) -> None:
        self._release_delay()
        self._locks.forget(_LOGIN1)
        super().close()

    def _prepare(self, event: PowerEvent | None, *, begins: bool) -> None:
        """Tell, and only then let the system go on."""
        try:
            self._tell(event)
        finally:
            if begins:
                self._release_delay()
        if not begins:
            self._take_delay()

    def _look(self) -> None:
        """Read the hint anew: a signal may carry no value, and by now it may have changed again."""
        try:
            hint = self.bus.property(_LOGIN1, str(self._session), _SESSION, "LockedHint")
        except CallRefusedError:
            return
        match hint:
            case bool(locked):
                self._tell(self._locks.learn(_LOGIN1, locked=locked, may_be_mute=True))

    def _take_delay(self) -> None:
        """Ask logind to wait for us (5 s at most by default) before it suspends or shuts down.

        Where it refuses, events come all the same, only without time to act on them.
        """
        self._release_delay()
        words = ("sleep:shutdown", "Daybook", "Save the time worked", "delay")
        try:
            answer = self.bus.call(_LOGIN1, _LOGIN1_PATH, _MANAGER, "Inhibit", *(("s", word) for word in words))
        except CallRefusedError:
            return
        match answer:
            case (Descriptor() as delay,):
                self._delay = delay

    def _release_delay(self) -> None:
        if self._delay is not None:
            self._delay.close()
            self._delay = None

    def _find_session(self) -> str | None:
        """Find the session whose lock is ours; a tracker that runs as a service looks for its user's display."""
        ways: list[Callable[[], Any]] = [
            lambda: self._ask("GetSessionByPID", ("u", 0)),  # 0 is the caller
            lambda: self.bus.property(_LOGIN1, self._ask("GetUser", ("u", self.bus.user())), _USER, "Display")[1],
        ]
        if self._session_id:
            ways.insert(0, lambda: self._ask("GetSession", ("s", self._session_id)))
        for way in ways:
            try:
                path = way()
            except (CallRefusedError, ValueError, TypeError, LookupError):
                continue
            if isinstance(path, str) and path.startswith(f"{_LOGIN1_PATH}/session/"):
                return path
        return None

    def _ask(self, method: str, argument: tuple[str, object]) -> Any:
        (path,) = self.bus.call(_LOGIN1, _LOGIN1_PATH, _MANAGER, method, argument)
        return path


class _Savers(Source):
    """The screen savers of the session bus, where *active* means locked or about to be."""

    def __init__(self, bus: Bus, tell: Teller, locks: LockState) -> None:
        self._tell = tell
        self._locks = locks
        self._owners: dict[str, str] = {}
        super().__init__(bus)

    def subscribe(self) -> None:
        for name in _SAVERS:
            self.bus.watch(sender=name, interface=name, member="ActiveChanged")
            self.bus.watch(sender=BUS, interface=BUS, member="NameOwnerChanged", arg0=name)
        for name in _SAVERS:
            owner = self.bus.owner(name)
            if owner is not None:
                self._look(name, owner)

    def handle(self, signal: Signal) -> None:
        match signal:
            case Signal(sender=str(sender), member="NameOwnerChanged", body=(str(name), str(), str(owner))) if (
                sender == BUS and name in _SAVERS
            ):
                self._owners.pop(name, None)
                self._locks.forget(name)
                if owner:
                    self._look(name, owner)
            case Signal(member="ActiveChanged", interface=name, body=(bool(active),)) if (
                name in self._owners and signal.sender == self._owners[name]
            ):
                self._tell(self._locks.learn(name, locked=active))

    def close(self) -> None:
        for name in _SAVERS:
            self._locks.forget(name)
        super().close()

    def _look(self, name: str, owner: str) -> None:
        """Ask a saver; one that only takes inhibitions refuses, and is then believed when it speaks by itself."""
        self._owners[name] = owner
        try:
            answer = self.bus.call(owner, f"/{name.replace('.', '/')}", name, "GetActive")
        except CallRefusedError:
            return
        match answer:
            case (bool(active),):
                self._tell(self._locks.learn(name, locked=active))
