"""Idleness on Windows; written from its documentation, unproven on Windows.

It relies on what Microsoft documents: GetLastInputInfo gives the tick count of this session's last input of any sort,
elevated windows included; the count has 32 bits, wraps after 49.7 days, and may go back by a little. Video players
keep the display on by SetThreadExecutionState, which is another timer, and so do not hide idleness.
"""

import ctypes
from collections.abc import Callable
from typing import ClassVar, Final

from tracker.capture.foreign import BOOL, DWORD, LONG, ForeignFunctions, Load, Signatures, last_error, load_dll
from tracker.capture.idle.port import Idleness, IdleWatch

_TICKS: Final = 1 << 32


class LastInput(ctypes.Structure):
    """LASTINPUTINFO."""

    _fields_: ClassVar = [("cbSize", DWORD), ("dwTime", DWORD)]


class Point(ctypes.Structure):
    """POINT."""

    _fields_: ClassVar = [("x", LONG), ("y", LONG)]


SIGNATURES: Final[Signatures] = {
    "kernel32": {"GetTickCount": (DWORD, [])},
    "user32": {
        "GetLastInputInfo": (BOOL, [ctypes.POINTER(LastInput)]),
        "GetCursorPos": (BOOL, [ctypes.POINTER(Point)]),
    },
}


class WindowsIdle(IdleWatch):
    """Asks Windows for the last input, and compares the pointer with the look before.

    The pointer's position replaces the one before; no path is ever held. It has moved only if there was input too,
    since programs move it as well. While the secure desktop is shown it cannot be seen, and has not moved.

    Args:
        load: gives a library by its name.
        error_number: gives the calling thread's last error.
    """

    name = "windows"

    def __init__(self, load: Load = load_dll, error_number: Callable[[], int] = last_error) -> None:
        self._call = ForeignFunctions(SIGNATURES, load)
        self._error_number = error_number
        self._tick: int | None = None
        self._pointer: tuple[int, int] | None = None
        self._last_ms: int | None = None

    def look(self, now_ms: int) -> Idleness:
        """Take the last input's time if there was one since the look before, and count the first look as input."""
        try:
            tick, age_ms = self._last_input()
        except OSError:  # `problem` says so
            self._last_ms = now_ms if self._last_ms is None else self._last_ms
            return Idleness(self._last_ms, moved=False)
        pointer = self._where()
        has_input = self._tick is not None and tick != self._tick
        moved = has_input and None not in {pointer, self._pointer} and pointer != self._pointer
        self._tick, self._pointer = tick, pointer or self._pointer
        if self._last_ms is None:
            self._last_ms = now_ms
        elif has_input:
            self._last_ms = max(self._last_ms, now_ms - age_ms)
        return Idleness(self._last_ms, moved)

    def problem(self) -> str | None:
        """Ask for the last input and forget it."""
        try:
            self._last_input()
        except OSError as error:
            return (
                f"Idleness cannot be noticed: Windows does not say when the last input was ({error}). "
                "Start Daybook inside your own desktop session."
            )
        return None

    def _last_input(self) -> tuple[int, int]:
        """Give its tick count, and how many milliseconds ago it was."""
        last = LastInput(cbSize=ctypes.sizeof(LastInput))
        if not self._call("GetLastInputInfo", ctypes.byref(last)):
            raise OSError(f"GetLastInputInfo, error {self._error_number()}")
        age_ms = (self._call("GetTickCount") - last.dwTime) % _TICKS
        # A tick count that is a little ahead, as SendInput may supply, would be an age of weeks.
        return last.dwTime, age_ms if age_ms < _TICKS // 2 else 0

    def _where(self) -> tuple[int, int] | None:
        point = Point()
        return (point.x, point.y) if self._call("GetCursorPos", ctypes.byref(point)) else None
