"""Power events on Windows 10 and later; written from its documentation, unproven on Windows."""

import ctypes
import threading
from collections.abc import Callable
from concurrent.futures import Future
from ctypes import wintypes
from typing import Any, ClassVar, Final, Protocol

from tracker.capture.foreign import ForeignFunctions, Load, Signatures, last_error, load_dll
from tracker.capture.power.port import Listener, PowerEvent, PowerUnavailableError, PowerWatch

WM_QUERYENDSESSION: Final = 0x0011
WM_CLOSE: Final = 0x0010
WM_ENDSESSION: Final = 0x0016
WM_POWERBROADCAST: Final = 0x0218
WM_WTSSESSION_CHANGE: Final = 0x02B1
PBT_APMSUSPEND: Final = 0x0004
PBT_APMRESUMESUSPEND: Final = 0x0007
PBT_APMRESUMEAUTOMATIC: Final = 0x0012
WTS_SESSION_LOCK: Final = 0x7
WTS_SESSION_UNLOCK: Final = 0x8
_WM_QUIT_WATCH: Final = 0x8000  # WM_APP; WM_CLOSE would let `taskkill` end the watch alone

_DEVICE_NOTIFY_WINDOW_HANDLE: Final = 0
_NOTIFY_FOR_THIS_SESSION: Final = 0
_WTS_CURRENT_SESSION: Final = 0xFFFFFFFF
_WTS_SESSION_INFO_EX: Final = 25
_WTS_SESSIONSTATE_LOCK: Final = 0  # as since Windows 8; Windows 7 had the two the other way round
_WTS_SESSIONSTATE_UNLOCK: Final = 1
_JOIN_S: Final = 5.0

Handle = Callable[[int, int, int], int | None]
"""Answers a window message (number, wParam, lParam); None leaves it to Windows."""


class Desktop(Protocol):
    """What of Windows is called: all but `quit` in the watch's own thread."""

    def open(self, handle: Handle) -> None:
        """Make a window that receives the messages.

        Raises:
            OSError: Windows refuses.
        """
        ...

    def pump(self) -> None:
        """Deliver messages until `quit`."""
        ...

    def quit(self) -> None:
        """End the pump; from any thread."""
        ...

    def close(self) -> None:
        """Take everything back that `open` made."""
        ...

    def is_locked(self) -> bool | None:
        """Ask for the session's lock; None where Windows does not say."""
        ...


class WindowsPower(PowerWatch):
    """Listens on a hidden window of a thread of its own.

    The window is an ordinary one that is never shown: message-only windows get no broadcasts, and so neither
    WM_POWERBROADCAST nor the end of the session. Windows waits about two seconds for the answer to PBT_APMSUSPEND and
    five to WM_ENDSESSION, and both are answered when the listener has returned.

    Args:
        desktop: makes what is called; None takes Windows.
    """

    name = "windows"

    def __init__(self, desktop: Callable[[], Desktop] | None = None) -> None:
        self._make = desktop or DllDesktop
        self._desktop: Desktop | None = None
        self._thread: threading.Thread | None = None
        self._listener: Listener | None = None
        self._locked: bool | None = None
        self._is_resumed = True
        self._failure: BaseException | None = None

    @property
    def running(self) -> bool:
        """Whether the watching thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, listener: Listener) -> None:
        """Open the window; whatever is announced after this returns, the listener hears.

        Raises:
            PowerUnavailableError: Windows refuses the window or the notifications.
        """
        if self.running:
            return
        self.stop()
        opened: Future[None] = Future()
        self._failure, self._is_resumed, self._listener = None, True, listener
        try:
            self._desktop = desktop = self._make()
            self._thread = threading.Thread(target=self._run, args=(desktop, opened), name="daybook-power", daemon=True)
            self._thread.start()
            opened.result()
        except OSError as error:  # a refusal, or a Windows that lacks a function
            self._desktop = None
            self.stop()
            raise PowerUnavailableError(
                f"Suspension, shutdown and the screen lock are not announced: Windows refused it ({error}). "
                "Suspended time is left out all the same, but a screen lock does not pause the timer."
            ) from None

    def stop(self) -> None:
        """Close the window and end the thread."""
        self._listener = None
        if self._desktop is not None:
            self._desktop.quit()
            self._desktop = None
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)
        self._thread = self._locked = None

    def problem(self) -> str | None:
        """Say that an error ended the watch, or None: Windows itself does not go away."""
        if self._thread is None or self._thread.is_alive():
            return None
        return (
            "Suspension, shutdown and the screen lock are not announced: an error in the tracker ended the watch. "
            "Start the timer again."
        )

    def is_locked(self) -> bool | None:
        """Whether the session is locked, as Windows said last."""
        return self._locked if self.running else None

    def _run(self, desktop: Desktop, opened: Future[None]) -> None:
        try:
            desktop.open(self._handle)
            self._locked = desktop.is_locked()
        except BaseException as error:  # noqa: BLE001 (raised again by start)
            desktop.close()
            opened.set_exception(error)
            return
        opened.set_result(None)
        try:
            desktop.pump()
        finally:
            desktop.close()
        if self._failure is not None:
            raise self._failure

    def _handle(self, message: int, wparam: int, _lparam: int) -> int | None:
        """Answer a message; an error must not travel through Windows, so it waits for the pump to end."""
        try:
            return self._answer(message, wparam)
        except BaseException as error:  # noqa: BLE001 (raised again by _run)
            self._failure = error
            if self._desktop is not None:
                self._desktop.quit()
            return None

    def _answer(self, message: int, wparam: int) -> int | None:
        if message == WM_POWERBROADCAST:
            self._broadcast(wparam)
            return 1
        if message == WM_WTSSESSION_CHANGE and wparam in {WTS_SESSION_LOCK, WTS_SESSION_UNLOCK}:
            self._locked = wparam == WTS_SESSION_LOCK
            self._tell(PowerEvent.LOCKED if self._locked else PowerEvent.UNLOCKED)
            return 0
        if message == WM_QUERYENDSESSION:
            return 1  # yes; another program may still say no
        if message == WM_ENDSESSION:
            if wparam:
                self._tell(PowerEvent.SHUTTING_DOWN)
            return 0
        return None

    def _broadcast(self, what: int) -> None:
        if what == PBT_APMSUSPEND:
            if self._is_resumed:  # it comes as a broadcast, and to who registered
                self._is_resumed = False
                self._tell(PowerEvent.SUSPENDING)
        elif what == PBT_APMRESUMEAUTOMATIC or (what == PBT_APMRESUMESUSPEND and not self._is_resumed):
            # The first comes after every suspension, announced or not; the second too, once a person is there.
            self._is_resumed = True
            self._tell(PowerEvent.RESUMED)

    def _tell(self, event: PowerEvent) -> None:
        listener = self._listener  # `stop` takes it away from another thread
        if listener is not None:
            listener(event)


_LRESULT: Final = ctypes.c_ssize_t  # LONG_PTR; wintypes lacks it
# On 32-bit Windows callbacks have a calling convention of their own; elsewhere there is but one.
_CALLBACK: Final = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)
_WNDPROC: Final = _CALLBACK(_LRESULT, wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)


class WindowClass(ctypes.Structure):
    """WNDCLASSEXW."""

    _fields_: ClassVar = [
        ("cbSize", wintypes.UINT),
        ("style", wintypes.UINT),
        ("lpfnWndProc", _WNDPROC),
        ("cbClsExtra", ctypes.c_int),
        ("cbWndExtra", ctypes.c_int),
        ("hInstance", wintypes.HINSTANCE),
        ("hIcon", wintypes.HANDLE),
        ("hCursor", wintypes.HANDLE),
        ("hbrBackground", wintypes.HANDLE),
        ("lpszMenuName", wintypes.LPCWSTR),
        ("lpszClassName", wintypes.LPCWSTR),
        ("hIconSm", wintypes.HANDLE),
    ]


class SessionInfo(ctypes.Structure):
    """WTSINFOEXW up to what is read of it; its union starts at 8, since times are among its members."""

    _fields_: ClassVar = [
        ("Level", ctypes.c_uint32),
        ("_padding", ctypes.c_uint32),
        ("SessionId", ctypes.c_uint32),
        ("SessionState", ctypes.c_int32),
        ("SessionFlags", ctypes.c_int32),
    ]


_P: Final = ctypes.POINTER
_DWORD: Final = wintypes.DWORD
_FUNCTIONS: Final[Signatures] = {
    "kernel32": {"GetModuleHandleW": (wintypes.HMODULE, [wintypes.LPCWSTR])},
    "user32": {
        "RegisterClassExW": (wintypes.ATOM, [_P(WindowClass)]),
        "UnregisterClassW": (wintypes.BOOL, [wintypes.LPCWSTR, wintypes.HINSTANCE]),
        "CreateWindowExW": (
            wintypes.HWND,
            [_DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, _DWORD]
            + [ctypes.c_int] * 4
            + [wintypes.HWND, wintypes.HMENU, wintypes.HINSTANCE, wintypes.LPVOID],
        ),
        "DestroyWindow": (wintypes.BOOL, [wintypes.HWND]),
        "DefWindowProcW": (_LRESULT, [wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM]),
        "GetMessageW": (ctypes.c_int, [_P(wintypes.MSG), wintypes.HWND, wintypes.UINT, wintypes.UINT]),
        "DispatchMessageW": (_LRESULT, [_P(wintypes.MSG)]),
        "PostMessageW": (wintypes.BOOL, [wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM]),
        "PostQuitMessage": (None, [ctypes.c_int]),
        "RegisterSuspendResumeNotification": (wintypes.HANDLE, [wintypes.HANDLE, _DWORD]),
        "UnregisterSuspendResumeNotification": (wintypes.BOOL, [wintypes.HANDLE]),
    },
    "wtsapi32": {
        "WTSRegisterSessionNotification": (wintypes.BOOL, [wintypes.HWND, _DWORD]),
        "WTSUnRegisterSessionNotification": (wintypes.BOOL, [wintypes.HWND]),
        "WTSQuerySessionInformationW": (
            wintypes.BOOL,
            [wintypes.HANDLE, _DWORD, ctypes.c_int, _P(ctypes.c_void_p), _P(_DWORD)],
        ),
        "WTSFreeMemory": (None, [ctypes.c_void_p]),
    },
}


class DllDesktop:
    """Calls user32 and wtsapi32.

    Args:
        load: gives a library by its name.
        error_number: gives the number of the calling thread's last error.
    """

    def __init__(self, load: Load = load_dll, error_number: Callable[[], int] = last_error) -> None:
        self._error_number = error_number
        self._call = ForeignFunctions(_FUNCTIONS, load)
        self._call.require_all()
        self._instance = self._call("GetModuleHandleW", None)
        self._class = f"DaybookPower{id(self)}"
        self._procedure: Any = None
        self._window: int | None = None
        self._registration: int | None = None

    def open(self, handle: Handle) -> None:
        """Register a window class, make the window, and ask for notifications."""

        def procedure(window: int, message: int, wparam: int, lparam: int) -> int:
            if message == _WM_QUIT_WATCH:
                self._call("PostQuitMessage", 0)
                return 0
            if message == WM_CLOSE:
                return 0  # it lives as long as the watch
            answer = handle(message, wparam, lparam)
            return int(self._call("DefWindowProcW", window, message, wparam, lparam)) if answer is None else answer

        self._procedure = _WNDPROC(procedure)  # kept: Windows holds no reference
        description = WindowClass(
            cbSize=ctypes.sizeof(WindowClass),
            lpfnWndProc=self._procedure,
            hInstance=self._instance,
            lpszClassName=self._class,
        )
        self._demand("RegisterClassExW", ctypes.byref(description))
        self._window = self._demand(
            "CreateWindowExW", 0, self._class, "Daybook", 0, 0, 0, 0, 0, None, None, self._instance, None
        )
        # With Modern Standby only who registered is told of a suspension.
        self._registration = self._demand(
            "RegisterSuspendResumeNotification", self._window, _DEVICE_NOTIFY_WINDOW_HANDLE
        )
        self._demand("WTSRegisterSessionNotification", self._window, _NOTIFY_FOR_THIS_SESSION)

    def pump(self) -> None:
        """Deliver messages until WM_QUIT; GetMessage gives 0 for that and -1 for an error."""
        message = wintypes.MSG()
        while self._call("GetMessageW", ctypes.byref(message), None, 0, 0) > 0:
            self._call("DispatchMessageW", ctypes.byref(message))

    def quit(self) -> None:
        """Post the message that ends the pump."""
        self._call("PostMessageW", self._window, _WM_QUIT_WATCH, 0, 0)

    def close(self) -> None:
        """Take back the notifications, the window and its class."""
        if self._window is not None:
            self._call("WTSUnRegisterSessionNotification", self._window)
            if self._registration is not None:
                self._call("UnregisterSuspendResumeNotification", self._registration)
            self._call("DestroyWindow", self._window)
        self._call("UnregisterClassW", self._class, self._instance)
        self._window = self._registration = None

    def is_locked(self) -> bool | None:
        """Ask for WTSSessionInfoEx of this session."""
        pointer, size = ctypes.c_void_p(), wintypes.DWORD()
        words = None, _WTS_CURRENT_SESSION, _WTS_SESSION_INFO_EX, ctypes.byref(pointer), ctypes.byref(size)
        if not self._call("WTSQuerySessionInformationW", *words) or pointer.value is None:
            return None
        try:
            if size.value < ctypes.sizeof(SessionInfo):
                return None
            information = SessionInfo.from_address(pointer.value)
            if information.Level != 1:
                return None
            flags = information.SessionFlags
            return {_WTS_SESSIONSTATE_LOCK: True, _WTS_SESSIONSTATE_UNLOCK: False}.get(flags)
        finally:
            self._call("WTSFreeMemory", pointer)

    def _demand(self, name: str, *arguments: object) -> int:
        """Call what gives 0 where it fails."""
        answer = self._call(name, *arguments)
        if not answer:
            raise OSError(f"{name}, error {self._error_number()}")
        return int(answer)
