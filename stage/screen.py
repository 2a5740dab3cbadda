"""What can be seen on an X display: its windows, its tray, and pictures of them; and a pattern to photograph."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mss
from PIL import Image
from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.error import DisplayError, XError
from Xlib.xobject.drawable import Window as XWindow


@dataclass(frozen=True)
class Window:
    """A managed window: its id, title, process and place with its frame, in pixels."""

    id: int
    title: str
    pid: int | None
    left: int
    top: int
    width: int
    height: int


@contextmanager
def connection(display: str) -> Iterator[Display]:
    """Talk to an X server for as long as the block lasts."""
    server = Display(display)
    try:
        yield server
    finally:
        server.close()


def answers(display: str) -> bool:
    """Tell whether an X server stands behind that name."""
    try:
        with connection(display):
            return True
    except (DisplayError, OSError):
        return False


def has_tray(display: str) -> bool:
    """Tell whether a system tray takes icons in."""
    with connection(display) as server:
        return _is_tray_owned(server)


def icons_in_tray(display: str) -> int:
    """Count the icons that sit in the system tray."""
    with connection(display) as server:
        embedded = server.intern_atom("_XEMBED_INFO")
        return sum(1 for one in _below(server.screen().root) if _has(one, embedded) and _is_viewable(one))


def windows(display: str) -> list[Window]:
    """Give the managed windows that are mapped, the oldest first."""
    with connection(display) as server:
        listed = server.screen().root.get_full_property(server.intern_atom("_NET_CLIENT_LIST"), Xatom.WINDOW)
        if listed is None:
            return []
        found = (_describe(server, number) for number in listed.value)
        return [window for window in found if window is not None]


def window_of(display: str, pid: int) -> Window | None:
    """Give the first window of a process, None while it has none."""
    return next((window for window in windows(display) if window.pid == pid), None)


def photograph(display: str, file: Path, window: Window | None = None) -> None:
    """Save the whole display, or a window's place on it, as a PNG."""
    with mss.MSS(display=display) as camera:
        monitor = camera.monitors[0]
        area = dict(monitor)
        if window is not None:
            left, top = max(window.left, 0), max(window.top, 0)
            right = min(window.left + window.width, monitor["width"])
            bottom = min(window.top + window.height, monitor["height"])
            area = {"left": left, "top": top, "width": right - left, "height": bottom - top}
        shot = camera.grab(area)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.frombytes("RGB", shot.size, shot.bgra, "raw", "BGRX").save(file, optimize=True)


@dataclass(frozen=True)
class Pattern:
    """Coloured fields in known places: what a photograph of the screen must show."""

    left: int = 80
    top: int = 80
    field: int = 80
    colours: tuple[tuple[int, ...], ...] = (
        (0xC81E1E, 0x1EC81E, 0x1E1EC8, 0xC8C81E, 0xC81EC8, 0x1EC8C8),
        (0x101010, 0xF0F0F0, 0x808080, 0x404040, 0xB0B0B0, 0x202060),
        (0xE07020, 0x20E070, 0x7020E0, 0x70E020, 0x2070E0, 0xE02070),
        (0x602020, 0x206020, 0x202060, 0xF0D0A0, 0xA0F0D0, 0xD0A0F0),
    )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.field * len(self.colours[0]), self.field * len(self.colours)

    def fields(self) -> Iterator[tuple[tuple[int, int], tuple[int, int, int]]]:
        """Give the centre of each field on the screen and its colour as red, green, blue."""
        for row, line in enumerate(self.colours):
            for column, colour in enumerate(line):
                centre = (
                    self.left + column * self.field + self.field // 2,
                    self.top + row * self.field + self.field // 2,
                )
                yield centre, (colour >> 16, colour >> 8 & 0xFF, colour & 0xFF)


@contextmanager
def pattern_shown(display: str, pattern: Pattern) -> Iterator[None]:
    """Show the pattern above every window for as long as the block lasts."""
    with connection(display) as server:
        view = server.screen()
        width, height = pattern.size
        pixels = view.root.create_pixmap(width, height, view.root_depth)
        for row, line in enumerate(pattern.colours):
            for column, colour in enumerate(line):
                brush = pixels.create_gc(foreground=colour)
                pixels.fill_rectangle(brush, column * pattern.field, row * pattern.field, pattern.field, pattern.field)
        # As the window's background the server repaints it by itself; nobody here has to answer exposures.
        window = view.root.create_window(
            pattern.left, pattern.top, width, height, 0, view.root_depth, X.InputOutput, X.CopyFromParent,
            background_pixmap=pixels, override_redirect=True,
        )  # fmt: skip
        window.map()
        server.sync()
        yield


def _is_tray_owned(server: Display) -> bool:
    owner = server.get_selection_owner(server.intern_atom(f"_NET_SYSTEM_TRAY_S{server.get_default_screen()}"))
    return bool(owner != X.NONE)


def _describe(server: Display, number: int) -> Window | None:
    window = server.create_resource_object("window", number)
    try:
        if not _is_viewable(window):
            return None
        frame = window
        while (parent := frame.query_tree().parent) != server.screen().root:
            frame = parent
        place = frame.get_geometry()
        title = window.get_full_text_property(server.intern_atom("_NET_WM_NAME")) or window.get_wm_name()
        pid = window.get_full_property(server.intern_atom("_NET_WM_PID"), Xatom.CARDINAL)
    except XError:
        return None  # it closed between the list and the question
    return Window(number, str(title or ""), pid.value[0] if pid else None, place.x, place.y, place.width, place.height)


def _below(window: XWindow) -> Iterator[XWindow]:
    for child in window.query_tree().children:
        yield child
        yield from _below(child)


def _has(window: XWindow, atom: int) -> bool:
    try:
        return window.get_full_property(atom, X.AnyPropertyType) is not None
    except XError:
        return False


def _is_viewable(window: XWindow) -> bool:
    try:
        return bool(window.get_attributes().map_state == X.IsViewable)
    except XError:
        return False
