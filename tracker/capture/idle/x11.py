"""Idleness under X11: the newest counted input, or a pointer that is elsewhere than at the last look."""

from Xlib.display import Display

from tracker.capture.idle.port import Idleness, IdleWatch
from tracker.capture.input.port import InputCounter
from tracker.capture.xconnection import X_ERRORS, NoDisplayError, close_display, open_display


class X11Idle(IdleWatch):
    """Watches the pointer between looks and asks the input counter for the rest.

    The XScreenSaver idle time is not used: video players reset it to keep the screen on, and would hide idleness.
    The pointer's position is compared with the one before, which it replaces; no path is ever held. Where the pointer
    moved, the look's own time is the input's: at most one tick too late, never too early.

    Args:
        input_counter: the running counter of keys, clicks and scrolls.
        display: the display's name, such as ":0"; None takes `DISPLAY`.
    """

    name = "x11"

    def __init__(self, input_counter: InputCounter, display: str | None = None) -> None:
        self._input = input_counter
        self._display_name = display
        self._display: Display | None = None
        self._pointer: tuple[int, int] | None = None
        self._last_ms: int | None = None
        self._problem: str | None = None

    def look(self, now_ms: int) -> Idleness:
        """Compare the pointer with the last look's and take the newest of all input known."""
        pointer = self._where()
        moved = pointer is not None and self._pointer is not None and pointer != self._pointer
        if pointer is not None:
            self._pointer = pointer
        known = [] if self._last_ms is None else [self._last_ms]
        if moved or not known:
            known.append(now_ms)
        newest_ms = self._input.newest_ms()
        if newest_ms is not None:
            known.append(min(newest_ms, now_ms))
        self._last_ms = max(known)
        return Idleness(self._last_ms, moved)

    def problem(self) -> str | None:
        """Ask for the pointer and forget where it was; say why it cannot be seen, or None."""
        self._where()
        return self._problem

    def close(self) -> None:
        """Close the connection; the next look connects anew."""
        if self._display is not None:
            close_display(self._display)
        self._display = None
        self._pointer = None  # positions on two servers must not be compared

    def _where(self) -> tuple[int, int] | None:
        try:
            if self._display is None:
                self._display = open_display(self._display_name)
            pointer = self._display.screen().root.query_pointer()
        except NoDisplayError as error:
            self._problem = f"The pointer cannot be watched. {error}"
        except X_ERRORS as error:
            self.close()
            self._problem = (
                f"The pointer cannot be watched: the X server went away ({error}). "
                "Check that the desktop session is still running."
            )
        else:
            self._problem = None
            return pointer.root_x, pointer.root_y
        return None
