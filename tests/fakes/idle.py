"""An idle watch whose person a test moves."""

from tracker.capture.idle.port import Idleness, IdleWatch
from tracker.capture.input.port import InputCounter


class FakeIdle(IdleWatch):
    name = "fake"

    def __init__(self, input_counter: InputCounter | None = None) -> None:
        self._input = input_counter
        self._last_ms: int | None = None
        self._moved = False
        self.is_closed = True
        self.hidden: str | None = None
        """What it says that the desktop hides, or None."""
        self.lost: str | None = None
        """The sentence that says why it cannot see, or None."""

    def move(self) -> None:
        """Move the pointer; the next look sees it."""
        self._moved = True

    def look(self, now_ms: int) -> Idleness:
        self.is_closed = False
        moved = self._moved and self.lost is None and self._last_ms is not None
        self._moved = False
        if moved or self._last_ms is None:
            self._last_ms = now_ms
        newest_ms = self._input.newest_ms() if self._input is not None else None
        if newest_ms is not None:
            self._last_ms = max(self._last_ms, min(newest_ms, now_ms))
        return Idleness(self._last_ms, moved)

    def problem(self) -> str | None:
        return self.lost

    def limit(self) -> str | None:
        return self.hidden

    def close(self) -> None:
        self.is_closed = True
