"""Input on Windows: raw input, counted and forgotten; written from its documentation, unproven on Windows.

It relies on what Microsoft documents: with RIDEV_INPUTSINK a thread receives raw input although another window has
the focus; GetRawInputBuffer reads and removes all of it at once; a held key comes again and again as "down" with no
"up" in between (RAWKEYBOARD); wheels report multiples and fractions of WHEEL_DELTA (RAWMOUSE). Why not hooks: ADR 36.
"""

import ctypes
import struct
import threading
from collections.abc import Callable
from typing import ClassVar, Final

from tracker.capture.foreign import (
    BOOL,
    DWORD,
    HANDLE,
    TEXT,
    WORD,
    ForeignFunctions,
    Load,
    Signatures,
    last_error,
    load_dll,
)
from tracker.capture.input.counting import CountingThread, Source
from tracker.capture.input.port import Counts

_HWND_MESSAGE: Final = -3
_RIDEV_REMOVE: Final = 0x0001
_RIDEV_INPUTSINK: Final = 0x0100
_DESKTOP_PAGE: Final = 0x01
_MOUSE: Final = 0x02
_KEYBOARD: Final = 0x06
_QS_RAWINPUT: Final = 0x0400
_INFINITE: Final = 0xFFFFFFFF
_WAIT_STOPPED: Final = 0
_WAIT_FAILED: Final = 0xFFFFFFFF
_READ_FAILED: Final = 0xFFFFFFFF
_TOKEN_QUERY: Final = 0x0008
_TOKEN_ELEVATION: Final = 20

# RAWINPUTHEADER, RAWMOUSE and RAWKEYBOARD as 64-bit Windows lays them out; PySide6 knows no other.
_HEADER: Final = struct.Struct("=IIQQ")  # dwType, dwSize, hDevice, wParam
_MOUSE_BUTTONS: Final = struct.Struct("=HxxHh")  # usFlags, usButtonFlags, usButtonData
_KEY: Final = struct.Struct("=HHHH")  # MakeCode, Flags, Reserved, VKey
_ALIGNMENT: Final = 8
_RIM_TYPEMOUSE: Final = 0
_RIM_TYPEKEYBOARD: Final = 1

_BUTTONS_DOWN: Final = (0x0001, 0x0004, 0x0010, 0x0040, 0x0100)
_WHEELS: Final = (0x0400, 0x0800)  # upright and across
_WHEEL_DELTA: Final = 120
_RI_KEY_BREAK: Final = 0x01
_NO_KEY: Final = 0xFF  # as VKey: part of another key's sequence; as MakeCode: too many keys at once

_BUFFER_BYTES: Final = 64 * 1024
# Input is read ten times a second, not at each event: a mouse alone reports 125 to 8,000 movements a second.
_GATHER_MS: Final = 100

ELEVATED_WINDOWS: Final = (
    "Windows keeps what you type and click in windows that run as administrator from other programs, so it is not "
    "counted there; idleness notices it all the same. To have it counted, start Daybook as administrator too."
)


class Device(ctypes.Structure):
    """RAWINPUTDEVICE."""

    _fields_: ClassVar = [
        ("usUsagePage", WORD),
        ("usUsage", WORD),
        ("dwFlags", DWORD),
        ("hwndTarget", HANDLE),
    ]


_P: Final = ctypes.POINTER
SIGNATURES: Final[Signatures] = {
    "user32": {
        "CreateWindowExW": (
            HANDLE,
            [DWORD, TEXT, TEXT, DWORD] + [ctypes.c_int] * 4 + [HANDLE, HANDLE, HANDLE, HANDLE],
        ),
        "DestroyWindow": (BOOL, [HANDLE]),
        "RegisterRawInputDevices": (BOOL, [_P(Device), DWORD, DWORD]),
        "GetRawInputBuffer": (DWORD, [ctypes.c_void_p, _P(DWORD), DWORD]),
        "GetQueueStatus": (DWORD, [DWORD]),
        "MsgWaitForMultipleObjects": (DWORD, [DWORD, _P(HANDLE), BOOL, DWORD, DWORD]),
    },
    "kernel32": {
        "CreateEventW": (HANDLE, [HANDLE, BOOL, BOOL, TEXT]),
        "SetEvent": (BOOL, [HANDLE]),
        "WaitForSingleObject": (DWORD, [HANDLE, DWORD]),
        "CloseHandle": (BOOL, [HANDLE]),
        "GetCurrentProcess": (HANDLE, []),
    },
    "advapi32": {
        "OpenProcessToken": (BOOL, [HANDLE, DWORD, _P(HANDLE)]),
        "GetTokenInformation": (
            BOOL,
            [HANDLE, ctypes.c_int, HANDLE, DWORD, _P(DWORD)],
        ),
    },
}


class WindowsInput(CountingThread):
    """Counts the raw input of all keyboards and mice.

    Args:
        monotonic_ms: reads the monotonic clock, in milliseconds.
        load: gives a library by its name.
        error_number: gives the calling thread's last error.
    """

    name = "windows"

    def __init__(
        self,
        monotonic_ms: Callable[[], int],
        load: Load = load_dll,
        error_number: Callable[[], int] = last_error,
    ) -> None:
        super().__init__(monotonic_ms)
        self._load = load
        self._error_number = error_number

    def limit(self) -> str | None:
        """Say that elevated windows hide their input, unless this process is elevated as well."""
        try:
            return None if self._is_elevated() else ELEVATED_WINDOWS
        except OSError:  # it cannot be told, and most are not
            return ELEVATED_WINDOWS

    def _make(self) -> Source:
        return RawInput(self._load, self._error_number)

    def _is_elevated(self) -> bool:
        call = ForeignFunctions(SIGNATURES, self._load)
        token, elevation, size = HANDLE(), DWORD(), DWORD()
        if not call("OpenProcessToken", call("GetCurrentProcess"), _TOKEN_QUERY, ctypes.byref(token)):
            raise OSError(f"OpenProcessToken, error {self._error_number()}")
        words = ctypes.byref(elevation), ctypes.sizeof(elevation), ctypes.byref(size)
        try:
            is_told = bool(call("GetTokenInformation", token, _TOKEN_ELEVATION, *words))
            return is_told and bool(elevation.value)
        finally:
            call("CloseHandle", token)


class RawInput:
    """The queue of a thread to which Windows posts raw input, read without a window procedure.

    The window is only an address: it is never shown, and of its messages none but raw input is looked for.

    Args:
        load: gives a library by its name.
        error_number: gives the calling thread's last error.
    """

    def __init__(self, load: Load, error_number: Callable[[], int]) -> None:
        self._call = ForeignFunctions(SIGNATURES, load)
        self._error_number = error_number
        self._ends = threading.Lock()
        self._woken = False
        self._stop: int | None = None
        self._window: int | None = None
        self._is_registered = False
        self._buffer = ctypes.create_string_buffer(_BUFFER_BYTES)
        self._tally = Tally()

    def open(self) -> None:
        """Make the window and ask for the raw input of keyboards and mice."""
        stop = self._demand("CreateEventW", None, 1, 0, None)
        with self._ends:
            self._stop = stop
            if self._woken:
                self._call("SetEvent", stop)
        self._window = self._demand(
            "CreateWindowExW", 0, "STATIC", None, 0, 0, 0, 0, 0, _HWND_MESSAGE, None, None, None
        )
        if not self._register(_RIDEV_INPUTSINK, self._window):
            raise OSError(f"RegisterRawInputDevices, error {self._error_number()}")
        self._is_registered = True

    def wait(self) -> bool:
        """Wait for input or the end; then gather for a while, which the end cuts short."""
        handles = (HANDLE * 1)(self._stop)
        answer = self._call("MsgWaitForMultipleObjects", 1, handles, 0, _INFINITE, _QS_RAWINPUT)
        if answer == _WAIT_FAILED:
            raise OSError(f"MsgWaitForMultipleObjects, error {self._error_number()}")
        if answer == _WAIT_STOPPED:
            return False
        return bool(self._call("WaitForSingleObject", self._stop, _GATHER_MS) != _WAIT_STOPPED)

    def read(self) -> Counts:
        """Count all that lies in the queue and overwrite it."""
        # Cleared before reading: what comes while reading then ends the next wait at once instead of going unseen.
        self._call("GetQueueStatus", _QS_RAWINPUT)
        while True:
            size = DWORD(_BUFFER_BYTES)
            number = self._call("GetRawInputBuffer", self._buffer, ctypes.byref(size), _HEADER.size)
            if number == _READ_FAILED:
                raise OSError(f"GetRawInputBuffer, error {self._error_number()}")
            if not number:
                return self._tally.take()
            try:
                self._tally.add(memoryview(self._buffer).cast("B"), number)
            finally:
                ctypes.memset(self._buffer, 0, _BUFFER_BYTES)

    def wake(self) -> None:
        """Set the event, or have it set when it is made."""
        with self._ends:
            self._woken = True
            if self._stop is not None:
                self._call("SetEvent", self._stop)

    def close(self) -> None:
        """Take the registration back, and destroy window and event."""
        if self._is_registered:
            self._register(_RIDEV_REMOVE, None)
        if self._window is not None:
            self._call("DestroyWindow", self._window)
        with self._ends:
            if self._stop is not None:
                self._call("CloseHandle", self._stop)
            self._stop = self._window = None
        self._is_registered = False

    def _register(self, flags: int, window: int | None) -> bool:
        devices = (Device * 2)(*(Device(_DESKTOP_PAGE, usage, flags, window) for usage in (_MOUSE, _KEYBOARD)))
        return bool(self._call("RegisterRawInputDevices", devices, 2, ctypes.sizeof(Device)))

    def _demand(self, name: str, *arguments: object) -> int:
        """Call what gives 0 where it fails."""
        answer = self._call(name, *arguments)
        if not answer:
            raise OSError(f"{name}, error {self._error_number()}")
        return int(answer)


class Tally:
    """Counts raw input and forgets it.

    A key that is held repeats only until another is pressed, so it is enough to know the newest key that is down: one
    key at a time, and none once it is up or the counting stops. Of a wheel the part of a notch is kept.
    """

    def __init__(self) -> None:
        self._keys = self._clicks = self._scrolls = 0
        self._held: tuple[int, int] | None = None
        self._turned = [0, 0]

    def add(self, buffer: memoryview, number: int) -> None:
        """Count so many RAWINPUT structures, which lie one behind the other, each aligned."""
        offset = 0
        for _ in range(number):
            kind, size, _device, _wparam = _HEADER.unpack_from(buffer, offset)
            if kind == _RIM_TYPEKEYBOARD:
                self._key(*_KEY.unpack_from(buffer, offset + _HEADER.size))
            elif kind == _RIM_TYPEMOUSE:
                self._mouse(*_MOUSE_BUTTONS.unpack_from(buffer, offset + _HEADER.size))
            offset += -size // _ALIGNMENT * -_ALIGNMENT

    def take(self) -> Counts:
        """Give what was counted and begin again at zero."""
        taken = Counts(self._keys, self._clicks, self._scrolls)
        self._keys = self._clicks = self._scrolls = 0
        return taken

    def _key(self, code: int, flags: int, _reserved: int, virtual: int) -> None:
        if _NO_KEY in {code, virtual}:
            return
        key = (code or virtual, flags & ~_RI_KEY_BREAK)  # some keys, of media for one, have no code of their own
        if flags & _RI_KEY_BREAK:
            self._held = None if key == self._held else self._held
        elif key != self._held:
            self._keys += 1
            self._held = key

    def _mouse(self, _flags: int, buttons: int, turned: int) -> None:
        self._clicks += sum(1 for down in _BUTTONS_DOWN if buttons & down)
        for axis, wheel in enumerate(_WHEELS):
            if buttons & wheel:
                before = self._turned[axis]
                # A wheel that turns back begins a new notch.
                whole = turned + before if turned * before > 0 else turned
                self._scrolls += abs(whole) // _WHEEL_DELTA
                self._turned[axis] = abs(whole) % _WHEEL_DELTA * (1 if whole > 0 else -1)
