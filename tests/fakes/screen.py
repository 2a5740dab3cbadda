"""A screen whose monitors a test paints."""

from collections.abc import Callable

from tracker.capture.screen.port import Frame, Screen, ScreenUnavailableError


class FakeScreen(Screen):
    name = "fake"

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self._sizes = sizes or ((64, 36),)
        self._pictures: list[bytes] = []
        self.grabs = 0
        self.lost: str | None = None
        """The sentence with which every grab fails, or None."""
        self.during_grab: Callable[[], None] = lambda: None
        self.paint_checks()

    def paint(self, bgr: bytes) -> None:
        """Fill all monitors with one colour, which makes them blank."""
        self._pictures = [(bgr + b"\0") * (width * height) for width, height in self._sizes]

    def paint_checks(self, dark: bytes = b"\x20\x40\x80\0") -> None:
        """Fill all monitors with a pattern of two colours."""
        pair = dark + b"\xe0\xc0\xa0\0"
        self._pictures = [(pair * (width * height // 2 + 1))[: width * height * 4] for width, height in self._sizes]

    def grab(self) -> tuple[Frame, ...]:
        self.grabs += 1
        self.during_grab()
        if self.lost is not None:
            raise ScreenUnavailableError(self.lost)
        return tuple(
            Frame(monitor, width, height, memoryview(picture))
            for monitor, ((width, height), picture) in enumerate(zip(self._sizes, self._pictures, strict=True))
        )
