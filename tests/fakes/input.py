"""An input counter whose keys a test presses."""

from collections.abc import Callable

from tracker.capture.input.port import Counts, InputCounter, InputUnavailableError
from wire.words import ActivitySource


class FakeInput(InputCounter):
    name = "fake"
    source = ActivitySource.COUNTS

    def __init__(self, monotonic_ms: Callable[[], int]) -> None:
        super().__init__(monotonic_ms)
        self._running = False
        self._counts = Counts(0, 0, 0)
        self._newest_ms: int | None = None
        self._problem: str | None = None
        self.lost: str | None = None
        """The sentence with which every start fails, or None."""

    @property
    def running(self) -> bool:
        return self._running

    def press(self, *, keys: int = 0, clicks: int = 0, scrolls: int = 0, active_ms: int = 0) -> None:
        """Make input now; like the real thing, it goes unseen unless the counter runs."""
        if not self._running:
            return
        old = self._counts
        self._counts = Counts(old.keys + keys, old.clicks + clicks, old.scrolls + scrolls, old.active_ms + active_ms)
        self._newest_ms = self._monotonic_ms()

    def die(self, sentence: str) -> None:
        """End the counting as when the display goes away; it cannot start until `lost` is None again."""
        self.lost = sentence
        if self._running:
            self._running = False
            self._problem = sentence

    def start(self) -> None:
        if self.lost is not None:
            raise InputUnavailableError(self.lost)
        self._running = True
        self._problem = None

    def stop(self) -> None:
        self._running = False
        self._problem = None

    def take(self) -> Counts:
        taken, self._counts = self._counts, Counts(0, 0, 0)
        return taken

    def newest_ms(self) -> int | None:
        return self._newest_ms

    def problem(self) -> str | None:
        return self._problem
