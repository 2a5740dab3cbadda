"""Idleness on macOS; written from its documentation, unproven on a Mac.

It relies on what Apple documents: CGEventSourceSecondsSinceLastEventType gives the seconds since the last event of a
type, and with kCGAnyInputEventType since the last of keyboard, mouse or tablet, in this login session; it needs no
permission. Video players hold a power assertion, which is no event, and so do not hide idleness.
"""

import ctypes
from typing import Final

from tracker.capture.foreign import ForeignFunctions, Load, Signatures, load_framework
from tracker.capture.idle.port import Idleness, IdleWatch
from tracker.capture.macos import require_session

_COMBINED_SESSION: Final = 0  # kCGEventSourceStateCombinedSessionState
_ANY_INPUT: Final = 0xFFFFFFFF  # kCGAnyInputEventType
_MOVEMENTS: Final = (5, 6, 7, 27)  # kCGEventMouseMoved, kCGEventLeft-, Right- and OtherMouseDragged

SIGNATURES: Final[Signatures] = {
    "CoreGraphics": {"CGEventSourceSecondsSinceLastEventType": (ctypes.c_double, [ctypes.c_int32, ctypes.c_uint32])}
}


class MacIdle(IdleWatch):
    """Asks macOS for the last input, and for the last movement of the pointer; where it is, is never asked.

    Args:
        load: gives a framework by its name.
    """

    name = "macos"

    def __init__(self, load: Load = load_framework) -> None:
        self._load = load
        self._call = ForeignFunctions(SIGNATURES, load)
        self._looked_ms: int | None = None
        self._last_ms: int | None = None

    def look(self, now_ms: int) -> Idleness:
        """Take the last input's time, and count the first look as input."""
        known_ms = now_ms if self._last_ms is None else self._last_ms
        try:
            require_session(self._load)
            input_ms = now_ms - self._age_ms(_ANY_INPUT)
            moved_ms = now_ms - min(map(self._age_ms, _MOVEMENTS))
        except OSError:  # `problem` says so
            self._last_ms = known_ms
            return Idleness(known_ms, moved=False)
        moved = self._looked_ms is not None and moved_ms > self._looked_ms
        self._looked_ms, self._last_ms = now_ms, max(known_ms, input_ms)
        return Idleness(self._last_ms, moved)

    def problem(self) -> str | None:
        """Ask for the last input and forget it."""
        try:
            require_session(self._load)
            self._age_ms(_ANY_INPUT)
        except OSError as error:
            return f"Idleness cannot be noticed ({error}). Start Daybook inside your own desktop session."
        return None

    def _age_ms(self, event: int) -> int:
        age_s: float = self._call("CGEventSourceSecondsSinceLastEventType", _COMBINED_SESSION, event)
        return round(age_s * 1000)
