"""Idleness where the kernel's devices are read: nothing hides input from them."""

from tracker.capture.idle.port import Idleness, IdleWatch
from tracker.capture.input.evdev import EvdevInput
from tracker.capture.input.port import InputUnavailableError


class EvdevIdle(IdleWatch):
    """Takes the newest of what the devices tell and of what the desktop does: some input comes from no device.

    Args:
        counter: the running counter; it knows whether the pointer moved, too.
        desktop: the desktop's own watch, which hears of remote desktops and on-screen keyboards.
    """

    name = "evdev"
    reports = "The input devices tell of all input, so idleness is noticed, also while a video plays."

    def __init__(self, counter: EvdevInput, desktop: IdleWatch) -> None:
        self._counter = counter
        self._desktop = desktop
        self._last_ms: int | None = None

    def look(self, now_ms: int) -> Idleness:
        """Take the newest of all input known; where the pointer moved, the look's own time is the input's."""
        moved = self._counter.take_moved() and self._last_ms is not None
        known = [self._desktop.look(now_ms).last_input_ms]
        newest_ms = self._counter.newest_ms()
        if newest_ms is not None:
            known.append(min(newest_ms, now_ms))
        if moved:
            known.append(now_ms)
        self._last_ms = max(known) if self._last_ms is None else max(self._last_ms, *known)
        return Idleness(self._last_ms, moved)

    def problem(self) -> str | None:
        """Try to read the devices; say why it cannot be done, or None."""
        was_running = self._counter.running
        try:
            self._counter.start()
        except InputUnavailableError as error:
            return str(error)
        finally:
            if not was_running:
                self._counter.stop()
        return None

    def close(self) -> None:
        """Let go of the desktop's watch; the counter is its own user's."""
        self._desktop.close()
