"""A window list whose windows a test opens and closes."""

from collections.abc import Callable

from tracker.capture.window.port import Window, WindowList, WindowsUnavailableError


class FakeWindows(WindowList):
    name = "fake"

    def __init__(self, *shown: Window) -> None:
        self.shown = list(shown)
        self.looks = 0
        self.lost: str | None = None
        """The sentence with which every look fails, or None."""
        self.after_look: Callable[[], None] = lambda: None
        """What happens on the screen right after the next look."""

    def visible(self) -> tuple[Window, ...]:
        self.looks += 1
        if self.lost is not None:
            raise WindowsUnavailableError(self.lost)
        seen = tuple(self.shown)
        then, self.after_look = self.after_look, lambda: None
        then()
        return seen
