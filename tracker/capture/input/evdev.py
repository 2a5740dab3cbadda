"""Input from the kernel's devices: counted and forgotten. Only by an informed choice, since it takes a group (ADR 34).

The events are the kernel's `struct input_event` (linux/input.h, linux/input-event-codes.h).
"""

import select
import socket
import struct
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Final

from tracker.capture.input.port import Counts, InputCounter, InputUnavailableError
from wire.words import ActivitySource

DEVICES: Final = Path("/dev/input")
PRICE: Final = (
    "Members of the group “input” may read every key that is typed on this computer, and so may every program that "
    "they run, not Daybook alone."
)

_EVENT: Final = struct.Struct("@llHHi")  # seconds, microseconds, type, code, value
_EV_SYN, _EV_KEY, _EV_REL = 0, 1, 2
_PRESSED: Final = 1  # 0 is a release, 2 a key held down that repeats
_SYN_REPORT: Final = 0
_MOVES: Final = frozenset({0x00, 0x01})  # REL_X, REL_Y
_WHEELS: Final = frozenset({0x06, 0x08})  # REL_HWHEEL, REL_WHEEL
_FINE_WHEELS: Final = frozenset({0x0B, 0x0C})  # REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES
_FINE_PER_NOTCH: Final = 120
_MOUSE_BUTTONS: Final = range(0x110, 0x118)  # BTN_LEFT to BTN_TASK
# Touches, pens, joysticks and the like: input, but neither a key nor a click.
_OTHER_BUTTONS: Final = (range(0x100, 0x160), range(0x220, 0x224), range(0x2C0, 0x2E8))

_EVENTS_AT_ONCE: Final = 64
# A mouse tells of its motion up to a thousand times a second; longer, and the kernel's queue could overflow.
_GATHER_MS: Final = 20
_RESCAN_MS: Final = 2_000
_JOIN_S: Final = 2.0


class EvdevInput(InputCounter):
    """Counts key presses, clicks and notches of all input devices on a thread of its own, plugged in now or later.

    A code tells a key from a button and goes no further; absolute positions are not looked at.

    Args:
        monotonic_ms: reads the monotonic clock, in milliseconds.
        folder: where the devices are.
        rescan_ms: how often to look for new devices.
    """

    name = "evdev"
    source = ActivitySource.COUNTS
    reports = f"The input devices tell of key presses, clicks and scrolls; only their number is kept. {PRICE}"

    def __init__(self, monotonic_ms: Callable[[], int], folder: Path = DEVICES, *, rescan_ms: int = _RESCAN_MS) -> None:
        super().__init__(monotonic_ms)
        self._folder = folder
        self._rescan_ms = rescan_ms
        self._lock = threading.Lock()
        self._counts = Counts(0, 0, 0)
        self._moved = False
        self._newest_ms: int | None = None
        self._failure: str | None = None
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None

    @property
    def running(self) -> bool:
        """Whether the counting thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Open every device and begin counting.

        Raises:
            InputUnavailableError: there is no device, or one that may not be read.
        """
        if self.running:
            return
        self.stop()
        devices = _Devices(self._folder)
        try:
            devices.scan()
        except InputUnavailableError:
            devices.close()
            raise
        self._wake, woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, args=(devices, woken), name="daybook-input", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop counting, having counted all that the kernel had seen before."""
        if self._wake is not None:
            self._wake.close()
            self._wake = None
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            self._thread = None
        self._failure = None

    def take(self) -> Counts:
        """Give the counts since the last take and begin again at zero."""
        with self._lock:
            taken, self._counts = self._counts, Counts(0, 0, 0)
        return taken

    def take_moved(self) -> bool:
        """Say whether the pointer moved, or was touched, since the last time this was asked."""
        with self._lock:
            moved, self._moved = self._moved, False
        return moved

    def newest_ms(self) -> int | None:
        """Monotonic milliseconds of the newest key press, click or scroll ever counted."""
        with self._lock:
            return self._newest_ms

    def problem(self) -> str | None:
        """Say what ended the counting thread, or None."""
        if self._thread is None or self._thread.is_alive():
            return None
        return self._failure or "Input is no longer counted because of an error in the tracker; start the timer again."

    def _run(self, devices: "_Devices", woken: socket.socket) -> None:
        try:
            is_stopped = False
            while not is_stopped:
                is_stopped = devices.wait(woken, self._rescan_ms)
                self._add(*devices.read())
                if not is_stopped:
                    devices.scan(is_patient=True)
        except InputUnavailableError as error:
            self._failure = str(error)
        finally:
            devices.close()
            woken.close()

    def _add(self, new: Counts, moved: bool) -> None:  # noqa: FBT001 (what `read` gives)
        now_ms = self._monotonic_ms()
        with self._lock:
            old = self._counts
            self._counts = Counts(old.keys + new.keys, old.clicks + new.clicks, old.scrolls + new.scrolls)
            self._moved = self._moved or moved
            if new != Counts(0, 0, 0):
                self._newest_ms = now_ms


class _Device:
    """One device, which forgets its events as it counts them; of a wheel it keeps what is short of a notch."""

    def __init__(self, path: Path) -> None:
        self._file: FileIO = path.open("rb", buffering=0)
        self._coarse = 0  # notches of the frame that is being read
        self._fine = 0
        self._is_fine = False

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def read(self) -> tuple[Counts, bool] | None:
        """Count what has come; None where the device was unplugged."""
        try:
            data = self._file.read(_EVENTS_AT_ONCE * _EVENT.size)
        except OSError:
            return None
        return self._count(data) if data else None

    def _count(self, data: bytes) -> tuple[Counts, bool]:
        keys = clicks = scrolls = 0
        moved = False
        for _, _, kind, code, value in _EVENT.iter_unpack(data[: len(data) // _EVENT.size * _EVENT.size]):
            if kind == _EV_KEY and value == _PRESSED:
                if code in _MOUSE_BUTTONS:
                    clicks += 1
                elif any(code in others for others in _OTHER_BUTTONS):
                    moved = True
                else:
                    keys += 1
            elif kind == _EV_REL and code in _MOVES:
                moved = True
            elif kind == _EV_REL and code in _FINE_WHEELS:
                scrolls += self._turn(value)
            elif kind == _EV_REL and code in _WHEELS:
                self._coarse += abs(value)
            elif kind == _EV_SYN and code == _SYN_REPORT:  # a wheel that tells finely tells coarsely, too
                scrolls += 0 if self._is_fine else self._coarse
                self._coarse = 0
        return Counts(keys, clicks, scrolls), moved

    def _turn(self, fine: int) -> int:
        """Turn a fine wheel and give the whole notches; turned the other way, it begins a new one."""
        self._is_fine = True
        self._fine = fine if self._fine * fine < 0 else self._fine + fine
        notches = abs(self._fine) // _FINE_PER_NOTCH
        self._fine -= notches * _FINE_PER_NOTCH * (1 if self._fine > 0 else -1)
        return notches


class _Devices:
    """All devices in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[Path, _Device] = {}
        self._closed: set[Path] = set()  # devices that could not be opened last time

    def scan(self, *, is_patient: bool = False) -> None:
        """Open what is new.

        Args:
            is_patient: lets pass what cannot be opened yet: rights come a moment after a device was plugged in.

        Raises:
            InputUnavailableError: there is no device, or one may not be read: what is typed there would go uncounted.
        """
        paths = sorted(self._folder.glob("event*"))
        if not paths:
            raise InputUnavailableError(
                f"Input cannot be counted: there is no device in {self._folder}. Plug in a keyboard, or unset "
                "DAYBOOK_INPUT where there are none, as in a container."
            )
        for path in paths:
            if path in self._open:
                continue
            try:
                self._open[path] = _Device(path)
                self._closed.discard(path)
            except FileNotFoundError:
                continue  # unplugged just now
            except PermissionError:
                if is_patient and path not in self._closed:
                    self._closed.add(path)
                    continue
                raise InputUnavailableError(
                    f"Input cannot be counted: {path} may not be read. {PRICE} If you want that, run "
                    "“sudo usermod -aG input $USER” and log in anew; if not, unset DAYBOOK_INPUT."
                ) from None
            except OSError as error:
                raise InputUnavailableError(
                    f"Input cannot be counted: {path} cannot be opened ({error.strerror}). Unplug that device and "
                    "plug it in again."
                ) from None

    def wait(self, woken: socket.socket, most_ms: int) -> bool:
        """Wait for events, and then a little for more; True once the other end of `woken` was closed."""
        either = select.poll()
        either.register(woken, select.POLLIN)
        for device in self._open.values():
            either.register(device.fileno(), select.POLLIN)
        if not either.poll(most_ms):
            return False
        stopped = select.poll()
        stopped.register(woken, select.POLLIN)
        return bool(stopped.poll(_GATHER_MS))

    def read(self) -> tuple[Counts, bool]:
        """Count what has come, and let go of what was unplugged."""
        keys = clicks = scrolls = 0
        moved = False
        for path, device in list(self._open.items()):
            poll = select.poll()
            poll.register(device.fileno(), select.POLLIN)
            while poll.poll(0):
                read = device.read()
                if read is None:
                    device.close()
                    del self._open[path]
                    break
                counts, has_moved = read
                keys, clicks, scrolls = keys + counts.keys, clicks + counts.clicks, scrolls + counts.scrolls
                moved = moved or has_moved
        return Counts(keys, clicks, scrolls), moved

    def close(self) -> None:
        """Close them all."""
        for device in self._open.values():
            device.close()
        self._open.clear()
