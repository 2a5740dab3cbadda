"""A Windows whose person, desktop and windows a test moves: what lies below its back ends, through C."""

import ctypes
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.fakes.library import NativeLibrary
from tracker.capture.idle import windows as idle
from tracker.capture.input import windows as raw_input
from tracker.capture.screen import windows as screen
from tracker.capture.window import windows as window

EVENT, MESSAGE_WINDOW, DESKTOP, SNAPSHOT, TOKEN = (0x7FFF_0000_0000 + number for number in range(1, 6))
FAILED = 0xFFFFFFFF
SYSTEM_AWARE, PER_MONITOR_AWARE, PER_MONITOR_AWARE_V2 = 2**64 - 2, 2**64 - 3, 2**64 - 4
MODULES = (idle, raw_input, screen, window)


@dataclass
class FakeShot:
    width: int
    height: int
    raw: bytes


@dataclass
class Win32Window:
    """A top-level window; `inner` is the process of the store app that it frames."""

    handle: int
    process: int
    title: str
    visible: bool = True
    minimised: bool = False
    cloaked: int = 0
    inner: int | None = None
    alive: bool = True


class FakeWin32:
    """All functions that the back ends call; each says 0 while its name stands in `refuses`.

    Args:
        sizes: its monitors', in real pixels.
    """

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.sizes = sizes or ((96, 54), (30, 15))
        self.scale = 1.5
        """How much smaller the desktop is to a thread that is not aware of its monitors' resolution."""
        self.refuses: set[str] = set()
        self.missing: set[str] = set()
        self.calls: list[str] = []
        self.own_desktop_shown = True
        self.dpi: int = SYSTEM_AWARE
        self.knows_v2 = True
        self.bgr = b"\x20\x40\x80"
        self.grab_failure: Exception | None = None
        self.tick = self.last_tick = 0
        self.moving = False
        self.pointer: tuple[int, int] | None = (10, 10)
        self.elevated = False
        self.windows: list[Win32Window] = []
        self.processes: dict[int, str] = {}
        self.active: int | None = None
        self.registered: dict[tuple[int, int], int] = {}
        self.input_lost = False
        self.on_empty: Callable[[], None] | None = None
        """Happens once, just after the queue was found empty."""
        self.dwm_error = 0
        self._queue: list[bytes] = []
        self.wakes = False
        """Whether a wait for input ends: there is some that was not there at the last GetQueueStatus."""
        self._is_stopped = False
        self._changed = threading.Condition()
        self._owner: int | None = None
        self._named: list[tuple[int, str]] = []

    def load(self, name: str) -> NativeLibrary:
        known = {function for module in MODULES for function in module.SIGNATURES.get(name, {})}
        assert known, f"no {name} on this Windows"
        return NativeLibrary(self._play, known - self.missing)

    def _play(self, name: str) -> Callable[..., object]:
        act = getattr(self, f"_{name}")

        def call(*words: Any) -> object:
            self.calls.append(name)
            return 0 if name in self.refuses else act(*words)

        return call

    def last_error(self) -> int:
        return 5

    # The screen.

    def open_mss(self) -> "FakeMss":
        return FakeMss(self)

    def _GetCurrentThreadId(self) -> int:  # noqa: N802 (Windows's name, as below)
        return 0xFFFF_FFF0

    def _GetThreadDesktop(self, thread: int) -> int:  # noqa: N802
        assert thread == 0xFFFF_FFF0
        return DESKTOP

    def _GetUserObjectInformationW(self, desktop: int, index: int, shown: int, size: int, needed: Any) -> int:  # noqa: N802
        assert (desktop, index, size) == (DESKTOP, 6, 4)
        ctypes.c_int.from_address(shown).value = self.own_desktop_shown
        needed.contents.value = 4
        return 1

    def _SetThreadDpiAwarenessContext(self, context: int) -> int:  # noqa: N802
        if context == PER_MONITOR_AWARE_V2 and not self.knows_v2:
            return 0
        before, self.dpi = self.dpi, context
        return before

    # Idleness.

    def _GetTickCount(self) -> int:  # noqa: N802
        return self.tick % 2**32

    def _GetLastInputInfo(self, info: Any) -> int:  # noqa: N802
        assert info.contents.cbSize == 8
        info.contents.dwTime = (self.tick if self.moving else self.last_tick) % 2**32
        return 1

    def _GetCursorPos(self, point: Any) -> int:  # noqa: N802
        if self.pointer is None:
            return 0
        point.contents.x, point.contents.y = self.pointer
        return 1

    # Input.

    def post(self, records: Iterable[bytes]) -> None:
        """Bring raw input about; unregistered, nobody gets it."""
        with self._changed:
            if self.registered:
                self._queue += records
                self.wakes = True
                self._changed.notify_all()

    def lose_input(self) -> None:
        with self._changed:
            self.input_lost = self.wakes = True
            self._changed.notify_all()

    def restore_input(self) -> None:
        with self._changed:
            self.input_lost = False
            self._queue.clear()

    def _CreateEventW(self, security: None, manual: int, is_set: int, name: None) -> int:  # noqa: N802
        assert (security, manual, is_set, name) == (None, 1, 0, None)
        self._is_stopped = False
        return EVENT

    def _SetEvent(self, event: int) -> int:  # noqa: N802
        assert event == EVENT
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        return 1

    def _CloseHandle(self, handle: int) -> int:  # noqa: N802
        assert handle in {EVENT, SNAPSHOT, TOKEN}
        return 1

    def _CreateWindowExW(self, *words: Any) -> int:  # noqa: N802
        assert words[1] == "STATIC"
        assert words[8] == 2**64 - 3, "HWND_MESSAGE: an address, not a window to see"
        assert words[3] == 0, "not WS_VISIBLE"
        return MESSAGE_WINDOW

    def _DestroyWindow(self, handle: int) -> int:  # noqa: N802
        assert handle == MESSAGE_WINDOW
        return 1

    def _RegisterRawInputDevices(self, devices: Any, number: int, size: int) -> int:  # noqa: N802
        assert (number, size) == (2, 16)
        if self.input_lost:
            return 0
        for device in devices[:number]:
            usage = (device.usUsagePage, device.usUsage)
            if device.dwFlags == 1:
                assert device.hwndTarget is None, "RIDEV_REMOVE wants no window"
                del self.registered[usage]
            else:
                assert device.hwndTarget == MESSAGE_WINDOW
                self.registered[usage] = device.dwFlags
        self._owner = threading.get_ident()
        return 1

    def _GetQueueStatus(self, flags: int) -> int:  # noqa: N802
        assert flags == 0x400
        with self._changed:
            self.wakes = False
        return 0

    def _MsgWaitForMultipleObjects(self, number: int, handles: Any, every: int, wait_ms: int, mask: int) -> int:  # noqa: N802
        assert (number, handles[0], every, wait_ms, mask) == (1, EVENT, 0, FAILED, 0x400)
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped or self.wakes)
            return 0 if self._is_stopped else 1

    def _WaitForSingleObject(self, event: int, wait_ms: int) -> int:  # noqa: N802
        assert (event, wait_ms) == (EVENT, 100)
        with self._changed:  # a hundred times faster than asked for
            return 0 if self._changed.wait_for(lambda: self._is_stopped, wait_ms / 100_000) else 0x102

    def _GetRawInputBuffer(self, buffer: int, size: Any, header: int) -> int:  # noqa: N802
        assert threading.get_ident() == self._owner, "a queue belongs to its thread"
        assert (size.contents.value, header) == (65536, 24)
        with self._changed:
            if self.input_lost:
                return FAILED
            some, self._queue = self._queue[:16], self._queue[16:]
        if not some and self.on_empty is not None:
            happen, self.on_empty = self.on_empty, None
            happen()
        whole = b"".join(some)
        ctypes.memmove(buffer, whole, len(whole))
        return len(some)

    def _GetCurrentProcess(self) -> int:  # noqa: N802
        return 2**64 - 1

    def _OpenProcessToken(self, process: int, access: int, token: Any) -> int:  # noqa: N802
        assert (process, access) == (2**64 - 1, 8)
        token.contents.value = TOKEN
        return 1

    def _GetTokenInformation(self, token: int, sort: int, elevation: int, size: int, needed: Any) -> int:  # noqa: N802
        assert (token, sort, size) == (TOKEN, 20, 4)
        ctypes.c_uint32.from_address(elevation).value = self.elevated
        needed.contents.value = 4
        return 1

    # Windows.

    def _find(self, handle: int) -> Win32Window | None:
        return next((one for one in self.windows if one.handle == handle and one.alive), None)

    def _EnumWindows(self, note: Any, word: int) -> int:  # noqa: N802
        return int(all(note(one.handle, word) for one in self.windows))

    def _IsWindow(self, handle: int) -> int:  # noqa: N802
        return self._find(handle) is not None

    def _IsWindowVisible(self, handle: int) -> int:  # noqa: N802
        return any(one.visible for one in self.windows if one.handle == handle)

    def _IsIconic(self, handle: int) -> int:  # noqa: N802
        return any(one.minimised for one in self.windows if one.handle == handle)

    def _DwmGetWindowAttribute(self, handle: int, attribute: int, cloak: int, size: int) -> int:  # noqa: N802
        assert (attribute, size) == (14, 4)
        found = self._find(handle)
        if found is None:
            return -0x7FF8FFA9  # E_INVALIDARG
        ctypes.c_uint32.from_address(cloak).value = found.cloaked
        return self.dwm_error

    def _GetForegroundWindow(self) -> int | None:  # noqa: N802
        return self.active

    def _GetWindowThreadProcessId(self, handle: int, process: Any) -> int:  # noqa: N802
        inner = handle - 0x5000_0000
        found = self._find(handle) or self._find(inner)
        if found is None:
            return 0
        process.contents.value = found.inner if found.handle == inner else found.process
        return 77

    def _FindWindowExW(self, parent: int, after: None, name: str, title: None) -> int | None:  # noqa: N802
        assert (after, name, title) == (None, "Windows.UI.Core.CoreWindow", None)
        found = self._find(parent)
        return None if found is None or found.inner is None else parent + 0x5000_0000

    def _InternalGetWindowText(self, handle: int, text: Any, size: int) -> int:  # noqa: N802
        found = self._find(handle)
        units = _units(found.title if found else "")[: size - 1]
        for index, unit in enumerate([*units, 0]):
            text[index] = unit
        return len(units)

    def _CreateToolhelp32Snapshot(self, flags: int, process: int) -> int:  # noqa: N802
        assert (flags, process) == (2, 0)
        self._named = list(self.processes.items())
        return SNAPSHOT

    def _Process32FirstW(self, snapshot: int, entry: Any) -> int:  # noqa: N802
        assert (snapshot, entry.contents.dwSize) == (SNAPSHOT, 568)
        return self._next(entry)

    def _Process32NextW(self, snapshot: int, entry: Any) -> int:  # noqa: N802
        assert snapshot == SNAPSHOT
        return self._next(entry)

    def _next(self, entry: Any) -> int:
        if not self._named:
            return 0
        entry.contents.th32ProcessID, name = self._named.pop(0)
        for index, unit in enumerate([*_units(name), 0]):
            entry.contents.szExeFile[index] = unit
        return 1


class FakeMss:
    """mss's handle on that Windows: what it sees depends on the thread's awareness, as with GDI."""

    def __init__(self, windows: FakeWin32) -> None:
        self._windows = windows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._windows.calls.append("mss closed")

    @property
    def monitors(self) -> list[tuple[int, int]]:
        scale = 1 if self._windows.dpi in {PER_MONITOR_AWARE, PER_MONITOR_AWARE_V2} else self._windows.scale
        real = [(round(width / scale), round(height / scale)) for width, height in self._windows.sizes]
        return [(0, 0), *real]

    def grab(self, monitor: tuple[int, int]) -> FakeShot:
        if self._windows.grab_failure is not None:
            raise self._windows.grab_failure
        width, height = monitor
        return FakeShot(width, height, (self._windows.bgr + b"\0") * (width * height))


def _units(text: str) -> list[int]:
    encoded = text.encode("utf-16-le", "surrogatepass")
    return list(struct.unpack(f"<{len(encoded) // 2}H", encoded))


def key(code: int, flags: int = 0, *, virtual: int = 65, device: int = 7) -> bytes:
    """RAWINPUT of a keyboard; flag 1 is up, 2 and 4 are the prefixes E0 and E1."""
    return struct.pack("<IIQQHHHHII", 1, 40, device, 0, code, flags, 0, virtual, 0x100, 0)


def mouse(buttons: int = 0, turned: int = 0, *, moved: int = 0) -> bytes:
    """RAWINPUT of a mouse."""
    return struct.pack("<IIQQHHHhIiiI", 0, 48, 7, 0, 0, 0, buttons, turned, 0, moved, moved, 0)


def typed(number: int) -> list[bytes]:
    return [key(30 + one % 10, flags) for one in range(number) for flags in (0, 1)]
