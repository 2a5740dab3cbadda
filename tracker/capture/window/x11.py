"""Windows under X11: everything that the server says can be seen, less what its window manager says is minimised.

The server's own tree is read, not the window manager's list of its clients (`_NET_CLIENT_LIST_STACKING`): that lacks
what programs put on the screen themselves, such as a chat's preview, and is stale where the manager died.
"""

from collections.abc import Iterator
from typing import Any, Final

from Xlib import X, error
from Xlib.display import Display
from Xlib.xobject.drawable import Window as XWindow

from tracker.capture.window import xtext
from tracker.capture.window.port import Window, WindowList, WindowsUnavailableError
from tracker.capture.xconnection import X_ERRORS, NoDisplayError, close_display, open_display

_ICONIC: Final = 3  # of WM_STATE (ICCCM 4.1.3.1)
_LOOKS: Final = 5  # at windows that come and go meanwhile
_GUARD: Final = "guard window"  # Mutter keeps minimised windows and other workspaces mapped below a window so named
_LONGEST: Final = 4096  # 32-bit words of a property; titles and classes are shorter


class X11Windows(WindowList):
    """The windows of one X display.

    Each look has a connection of its own, so a server that comes back is seen again.

    Args:
        display: the display's name, such as ":0"; None takes `DISPLAY`.
    """

    name = "x11"

    def __init__(self, display: str | None = None) -> None:
        self._display = display

    def visible(self) -> tuple[Window, ...]:
        """List what is mapped and not minimised, from the bottom up; what lies on other workspaces is unmapped.

        Raises:
            WindowsUnavailableError: no display answers, or a window could not be read although it is there.
        """
        try:
            display = open_display(self._display)
        except NoDisplayError as failure:
            raise WindowsUnavailableError(f"The windows cannot be listed. {failure}") from None
        try:
            for _ in range(_LOOKS):
                try:
                    return _Look(display).windows()
                # One that was closed between two questions. What it held may hang elsewhere now: look again at all.
                except (error.BadWindow, error.BadDrawable):
                    continue
        except X_ERRORS as failure:
            cause = str(failure).strip().rstrip(".") or "the connection broke"
            raise WindowsUnavailableError(
                f"The windows cannot be listed: the X server does not tell them all ({cause}). "
                "Check that the desktop session is still running."
            ) from failure
        finally:
            close_display(display)
        raise WindowsUnavailableError(
            "The windows cannot be listed: they came and went while they were looked at. Nothing needs to be done; "
            "the next snapshot looks again."
        )


class _Look:
    """One look at all windows through a connection; every question may meet a window that is gone."""

    def __init__(self, display: Display) -> None:
        self._root = display.screen().root
        self._display = display
        self._active = self._active_id()

    def windows(self) -> tuple[Window, ...]:
        return tuple(self._describe(window) for top in self._above_guard() for window in self._shown_in(top))

    def _above_guard(self) -> list[XWindow]:
        tops: list[XWindow] = []
        for top in self._root.query_tree().children:
            if top.get_attributes().win_class != X.InputOnly:
                tops.append(top)
            elif self._text(top, "WM_NAME").endswith(_GUARD):
                tops.clear()
        return tops

    def _shown_in(self, top: XWindow) -> list[XWindow]:
        """Give the programs' windows that a window on the root holds, or itself where it is no manager's frame."""
        if top.get_attributes().map_state != X.IsViewable:
            return []
        clients = list(self._clients_in(top))
        return [client for client in clients if self._is_shown(client)] if clients else [top]

    def _clients_in(self, window: XWindow) -> Iterator[XWindow]:
        """Give the managed windows at or below a window, mapped or not; tabs make one frame hold several."""
        if self._numbers(window, "WM_STATE"):
            yield window
        elif window.get_attributes().map_state == X.IsViewable:
            for child in window.query_tree().children:
                yield from self._clients_in(child)

    def _is_shown(self, client: XWindow) -> bool:
        states = self._numbers(client, "_NET_WM_STATE")
        if self._display.get_atom("_NET_WM_STATE_SHADED") in states:
            return True  # rolled up to its title bar, which says the title
        # Mostly it is unmapped then; a manager that keeps it mapped says both, and either alone may be left over.
        is_minimised = self._display.get_atom("_NET_WM_STATE_HIDDEN") in states and (
            self._numbers(client, "WM_STATE")[:1] == [_ICONIC]
        )
        return not is_minimised and bool(client.get_attributes().map_state == X.IsViewable)

    def _describe(self, window: XWindow) -> Window:
        title = self._text(window, "_NET_WM_NAME") or self._text(window, "WM_NAME")
        return Window(self._application(window), title, is_active=window.id == self._active)

    def _application(self, window: XWindow) -> str:
        """Give a window's class; a popup without one belongs to the program whose window it names."""
        if name := self._class(window):
            return name
        for property_name in ("WM_CLIENT_LEADER", "WM_TRANSIENT_FOR"):
            for number in self._numbers(window, property_name)[:1]:
                if number not in {window.id, self._root.id, X.NONE}:
                    try:
                        name = self._class(self._display.create_resource_object("window", number))
                    except (error.BadWindow, error.BadDrawable):
                        continue  # it names a window that was closed long ago
                    if name:
                        return name
        return ""

    def _class(self, window: XWindow) -> str:
        found = self._property(window, "WM_CLASS")
        if found is None or found.format != 8:
            return ""
        instance, group = [*xtext.words(bytes(found.value)), "", ""][:2]
        return group or instance

    def _active_id(self) -> int | None:
        """Give the window with the keyboard, by the window manager, or without one by the server."""
        told = self._numbers(self._root, "_NET_ACTIVE_WINDOW")
        if told:
            return told[0]
        focus = self._display.get_input_focus().focus
        return focus if isinstance(focus, int) else int(focus.id)

    def _text(self, window: XWindow, name: str) -> str:
        found = self._property(window, name)
        if found is None or found.format != 8:
            return ""
        return xtext.text(bytes(found.value), self._display.get_atom_name(found.property_type))

    def _numbers(self, window: XWindow, name: str) -> list[int]:
        found = self._property(window, name)
        return [] if found is None or found.format != 32 else list(found.value)

    def _property(self, window: XWindow, name: str) -> Any | None:
        return window.get_property(self._display.get_atom(name), X.AnyPropertyType, 0, _LONGEST)
