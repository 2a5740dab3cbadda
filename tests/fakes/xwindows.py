"""Windows that a test opens on a real X server, with every property as it wants them, and a real window manager."""

import os
import subprocess
from pathlib import Path
from typing import Any

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.protocol.event import ClientMessage
from Xlib.xobject.drawable import Window as XWindow

from stage.processes import program
from stage.waiting import until
from tracker.capture.xconnection import close_display

_JWMRC = '<JWM><Tray y="-1" height="26"><TaskList/><Clock/></Tray><Desktops width="2" height="1"/></JWM>'
_ICONIC = 3


class Manager:
    """jwm on a display."""

    def __init__(self, display: str, home: Path) -> None:
        (home / ".jwmrc").write_text(_JWMRC, encoding="utf-8")
        self._process = subprocess.Popen(
            [program("jwm")],
            env={**os.environ, "DISPLAY": display, "HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        """End as a crash would."""
        self._process.kill()
        self._process.wait()


class XWindows:
    """Opens windows through a connection of its own."""

    def __init__(self, display: str) -> None:
        self.connection = Display(display)
        self.root = self.connection.screen().root

    def end(self) -> None:
        """Close the connection and with it every window, whether or not the server is still there."""
        close_display(self.connection)

    def open(
        self, application: str, title: str, *, is_managed: bool = True, override_redirect: bool = False
    ) -> XWindow:
        """Open a window; under a manager the call returns once it is framed and mapped."""
        window: XWindow = self.root.create_window(
            10, 10, 60, 40, 0, X.CopyFromParent, override_redirect=override_redirect, event_mask=X.StructureNotifyMask
        )
        if application:
            self.put(window, "WM_CLASS", "STRING", f"{application.lower()}\0{application}\0".encode())
        if title:
            self.put(window, "_NET_WM_NAME", "UTF8_STRING", title.encode())
        window.map()
        self.connection.sync()
        until(
            lambda: (
                window.get_attributes().map_state == X.IsViewable and (not is_managed or self._has(window, "WM_STATE"))
            ),
            f"the window {title!r}",
            poll_s=0.01,
        )
        return window

    def put(self, window: XWindow, name: str, kind: str, content: bytes) -> None:
        """Set a property of bytes."""
        window.change_property(self.connection.intern_atom(name), self.connection.intern_atom(kind), 8, content)
        self.connection.sync()

    def put_numbers(self, window: XWindow, name: str, *numbers: int, kind: str | None = None) -> None:
        """Set a property of numbers."""
        atom = self.connection.intern_atom(name)
        window.change_property(atom, self.connection.intern_atom(kind or name), 32, list(numbers))
        self.connection.sync()

    def refer(self, window: XWindow, name: str, other: XWindow) -> None:
        """Set a property that names another window."""
        window.change_property(self.connection.intern_atom(name), Xatom.WINDOW, 32, [other.id])
        self.connection.sync()

    def minimise(self, window: XWindow) -> None:
        """Ask the manager to minimise, and wait until it has."""
        self._ask(window, "WM_CHANGE_STATE", _ICONIC)
        until(lambda: not self._is_viewable(window), "the minimised window", poll_s=0.01)

    def restore(self, window: XWindow) -> None:
        """Open it again."""
        window.map()
        self.connection.sync()
        until(lambda: self._is_viewable(window), "the restored window", poll_s=0.01)

    def show_desktop(self, number: int) -> None:
        """Go to another workspace."""
        self._ask(self.root, "_NET_CURRENT_DESKTOP", number)
        until(lambda: self._numbers(self.root, "_NET_CURRENT_DESKTOP") == [number], "the workspace", poll_s=0.01)

    def activate(self, window: XWindow) -> None:
        """Give it the keyboard."""
        self._ask(window, "_NET_ACTIVE_WINDOW", 2)
        until(lambda: self._numbers(self.root, "_NET_ACTIVE_WINDOW") == [window.id], "the active window", poll_s=0.01)

    def close(self, window: XWindow) -> None:
        """Close it."""
        window.destroy()
        self.connection.sync()

    def _ask(self, window: XWindow, message: str, number: int) -> None:
        event = ClientMessage(
            window=window, client_type=self.connection.intern_atom(message), data=(32, [number] + [0] * 4)
        )
        self.root.send_event(event, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        self.connection.sync()

    def _is_viewable(self, window: XWindow) -> bool:
        return bool(window.get_attributes().map_state == X.IsViewable)

    def _has(self, window: XWindow, name: str) -> bool:
        return self._property(window, name) is not None

    def _numbers(self, window: XWindow, name: str) -> list[int]:
        found = self._property(window, name)
        return [] if found is None else list(found.value)

    def _property(self, window: XWindow, name: str) -> Any | None:
        return window.get_full_property(self.connection.intern_atom(name), X.AnyPropertyType)
