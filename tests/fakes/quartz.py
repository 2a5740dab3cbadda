"""A macOS whose person, displays and windows a test moves: what lies below its back ends, through C."""

import ctypes
import threading
from collections import defaultdict
from typing import Any

from tests.fakes.library import NativeLibrary
from tracker.capture import macos
from tracker.capture.idle import macos as idle
from tracker.capture.input import macos as counters
from tracker.capture.screen import macos as screen
from tracker.capture.window import macos as window

SIGNATURES = (
    macos._SIGNATURES, idle.SIGNATURES, counters.SIGNATURES, screen.SIGNATURES, window.SIGNATURES,
)  # fmt: skip
ANY_INPUT, MOVED, KEY_DOWN, FLAGS_CHANGED, SCROLLED = 0xFFFFFFFF, 5, 10, 12, 22
LEFT, RIGHT, OTHER = 1, 3, 25
LONG_AGO_MS = -10_000_000


class FakeQuartz:
    """All functions that the back ends call; whatever is copied or created must be released.

    Args:
        sizes: its displays', in real pixels.
    """

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.sizes = sizes or ((64, 36), (20, 10))
        self.granted = True
        self._is_allowed = False
        self.missing: set[str] = set()
        self.has_session = True
        self.calls: list[str] = []
        self.bgr = b"\x20\x40\x80"
        self.display_error = 0
        self.images_fail = False
        self.asked = threading.Event()
        self.answer = threading.Event()  # the person's, to macOS's question
        self.counters: dict[int, int] = defaultdict(lambda: 2**32 - 3)
        self.scroll_looks = 0
        self.now_ms = 0
        self.event_ms: dict[int, int] = defaultdict(lambda: LONG_AGO_MS)
        self.moving = False
        self.windows: list[dict[str, object]] = []
        self.lists_windows = True
        self._objects: dict[int, object] = {}
        self._last = 0x7FFF_0000_0000
        self.live: set[int] = set()

    def allow(self) -> None:
        """Give the permission in System Settings: processes started from now on have it, this one does not."""
        self._is_allowed = True
        self.answer.set()

    def restart(self) -> "FakeQuartz":
        """Give what a new process of the same person sees."""
        again = FakeQuartz(*self.sizes)
        again.granted = self.granted or self._is_allowed
        return again

    def load(self, name: str) -> NativeLibrary:
        known = {function for signatures in SIGNATURES for function in signatures.get(name, {})}
        assert known, f"no {name} on this Mac"
        return NativeLibrary(lambda name: getattr(self, f"_{name}"), known - self.missing)

    def count(self, event: int, number: int = 1) -> None:
        self.counters[event] = (self.counters[event] + number) % 2**32

    def _made(self, value: object) -> int:
        self._last += 0x10
        self._objects[self._last] = value
        self.live.add(self._last)
        return self._last

    def _CFRelease(self, one: int) -> None:  # noqa: N802 (Apple's name, as below)
        self.live.remove(one)

    _CGImageRelease = _CGColorSpaceRelease = _CGContextRelease = _CFRelease

    # The session, and the permission.

    def _CGSessionCopyCurrentDictionary(self) -> int | None:  # noqa: N802
        return self._made({}) if self.has_session else None

    def _CGPreflightScreenCaptureAccess(self) -> bool:  # noqa: N802
        self.calls.append("preflight")
        return self.granted

    def _CGRequestScreenCaptureAccess(self) -> bool:  # noqa: N802
        self.calls.append("request")
        self.asked.set()
        assert self.answer.wait(20), "whoever asks must not wait for the person"
        return False

    # Input and idleness.

    def _CGEventSourceCounterForEventType(self, state: int, event: int) -> int:  # noqa: N802
        assert state == 0, "this session's own"
        self.scroll_looks += event == SCROLLED
        return self.counters[event]

    def _CGEventSourceSecondsSinceLastEventType(self, state: int, event: int) -> float:  # noqa: N802
        assert state == 0
        if self.moving:
            self.event_ms[MOVED] = self.now_ms
        newest_ms = max(self.event_ms.values(), default=LONG_AGO_MS) if event == ANY_INPUT else self.event_ms[event]
        return (self.now_ms - newest_ms) / 1000

    # The screen.

    def _CGGetActiveDisplayList(self, most: int, displays: Any, number: Any) -> int:  # noqa: N802
        self.calls.append("displays")
        for index in range(min(most, len(self.sizes))):
            displays[index] = 0x4280_0000 + index
        number.contents.value = len(self.sizes)
        return self.display_error

    def _CGDisplayCreateImage(self, display: int) -> int | None:  # noqa: N802
        self.calls.append("image")
        return None if self.images_fail else self._made(self.sizes[display - 0x4280_0000])

    def _CGImageGetWidth(self, image: int) -> int:  # noqa: N802
        return self._size(image)[0]

    def _CGImageGetHeight(self, image: int) -> int:  # noqa: N802
        return self._size(image)[1]

    def _size(self, image: int) -> tuple[int, int]:
        size = self._objects[image]
        assert isinstance(size, tuple)
        return size

    def _CGColorSpaceCreateDeviceRGB(self) -> int:  # noqa: N802
        return self._made("rgb")

    def _CGBitmapContextCreate(self, memory: int, *words: int) -> int | None:  # noqa: N802
        width, height, bits, row, space, form = words
        assert (bits, row, form, self._objects[space]) == (8, width * 4, 0x2006, "rgb")
        return self._made((memory, width, height))

    def _CGContextDrawImage(self, context: int, rectangle: Any, image: int) -> None:  # noqa: N802
        drawing = self._objects[context]
        assert isinstance(drawing, tuple)
        memory, width, height = drawing
        assert (rectangle.x, rectangle.y, rectangle.width, rectangle.height) == (0, 0, width, height)
        assert self._objects[image] == (width, height), "one to one: its real pixels"
        ctypes.memmove(memory, (self.bgr + b"\0") * (width * height), width * height * 4)

    # Windows.

    def _CGWindowListCopyWindowInfo(self, options: int, window: int) -> int | None:  # noqa: N802
        assert (options, window) == (17, 0)
        self.calls.append("windows")
        return self._made(self.windows) if self.lists_windows else None

    def _CFArrayGetCount(self, array: int) -> int:  # noqa: N802
        return len(self._list(array))

    def _CFArrayGetValueAtIndex(self, array: int, index: int) -> int:  # noqa: N802
        return self._kept(self._list(array)[index])

    def _CFDictionaryGetValue(self, described: int, name: int) -> int | None:  # noqa: N802
        known = self._objects[described]
        assert isinstance(known, dict)
        value = known.get(self._objects[name])
        return None if value is None else self._kept(value)

    def _CFStringCreateWithCString(self, allocator: None, text: bytes, encoding: int) -> int:  # noqa: N802
        assert (allocator, encoding) == (None, 0x08000100)
        return self._made(text.decode())

    def _CFStringGetLength(self, text: int) -> int:  # noqa: N802
        return len(str(self._objects[text]).encode("utf-16-le")) // 2

    def _CFStringGetCString(self, text: int, buffer: int, size: int, encoding: int) -> int:  # noqa: N802
        assert encoding == 0x08000100
        encoded = str(self._objects[text]).encode() + b"\0"
        if len(encoded) > size:
            return 0
        ctypes.memmove(buffer, encoded, len(encoded))
        return 1

    def _CFNumberGetValue(self, value: int, kind: int, number: int) -> int:  # noqa: N802
        assert kind == 9
        ctypes.c_int.from_address(number).value = int(str(self._objects[value]))
        return 1

    def _list(self, array: int) -> list[object]:
        values = self._objects[array]
        assert isinstance(values, list)
        return values

    def _kept(self, value: object) -> int:
        """Give an object that its holder keeps: it is not to be released."""
        self._last += 0x10
        self._objects[self._last] = value
        return self._last


def quartz_window(owner: str | None, title: str | None, layer: int = 0) -> dict[str, object]:
    """Describe a window as CGWindowListCopyWindowInfo does; what it says nothing of is left out."""
    named = {"kCGWindowOwnerName": owner, "kCGWindowName": title}
    return {"kCGWindowLayer": layer, **{name: value for name, value in named.items() if value is not None}}
