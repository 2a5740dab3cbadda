"""Pictures from the desktop portal: org.freedesktop.portal.Screenshot, which every desktop's portal has.

The desktop asks the person once whether programs may take pictures, and remembers the answer itself; nothing here
writes to its permission store. It hands the picture over as a file, which is read and deleted at once.
"""

import io
import secrets
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from tracker.capture.bus import Bus, BusLostError, CallRefusedError, CallUnansweredError
from tracker.capture.screen.pixels import to_frame
from tracker.capture.screen.port import Frame
from tracker.capture.screen.wayland import NoWayError, Way
from tracker.capture.screen.wayland_monitors import Monitor, monitors
from tracker.capture.wayland import Wayland, WaylandLostError

if TYPE_CHECKING:
    from PIL.Image import Image

PORTAL: Final = "org.freedesktop.portal.Desktop"
PORTAL_PATH: Final = "/org/freedesktop/portal/desktop"
SCREENSHOT: Final = "org.freedesktop.portal.Screenshot"
SCREENCAST: Final = "org.freedesktop.portal.ScreenCast"
REQUEST: Final = "org.freedesktop.portal.Request"

WLR_PORTAL: Final = "org.freedesktop.impl.portal.desktop.wlr"
WLR_FILE: Final = Path("/tmp/out.png")  # noqa: S108 (the name is xdg-desktop-portal-wlr's, and fixed)

_LAST_WORD_MS: Final = 200
_REST_MS: Final = 60 * 60 * 1000
_SILENCES: Final = 2
_MONITORS_MS: Final = 1_000
_DISTORTION: Final = 0.01

_INSTALL: Final = (
    "Install xdg-desktop-portal and the part of it for your desktop (xdg-desktop-portal-gnome, -kde, -wlr or another), "
    "then log in again."
)
_AGREE: Final = (
    "Run daybook doctor in the terminal from which you start Daybook and agree when the desktop asks, or allow "
    "screenshots in the desktop's settings."
)


class PortalScreenshot(Way):
    """The screenshot portal, first without interaction.

    A desktop that wants to ask and gets no answer, or a person who refuses, is left alone for an hour, so that no
    question comes up with every segment; `ask` ends that.

    Args:
        bus_address: of the session bus.
        wayland_socket: the compositor's, which says where in the one picture each monitor lies.
        monotonic_ms: reads the monotonic clock, in milliseconds.
        wlr_file: where xdg-desktop-portal-wlr leaves every picture, also one that it then does not hand over.
    """

    name = "the screenshot portal"

    def __init__(
        self, bus_address: str, wayland_socket: Path, monotonic_ms: Callable[[], int], *, wlr_file: Path = WLR_FILE
    ) -> None:
        self._bus_address = bus_address
        self._wayland_socket = wayland_socket
        self._monotonic_ms = monotonic_ms
        self._wlr_file = wlr_file
        self._rests_until_ms: int | None = None
        self._silences = 0

    def take(self, within_ms: int) -> tuple[Frame, ...]:
        """Take one picture of all monitors.

        Raises:
            NoWayError: there is no portal, it refuses, is silent, or hands over no picture.
        """
        if self._rests_until_ms is not None and self._monotonic_ms() < self._rests_until_ms:
            cause = "the desktop did not let its screenshot portal give one, and is not asked again within the hour"
            raise NoWayError(cause, _AGREE)
        return self._request(within_ms)

    def ask(self, within_ms: int) -> tuple[Frame, ...]:
        """Take one while the person is there to answer the desktop's question; raises as `take` does."""
        return self._request(within_ms)

    def _request(self, within_ms: int) -> tuple[Frame, ...]:
        deadline_ms = self._monotonic_ms() + within_ms
        try:
            bus = Bus(self._bus_address, self._monotonic_ms)
        except BusLostError as error:
            raise NoWayError(f"the session bus does not answer ({error})") from None
        before = _identity(self._wlr_file)
        uri: str | None = None
        try:
            uri = self._uri(bus, deadline_ms)
        except CallUnansweredError:
            self._note_silence()
            raise NoWayError("the screenshot portal does not answer", _AGREE) from None
        except CallRefusedError as error:
            raise NoWayError(_absence(bus, error), _INSTALL) from None
        except BusLostError as error:
            raise NoWayError(f"the session bus went away ({error})") from None
        finally:
            try:
                self._remove_leftover(bus, before, uri)
            finally:
                bus.close()
        self._silences, self._rests_until_ms = 0, None
        return self._frames(_taken(uri))

    def _uri(self, bus: Bus, deadline_ms: int) -> str:
        """Ask for a picture and wait for where it is (Request documentation: subscribe first, then call)."""
        token = f"daybook_{secrets.token_hex(8)}"
        handle = f"{PORTAL_PATH}/request/{bus.unique_name.removeprefix(':').replace('.', '_')}/{token}"
        bus.watch(sender=PORTAL, interface=REQUEST, member="Response", path=handle)
        options = {"handle_token": ("s", token), "modal": ("b", False), "interactive": ("b", False)}
        (given,) = bus.call(
            PORTAL,
            PORTAL_PATH,
            SCREENSHOT,
            "Screenshot",
            ("s", ""),
            ("a{sv}", options),
            starts_service=True,
            within_ms=max(0, deadline_ms - self._monotonic_ms()),
        )
        if given != handle:  # a portal from before version 0.9 names the request itself
            bus.watch(sender=PORTAL, interface=REQUEST, member="Response", path=given)
        answer = self._response(bus, {handle, given}, deadline_ms)
        if answer is None:
            self._give_up(bus, given)
        match answer:
            case None:
                self._note_silence()
                cause = "the screenshot portal has not answered in time, perhaps because the desktop asks you first"
                raise NoWayError(cause, _AGREE)
            case (0, {"uri": ("s", str(uri))}):
                return uri
            case (1, _):
                self._rest()
                raise NoWayError("the desktop refuses Daybook pictures of the screen", _AGREE)
            case (int(), _):
                raise NoWayError("the screenshot portal could not give one", _AGREE)
            case other:
                raise NoWayError(f"the screenshot portal answered {other!r}")

    def _response(self, bus: Bus, handles: set[str], deadline_ms: int) -> tuple[Any, ...] | None:
        owner = bus.owner(PORTAL)
        while (left_ms := deadline_ms - self._monotonic_ms()) > 0:
            bus.wait(left_ms)
            for signal in bus.signals():
                if signal.sender == owner and signal.path in handles and signal.member == "Response":
                    return signal.body
        return None

    def _give_up(self, bus: Bus, handle: str) -> None:
        """Take the request back, with any question that the desktop shows; a picture that crosses it is deleted."""
        with suppress(CallRefusedError):  # it has just ended by itself
            bus.call(PORTAL, handle, REQUEST, "Close")
        match self._response(bus, {handle}, self._monotonic_ms() + _LAST_WORD_MS):
            case (0, {"uri": ("s", str(uri))}):
                _taken(uri)

    def _note_silence(self) -> None:
        self._silences += 1
        if self._silences >= _SILENCES:
            self._rest()

    def _rest(self) -> None:
        self._rests_until_ms = self._monotonic_ms() + _REST_MS

    def _remove_leftover(self, bus: Bus, before: "_Identity | None", uri: str | None) -> None:
        """Delete what xdg-desktop-portal-wlr wrote for a request that then failed; another's file is left alone."""
        after = _identity(self._wlr_file)
        if uri is not None or after is None or after == before:
            return
        try:
            is_wlrs = bus.owner(WLR_PORTAL) is not None
        except BusLostError:
            is_wlrs = False
        if is_wlrs:
            _delete(self._wlr_file)

    def _frames(self, picture: "Image") -> tuple[Frame, ...]:
        try:
            client = Wayland(self._wayland_socket, self._monotonic_ms, self._monotonic_ms() + _MONITORS_MS)
            try:
                found = monitors(client)
            finally:
                client.close()
        except WaylandLostError:
            found = []  # then all monitors stay one picture, which is whole all the same
        return tuple(to_frame(index, part) for index, part in enumerate(split(picture, found)))


def _absence(bus: Bus, error: CallRefusedError) -> str:
    """Say that there is no screenshot portal, and where there is the other way, why it is none for us (ADR 32)."""
    try:
        bus.property(PORTAL, PORTAL_PATH, SCREENCAST, "version")
    except (CallRefusedError, BusLostError):
        return f"there is no screenshot portal ({error})"
    return "the desktop portal offers screen sharing but no screenshots, and Daybook reads no video streams"


@dataclass(frozen=True, slots=True)
class _Identity:
    """What tells one version of a file from another."""

    inode: int
    size: int
    changed_ns: int


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return _Identity(found.st_ino, found.st_size, found.st_mtime_ns)


def split(picture: "Image", found: Sequence[Monitor]) -> list["Image"]:
    """Cut the one picture of a desktop into one of each monitor, at the monitor's real pixels.

    A desktop draws it at the scale of its finest monitor, so the others are in it enlarged.

    Args:
        picture: of the whole desktop.
        found: its monitors; where they do not add up to the picture, it stays whole.
    """
    if not found:
        return [picture]
    left, top = (min(one.position[axis] for one in found) for axis in (0, 1))
    right, bottom = (max(one.position[axis] + one.size[axis] for one in found) for axis in (0, 1))
    across, down = picture.width / (right - left), picture.height / (bottom - top)
    if abs(across - down) > _DISTORTION * across:
        return [picture]
    return [_part(picture, one, (left, top), (across, down)) for one in found]


def _part(picture: "Image", one: Monitor, corner: tuple[int, int], scale: tuple[float, float]) -> "Image":
    from PIL.Image import Resampling  # noqa: PLC0415

    begin = [round((one.position[axis] - corner[axis]) * scale[axis]) for axis in (0, 1)]
    end = [round((one.position[axis] + one.size[axis] - corner[axis]) * scale[axis]) for axis in (0, 1)]
    part = picture.crop((begin[0], begin[1], end[0], end[1]))
    is_enlarged = part.width > one.pixels[0] and part.height > one.pixels[1]
    return part.resize(one.pixels, Resampling.BOX) if is_enlarged else part


def _taken(uri: str) -> "Image":
    """Read a picture and delete its file, also where it cannot be read.

    Raises:
        NoWayError: there is no such file, or it is no picture, or it cannot be deleted.
    """
    from PIL import Image  # noqa: PLC0415

    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or not path.is_absolute():
        raise NoWayError(f"the screenshot portal left its picture at {uri}, which is no file")
    try:
        is_ordinary = stat.S_ISREG(path.lstat().st_mode)
        content = path.read_bytes() if is_ordinary else b""
    except FileNotFoundError:
        raise NoWayError(f"the screenshot portal says that its picture is at {path}, where there is none") from None
    except OSError as error:
        _delete(path)
        raise NoWayError(f"the screenshot portal's picture {path} cannot be read ({error.strerror})") from None
    if not is_ordinary:
        raise NoWayError(f"the screenshot portal left its picture at {path}, which is no ordinary file")
    _delete(path)
    try:
        with Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]) as picture:
            return picture.convert("RGB")
    # Pillow says of a damaged PNG that its syntax is wrong, or that a value is.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NoWayError(f"the screenshot portal's file is no picture ({error})") from None


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        cause = f"the screenshot portal left a picture at {path} that cannot be deleted ({error.strerror})"
        raise NoWayError(cause, "Delete it yourself.") from None
