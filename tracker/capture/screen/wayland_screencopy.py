"""Pictures from the compositors made with wlroots: wlr-screencopy, without a prompt and without a file."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from os import MFD_CLOEXEC, close, ftruncate, memfd_create
from pathlib import Path
from typing import Final

from tracker.capture.screen.pixels import Pixels, UnknownFormatError, upright
from tracker.capture.screen.port import Frame
from tracker.capture.screen.wayland import NoWayError, Way
from tracker.capture.screen.wayland_monitors import Monitor, monitors
from tracker.capture.wayland import Arguments, Wayland, WaylandLostError

_MANAGER: Final = "zwlr_screencopy_manager_v1"
_VERSION: Final = 1  # the first, which every compositor knows, gives all that is needed
_CAPTURE_OUTPUT: Final = 0
_COPY: Final = 0
_BUFFER, _FLAGS, _READY, _FAILED = 0, 1, 2, 3
_UPSIDE_DOWN: Final = 1

_SHM: Final = "wl_shm"
_CREATE_POOL: Final = 0
_CREATE_BUFFER: Final = 0
_LARGEST_BYTES: Final = 1 << 30
_WITHOUT_POINTER: Final = 0


@dataclass(slots=True)
class _Capture:
    """One monitor's picture on its way."""

    monitor: Monitor
    form: int = 0
    width: int = 0
    height: int = 0
    stride: int = 0
    is_upside_down: bool = False
    is_ready: bool = False
    is_failed: bool = False

    def on_event(self, opcode: int, arguments: Arguments) -> None:
        if opcode == _BUFFER:
            self.form, self.width = arguments.unsigned(), arguments.unsigned()
            self.height, self.stride = arguments.unsigned(), arguments.unsigned()
        elif opcode == _FLAGS:
            self.is_upside_down = bool(arguments.unsigned() & _UPSIDE_DOWN)
        elif opcode == _READY:
            self.is_ready = True
        elif opcode == _FAILED:
            self.is_failed = True


class Screencopy(Way):
    """The wlr-screencopy-unstable-v1 protocol (sway, Hyprland, river, Wayfire, labwc).

    The compositor writes each monitor's real pixels into memory that is this process's own; nothing is on disk.

    Args:
        socket: the compositor's.
        monotonic_ms: reads the monotonic clock, in milliseconds.
    """

    name = "wlr-screencopy"

    def __init__(self, socket: Path, monotonic_ms: Callable[[], int]) -> None:
        self._socket = socket
        self._monotonic_ms = monotonic_ms

    def take(self, within_ms: int) -> tuple[Frame, ...]:
        """Take one picture of every monitor that is on.

        Raises:
            NoWayError: the compositor offers it not, refuses or is silent.
        """
        try:
            client = Wayland(self._socket, self._monotonic_ms, self._monotonic_ms() + within_ms)
            try:
                return _frames(client)
            finally:
                client.close()
        except WaylandLostError as error:
            raise NoWayError(f"the compositor at {self._socket} does not give one ({error})", is_final=True) from None
        except UnknownFormatError as error:
            raise NoWayError(f"the compositor's picture cannot be read ({error})") from None


def _frames(client: Wayland) -> tuple[Frame, ...]:
    managers, memories = client.offers(_MANAGER), client.offers(_SHM)
    if not managers or not memories:
        raise NoWayError("the compositor does not offer wlr-screencopy")
    manager, memory = client.bind(managers[0], _VERSION), client.bind(memories[0], 1)
    captures: list[tuple[int, _Capture]] = []
    for monitor in monitors(client):
        capture = _Capture(monitor)
        frame = client.new(capture.on_event)
        client.send(manager, _CAPTURE_OUTPUT, frame, _WITHOUT_POINTER, monitor.output)
        captures.append((frame, capture))
    client.wait(lambda: all(one.stride or one.is_failed for _, one in captures))
    pictures = [(_copy(client, memory, frame, one), one) for frame, one in captures if not one.is_failed]
    client.wait(lambda: all(one.is_ready or one.is_failed for _, one in captures))
    # A monitor that is off or was just unplugged fails, and shows nothing to anybody.
    seen = [(data, one) for data, one in pictures if one.is_ready]
    if not seen:
        raise NoWayError("the compositor refuses a picture of each monitor, or all are off")
    return tuple(
        upright(
            index,
            Pixels(one.form, one.width, one.height, one.stride, memoryview(data), one.is_upside_down),
            one.monitor.transform,
        )
        for index, (data, one) in enumerate(seen)
    )


def _copy(client: Wayland, memory: int, frame: int, capture: _Capture) -> mmap.mmap:
    """Let the compositor write a picture into memory that both share; the pages live as long as what is returned."""
    size = capture.stride * capture.height
    if not 0 < size <= _LARGEST_BYTES:
        raise UnknownFormatError(f"{capture.width} × {capture.height} pixels in {size} bytes")
    descriptor = memfd_create("daybook-frame", MFD_CLOEXEC)
    try:
        ftruncate(descriptor, size)
        shared = mmap.mmap(descriptor, size)
        pool = client.new()
        client.send(memory, _CREATE_POOL, pool, size, descriptor=descriptor)
    finally:
        close(descriptor)
    buffer = client.new()
    client.send(pool, _CREATE_BUFFER, buffer, 0, capture.width, capture.height, capture.stride, capture.form)
    client.send(frame, _COPY, buffer)
    return shared
