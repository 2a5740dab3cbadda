"""Power events on macOS; written from its documentation, unproven on a Mac.

A log-out or shutdown is not among IOKit's events for programs: AppKit asks the window's application to quit, and
launchd sends SIGTERM, and both end the tracker in its ordinary way.
"""

import collections
import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Protocol

from tracker.capture.foreign import ForeignFunctions, Load, Signatures, load_framework
from tracker.capture.power.port import Listener, PowerEvent, PowerUnavailableError, PowerWatch

# <IOKit/IOMessage.h>: iokit_common_msg(x) is 0xE0000000 | x.
CAN_SYSTEM_SLEEP: Final = 0xE0000270
SYSTEM_WILL_SLEEP: Final = 0xE0000280
SYSTEM_WILL_NOT_SLEEP: Final = 0xE0000290
SYSTEM_HAS_POWERED_ON: Final = 0xE0000300
SYSTEM_WILL_POWER_ON: Final = 0xE0000320

_LOOK_S: Final = 5.0
_JOIN_S: Final = 0.05
_JOIN_TRIES: Final = 100


class Mac(Protocol):
    """What of macOS is called: all but `wake` in the watch's own thread."""

    def open(self, on_power: Callable[[int, int], None], on_lock: Callable[[bool], None]) -> None:
        """Register; `on_power` gets a message and its argument in `turn`, `on_lock` comes in any thread.

        Raises:
            OSError: macOS refuses.
        """
        ...

    def allow(self, argument: int) -> None:
        """Let the change of power go on that a message announced."""
        ...

    def turn(self, within_s: float) -> None:
        """Deliver messages for so long, or until woken.

        Raises:
            OSError: there is nothing to wait for any more.
        """
        ...

    def wake(self) -> None:
        """End the turn; from any thread. One that has not begun yet may miss it."""
        ...

    def is_locked(self) -> bool | None:
        """Ask for the session's lock; None where there is no session."""
        ...

    def close(self) -> None:
        """Take back all that `open` did."""
        ...


class MacPower(PowerWatch):
    """Turns a run loop on a thread of its own.

    Sleep waits (30 s at most) for our leave, which is given when the listener has returned. The lock is announced by
    distributed notifications, which reach the main thread's run loop alone: under the window's event loop at once,
    and never where there is none. So the session is asked every five seconds as well.

    Args:
        mac: makes what is called; None takes macOS.
    """

    name = "macos"

    def __init__(self, mac: Callable[[], Mac] | None = None) -> None:
        self._make = mac or FrameworkMac
        self._mac: Mac | None = None
        self._thread: threading.Thread | None = None
        self._listener: Listener | None = None
        self._stopped = threading.Event()
        self._notices: collections.deque[bool] = collections.deque()
        self._locked: bool | None = None
        self._failure: BaseException | None = None

    @property
    def running(self) -> bool:
        """Whether the watching thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, listener: Listener) -> None:
        """Register; whatever is announced after this returns, the listener hears.

        Raises:
            PowerUnavailableError: macOS refuses the registration.
        """
        if self.running:
            return
        self.stop()
        opened: Future[None] = Future()
        self._failure, self._listener = None, listener
        self._stopped, self._notices = threading.Event(), collections.deque()
        try:
            self._mac = mac = self._make()
            self._thread = threading.Thread(target=self._run, args=(mac, opened), name="daybook-power", daemon=True)
            self._thread.start()
            opened.result()
        except OSError as error:  # a refusal, or a macOS that lacks a function
            self.stop()
            raise PowerUnavailableError(
                f"Sleep and the screen lock are not announced: macOS refused it ({error}). "
                "Time asleep is left out all the same, but a screen lock does not pause the timer."
            ) from None

    def stop(self) -> None:
        """End the thread, which takes the registrations back."""
        self._listener = None
        self._stopped.set()
        thread = self._thread
        self._thread = self._locked = None
        if thread is None or self._mac is None or thread is threading.current_thread():
            return
        # The Mac is kept until the next start: a notice may be on its way to its callback in the main thread.
        for _ in range(_JOIN_TRIES):
            self._mac.wake()
            thread.join(_JOIN_S)
            if not thread.is_alive():
                return

    def problem(self) -> str | None:
        """Say that an error ended the watch, or None."""
        if self._thread is None or self._thread.is_alive():
            return None
        return (
            "Sleep and the screen lock are not announced: an error in the tracker ended the watch. "
            "Start the timer again."
        )

    def is_locked(self) -> bool | None:
        """Whether the session is locked, as was said or seen last."""
        return self._locked if self.running else None

    def _run(self, mac: Mac, opened: Future[None]) -> None:
        stopped, notices = self._stopped, self._notices

        def note(locked: bool) -> None:  # noqa: FBT001 (a callback)
            notices.append(locked)
            mac.wake()

        try:
            mac.open(lambda message, argument: self._handle(mac, message, argument), note)
            self._locked = mac.is_locked()
        except BaseException as error:  # noqa: BLE001 (raised again by start)
            mac.close()
            opened.set_exception(error)
            return
        opened.set_result(None)
        try:
            while not stopped.is_set() and self._failure is None:
                mac.turn(_LOOK_S)
                if notices:
                    while notices:
                        self._learn(notices.popleft())
                elif not stopped.is_set():
                    self._learn(mac.is_locked())
        finally:
            mac.close()
        if self._failure is not None:
            raise self._failure

    def _handle(self, mac: Mac, message: int, argument: int) -> None:
        """Act on a message; an error must not travel through macOS, so it waits for the turn to end."""
        try:
            if message == SYSTEM_WILL_SLEEP:
                self._tell(PowerEvent.SUSPENDING)
            elif message == SYSTEM_HAS_POWERED_ON:
                self._tell(PowerEvent.RESUMED)
        except BaseException as error:  # noqa: BLE001 (raised again by _run)
            self._failure = error
            mac.wake()
        finally:
            if message in {CAN_SYSTEM_SLEEP, SYSTEM_WILL_SLEEP}:
                mac.allow(argument)

    def _learn(self, locked: bool | None) -> None:  # noqa: FBT001 (it is the subject)
        if locked is None or locked == self._locked:
            return
        is_change = self._locked is not None or locked
        self._locked = locked
        if is_change:
            self._tell(PowerEvent.LOCKED if locked else PowerEvent.UNLOCKED)

    def _tell(self, event: PowerEvent) -> None:
        listener = self._listener  # `stop` takes it away from another thread
        if listener is not None:
            listener(event)


_POINTER: Final = ctypes.c_void_p
_PORT: Final = ctypes.c_uint32  # mach_port_t, and so io_object_t and io_connect_t
_INDEX: Final = ctypes.c_long  # CFIndex
_TRUTH: Final = ctypes.c_ubyte  # Boolean
_TYPE_ID: Final = ctypes.c_ulong
_INTEREST: Final = ctypes.CFUNCTYPE(None, _POINTER, _PORT, ctypes.c_uint32, _POINTER)
_NOTIFICATION: Final = ctypes.CFUNCTYPE(None, _POINTER, _POINTER, _POINTER, _POINTER, _POINTER)

_UTF8: Final = 0x08000100
_DELIVER_IMMEDIATELY: Final = 4
_INT_TYPE: Final = 9  # kCFNumberIntType
_RUN_FINISHED: Final = 1
_LOCK_NAMES: Final = {b"com.apple.screenIsLocked": True, b"com.apple.screenIsUnlocked": False}

_FUNCTIONS: Final[Signatures] = {
    "IOKit": {
        "IORegisterForSystemPower": (
            _PORT,
            [_POINTER, ctypes.POINTER(_POINTER), _INTEREST, ctypes.POINTER(_PORT)],
        ),
        "IODeregisterForSystemPower": (ctypes.c_int, [ctypes.POINTER(_PORT)]),
        "IOAllowPowerChange": (ctypes.c_int, [_PORT, ctypes.c_ssize_t]),
        "IOServiceClose": (ctypes.c_int, [_PORT]),
        "IONotificationPortGetRunLoopSource": (_POINTER, [_POINTER]),
        "IONotificationPortDestroy": (None, [_POINTER]),
    },
    "CoreFoundation": {
        "CFRunLoopGetCurrent": (_POINTER, []),
        "CFRunLoopAddSource": (None, [_POINTER, _POINTER, _POINTER]),
        "CFRunLoopRemoveSource": (None, [_POINTER, _POINTER, _POINTER]),
        "CFRunLoopRunInMode": (ctypes.c_int32, [_POINTER, ctypes.c_double, _TRUTH]),
        "CFRunLoopStop": (None, [_POINTER]),
        "CFRetain": (_POINTER, [_POINTER]),
        "CFRelease": (None, [_POINTER]),
        "CFStringCreateWithCString": (_POINTER, [_POINTER, ctypes.c_char_p, ctypes.c_uint32]),
        "CFNotificationCenterGetDistributedCenter": (_POINTER, []),
        "CFNotificationCenterAddObserver": (
            None,
            [_POINTER, _POINTER, _NOTIFICATION, _POINTER, _POINTER, _INDEX],
        ),
        "CFNotificationCenterRemoveEveryObserver": (None, [_POINTER, _POINTER]),
        "CFDictionaryGetValue": (_POINTER, [_POINTER, _POINTER]),
        "CFGetTypeID": (_TYPE_ID, [_POINTER]),
        "CFBooleanGetTypeID": (_TYPE_ID, []),
        "CFBooleanGetValue": (_TRUTH, [_POINTER]),
        "CFNumberGetValue": (_TRUTH, [_POINTER, _INDEX, _POINTER]),
    },
    "CoreGraphics": {"CGSessionCopyCurrentDictionary": (_POINTER, [])},
}


def _constant(core_foundation: Any) -> int | None:
    return _POINTER.in_dll(core_foundation, "kCFRunLoopDefaultMode").value


class FrameworkMac:
    """Calls IOKit, CoreFoundation and CoreGraphics.

    Args:
        load: gives a framework by its name.
        default_mode: reads CoreFoundation's constant kCFRunLoopDefaultMode.
    """

    def __init__(self, load: Load = load_framework, default_mode: Callable[[Any], int | None] = _constant) -> None:
        self._call = ForeignFunctions(_FUNCTIONS, load)
        self._call.require_all()
        self._mode = default_mode(self._call.library("CoreFoundation"))
        self._root = 0
        self._port = _POINTER()
        self._notifier = _PORT()
        self._loop: int | None = None
        self._center: int | None = None
        self._callbacks: list[Any] = []  # kept: macOS holds no reference

    def open(self, on_power: Callable[[int, int], None], on_lock: Callable[[bool], None]) -> None:
        """Register for the system's power on this thread's run loop, and for the lock with the distributed center."""
        interest = _INTEREST(lambda _context, _service, message, argument: on_power(message, argument or 0))
        self._callbacks.append(interest)
        self._root = self._call(
            "IORegisterForSystemPower", None, ctypes.byref(self._port), interest, ctypes.byref(self._notifier)
        )
        if not self._root:
            raise OSError("IORegisterForSystemPower gave no port")
        # Retained, since `wake` may stop it from another thread just as this one ends.
        self._loop = self._call("CFRetain", self._call("CFRunLoopGetCurrent"))
        source = self._call("IONotificationPortGetRunLoopSource", self._port)
        self._call("CFRunLoopAddSource", self._loop, source, self._mode)
        self._center = self._call("CFNotificationCenterGetDistributedCenter")
        for name, locked in _LOCK_NAMES.items():
            self._observe(name, on_lock, locked=locked)

    def allow(self, argument: int) -> None:
        """Call IOAllowPowerChange."""
        self._call("IOAllowPowerChange", self._root, argument)

    def turn(self, within_s: float) -> None:
        """Run the run loop; without a source it would come back at once, again and again."""
        if self._call("CFRunLoopRunInMode", self._mode, within_s, 0) == _RUN_FINISHED:
            raise OSError("the run loop has lost its source")

    def wake(self) -> None:
        """Stop the run loop's current run."""
        if self._loop is not None:
            self._call("CFRunLoopStop", self._loop)

    def is_locked(self) -> bool | None:
        """Look for CGSSessionScreenIsLocked in the session's dictionary, where it stands while locked."""
        session = self._call("CGSessionCopyCurrentDictionary")
        if not session:
            return None
        key = self._text(b"CGSSessionScreenIsLocked")
        try:
            value = self._call("CFDictionaryGetValue", session, key)
            if not value:
                return False
            if self._call("CFGetTypeID", value) == self._call("CFBooleanGetTypeID"):
                return bool(self._call("CFBooleanGetValue", value))
            number = ctypes.c_int()
            self._call("CFNumberGetValue", value, _INT_TYPE, ctypes.byref(number))
            return number.value != 0
        finally:
            self._call("CFRelease", key)
            self._call("CFRelease", session)

    def close(self) -> None:
        """Take everything back, the observers first."""
        if self._center:
            for observer in range(1, len(_LOCK_NAMES) + 1):
                self._call("CFNotificationCenterRemoveEveryObserver", self._center, observer)
        if self._root:
            if self._loop is not None:
                source = self._call("IONotificationPortGetRunLoopSource", self._port)
                self._call("CFRunLoopRemoveSource", self._loop, source, self._mode)
            self._call("IODeregisterForSystemPower", ctypes.byref(self._notifier))
            self._call("IOServiceClose", self._root)
            self._call("IONotificationPortDestroy", self._port)
        self._root, self._center = 0, None

    def _observe(self, name: bytes, on_lock: Callable[[bool], None], *, locked: bool) -> None:
        callback = _NOTIFICATION(lambda *_words: on_lock(locked))
        self._callbacks.append(callback)
        text, observer = self._text(name), len(self._callbacks) - 1  # any number that is not 0, and its own
        words = self._center, observer, callback, text, None, _DELIVER_IMMEDIATELY
        self._call("CFNotificationCenterAddObserver", *words)
        self._call("CFRelease", text)

    def _text(self, text: bytes) -> int:
        return int(self._call("CFStringCreateWithCString", None, text, _UTF8))
