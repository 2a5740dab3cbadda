"""Pictures from KWin, KDE's compositor: org.kde.KWin.ScreenShot2, one call a monitor, without a prompt or a file.

KWin gives them to programs alone whose desktop file asks for this interface by name and whose executable is the one
that the file starts.
"""

import select
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tracker.capture.bus import Bus, BusLostError, CallRefusedError
from tracker.capture.screen.pixels import Format, Pixels, UnknownFormatError, upright
from tracker.capture.screen.port import Frame
from tracker.capture.screen.wayland import NoWayError, Way
from tracker.capture.screen.wayland_monitors import Monitor, monitors
from tracker.capture.wayland import Wayland, WaylandLostError

_KWIN: Final = "org.kde.KWin"
_SCREENSHOT: Final = "org.kde.KWin.ScreenShot2"
_PATH: Final = "/org/kde/KWin/ScreenShot2"
_READ_BYTES: Final = 1 << 20
_LARGEST_BYTES: Final = 1 << 30

# QImage::Format, whose names are the same picture's by Qt.
_FORMATS: Final = {
    4: Format.XRGB8888,  # RGB32
    5: Format.ARGB8888,  # ARGB32
    6: Format.ARGB8888,  # ARGB32_Premultiplied
    16: Format.XBGR8888,  # RGBX8888, by Qt in the order of memory
    17: Format.ABGR8888,  # RGBA8888
    18: Format.ABGR8888,  # RGBA8888_Premultiplied
    19: Format.XBGR2101010,  # BGR30
    20: Format.ABGR2101010,  # A2BGR30_Premultiplied
    21: Format.XRGB2101010,  # RGB30
    22: Format.ARGB2101010,  # A2RGB30_Premultiplied
}


class KWinScreenshot(Way):
    """KWin's own interface for pictures.

    Args:
        bus_address: of the session bus.
        wayland_socket: the compositor's, which names the monitors.
        monotonic_ms: reads the monotonic clock, in milliseconds.
    """

    name = "KWin"

    def __init__(self, bus_address: str, wayland_socket: Path, monotonic_ms: Callable[[], int]) -> None:
        self._bus_address = bus_address
        self._wayland_socket = wayland_socket
        self._monotonic_ms = monotonic_ms

    def take(self, within_ms: int) -> tuple[Frame, ...]:
        """Take one picture of every monitor that is on.

        Raises:
            NoWayError: it is not KWin's desktop, KWin does not know this program, or does not answer.
        """
        deadline_ms = self._monotonic_ms() + within_ms
        try:
            bus = Bus(self._bus_address, self._monotonic_ms)
        except BusLostError as error:
            raise NoWayError(f"the session bus does not answer ({error})") from None
        try:
            if bus.owner(_KWIN) is None:
                raise NoWayError("the compositor is not KWin")
            client = Wayland(self._wayland_socket, self._monotonic_ms, deadline_ms)
            try:
                found = monitors(client)
            finally:
                client.close()
            return tuple(self._picture(bus, index, one, deadline_ms) for index, one in enumerate(found))
        except WaylandLostError as error:
            cause = f"the compositor at {self._wayland_socket} does not answer ({error})"
            raise NoWayError(cause, is_final=True) from None
        except (BusLostError, CallRefusedError) as error:
            raise NoWayError(f"KWin does not give one ({error})") from None
        except UnknownFormatError as error:
            raise NoWayError(f"KWin's picture cannot be read ({error})") from None
        finally:
            bus.close()

    def _picture(self, bus: Bus, index: int, monitor: Monitor, deadline_ms: int) -> Frame:
        reader, writer = socket.socketpair()
        with reader:
            with writer:
                options = {"include-cursor": ("b", False), "native-resolution": ("b", True)}
                (results,) = bus.call(
                    _KWIN,
                    _PATH,
                    _SCREENSHOT,
                    "CaptureScreen",
                    ("s", monitor.name),
                    ("a{sv}", options),
                    ("h", writer),
                    within_ms=deadline_ms - self._monotonic_ms(),
                )
            form, width, height, stride = _described(results)
            data = self._read(reader, stride * height, deadline_ms)
        return upright(index, Pixels(form, width, height, stride, memoryview(data)))

    def _read(self, reader: socket.socket, size: int, deadline_ms: int) -> bytes:
        """Read the picture, which KWin writes from a thread of its own after its answer."""
        data = bytearray()
        while len(data) < size:
            left_ms = deadline_ms - self._monotonic_ms()
            if left_ms <= 0 or not select.select([reader], [], [], left_ms / 1000)[0]:
                raise UnknownFormatError("it did not come whole in time")
            some = reader.recv(min(_READ_BYTES, size - len(data)))
            if not some:
                raise UnknownFormatError("it did not come whole")
            data += some
        return bytes(data)


def _described(results: Mapping[str, Any]) -> tuple[int, int, int, int]:
    match {key: value for key, (_, value) in results.items()}:
        case {
            "type": "raw",
            "format": int(form),
            "width": int(width),
            "height": int(height),
            "stride": int(stride),
        } if form in _FORMATS and 0 < stride * height <= _LARGEST_BYTES:
            return _FORMATS[form], width, height, stride
        case other:
            raise UnknownFormatError(f"it describes it as {other!r}")
