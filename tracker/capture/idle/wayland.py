"""Idleness under Wayland: what the desktop tells of pauses in the input, keys and pointer alike."""

from typing import Final

from tracker.capture.idle.port import Idleness, IdleWatch
from tracker.capture.idle.source import SourceLostError
from tracker.capture.idle.watcher import Watcher

BLINDED: Final = (
    "While a video or a call keeps the screen awake, this desktop does not tell of input: "
    "the timer may take you for idle."
)

_LOOKS: Final = "looks"
_EXAMINES: Final = "examines"


class WaylandIdle(IdleWatch):
    """Knows from a watcher when the last input was: exactly where it has paused since, else a second late at most.

    A desktop does not tell the pointer from the keys, so no look says that the pointer moved; movement counts as input
    all the same. While a video player keeps the desktop from noticing pauses, no input is claimed.

    Args:
        watcher: hears of input; shared with the counter of active time.
    """

    name = "wayland"
    reports = "The desktop tells when there is input, so idleness is noticed."

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._last_ms: int | None = None

    def look(self, now_ms: int) -> Idleness:
        """Take the newest input known; the desktop is watched from here on."""
        self._watch(_LOOKS)
        newest_ms = self._watcher.stretches.newest_ms(now_ms)
        known = [one for one in (self._last_ms, newest_ms) if one is not None]
        self._last_ms = min(now_ms, max(known)) if self._last_ms is not None else now_ms
        return Idleness(self._last_ms, moved=False)

    def problem(self) -> str | None:
        """Try to watch; say why it cannot be done, or None."""
        self._watch(_EXAMINES)
        failure = self._watcher.failure
        self._watcher.stop(_EXAMINES)
        return None if failure is None else f"Idleness is not noticed: {failure}"

    def limit(self) -> str | None:
        """Say that videos hide input from the desktop's word, where they do."""
        return BLINDED if self._watcher.can_be_blinded else None

    def close(self) -> None:
        """Watch no longer; the next look does again."""
        self._watcher.stop(_LOOKS)

    def _watch(self, user: str) -> None:
        try:
            self._watcher.start(user)
        except SourceLostError:
            return  # the watcher keeps the cause, for `problem`
