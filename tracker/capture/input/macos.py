"""Input on macOS: the system's own counters of events; written from its documentation, unproven on a Mac.

It relies on what Apple documents of CGEventSourceCounterForEventType: Quartz keeps these counters "for applications
that monitor user activity"; autorepeat is not counted; modifier keys come as kCGEventFlagsChanged, once when pressed
and once when released; counters have 32 bits. The combined session state is this login session's own, so another
person's input after fast user switching is not in it. Why not an event tap: ADR 36.
"""

import ctypes
import threading
from collections.abc import Callable
from typing import Final

from tracker.capture.foreign import ForeignFunctions, Load, Signatures, load_framework
from tracker.capture.input.counting import CountingThread, Source
from tracker.capture.input.port import Counts
from tracker.capture.macos import require_session

COMBINED_SESSION: Final = 0  # kCGEventSourceStateCombinedSessionState
_CLICKS: Final = (1, 3, 25)  # kCGEventLeftMouseDown, kCGEventRightMouseDown, kCGEventOtherMouseDown
_KEY_DOWN: Final = 10
_FLAGS_CHANGED: Final = 12
_SCROLL_WHEEL: Final = 22
_COUNTED: Final = (*_CLICKS, _KEY_DOWN, _FLAGS_CHANGED, _SCROLL_WHEEL)
_COUNTER_VALUES: Final = 1 << 32

LOOK_S: Final = 0.1
_LOOKS_PER_SESSION_LOOK: Final = 50

TRACKPAD: Final = (
    "macOS reports a swipe on a trackpad as a hundred scrolls a second, so at most ten a second are counted."
)

SIGNATURES: Final[Signatures] = {
    "CoreGraphics": {"CGEventSourceCounterForEventType": (ctypes.c_uint32, [ctypes.c_int32, ctypes.c_uint32])}
}


class MacInput(CountingThread):
    """Looks at the counters ten times a second while it runs.

    No event, and so no key, ever reaches this process, and macOS asks for no permission.

    Args:
        monotonic_ms: reads the monotonic clock, in milliseconds.
        load: gives a framework by its name.
        look_s: seconds between two looks.
    """

    name = "macos"

    def __init__(self, monotonic_ms: Callable[[], int], load: Load = load_framework, look_s: float = LOOK_S) -> None:
        super().__init__(monotonic_ms)
        self._load = load
        self._look_s = look_s

    def limit(self) -> str | None:
        """Say that scrolls are fewer than macOS reports."""
        return TRACKPAD

    def _make(self) -> Source:
        return EventCounters(self._load, self._look_s)


class EventCounters:
    """What the counters grew by.

    Args:
        load: gives a framework by its name.
        look_s: seconds between two looks.
    """

    def __init__(self, load: Load, look_s: float) -> None:
        self._load = load
        self._call = ForeignFunctions(SIGNATURES, load)
        self._look_s = look_s
        self._woken = threading.Event()
        self._before: dict[int, int] = {}
        self._is_between = 0  # 1 between the press of a modifier key and its release
        self._looks = 0

    def open(self) -> None:
        """Remember where the counters stand."""
        require_session(self._load)
        self._before = self._look()

    def wait(self) -> bool:
        """Let the time between two looks pass; now and then make sure that the session is still there."""
        if self._woken.wait(self._look_s):
            return False
        self._looks += 1
        if self._looks % _LOOKS_PER_SESSION_LOOK == 0:
            require_session(self._load)
        return True

    def read(self) -> Counts:
        """Count by how much the counters grew."""
        now = self._look()
        grown = {event: _growth(self._before[event], now[event]) for event in _COUNTED}
        self._before = now
        presses = (grown[_FLAGS_CHANGED] + 1 - self._is_between) // 2
        self._is_between = (grown[_FLAGS_CHANGED] + self._is_between) % 2
        return Counts(
            keys=grown[_KEY_DOWN] + presses,
            clicks=sum(grown[event] for event in _CLICKS),
            scrolls=min(grown[_SCROLL_WHEEL], 1),
        )

    def wake(self) -> None:
        """End the wait."""
        self._woken.set()

    def close(self) -> None:
        """Nothing is held."""

    def _look(self) -> dict[int, int]:
        return {event: self._call("CGEventSourceCounterForEventType", COMBINED_SESSION, event) for event in _COUNTED}


def _growth(before: int, now: int) -> int:
    """Give how much a counter grew: it wraps; one that went back, begun anew perhaps, claims nothing."""
    grown = (now - before) % _COUNTER_VALUES
    return grown if grown < _COUNTER_VALUES // 2 else 0
