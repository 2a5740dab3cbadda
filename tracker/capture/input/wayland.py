"""Input under Wayland: for how long there was any. No program but the desktop itself sees the keys there."""

from collections.abc import Callable
from typing import Final

from tracker.capture.idle.source import SourceLostError
from tracker.capture.idle.watcher import Watcher
from tracker.capture.input.port import Counts, InputCounter, InputUnavailableError
from wire.words import ActivitySource

_COUNTS: Final = "counts"
_RESUMES: Final = "Check that the desktop session is still running; measuring resumes by itself."


class ActiveTime(InputCounter):
    """Measures active time from what the desktop tells of pauses in the input.

    Args:
        watcher: hears of input; shared with the idle watch.
        monotonic_ms: reads the monotonic clock, in milliseconds.
    """

    name = "wayland"
    source = ActivitySource.ACTIVE_SECONDS
    reports = (
        "Under Wayland the desktop tells when there is input, not how much: activity is measured in active seconds, "
        "without counts."
    )

    def __init__(self, watcher: Watcher, monotonic_ms: Callable[[], int]) -> None:
        super().__init__(monotonic_ms)
        self._watcher = watcher
        self._is_wanted = False

    @property
    def running(self) -> bool:
        """Whether the desktop is heard and active time counted."""
        return self._is_wanted and self._watcher.running

    def start(self) -> None:
        """Count from now on.

        Raises:
            InputUnavailableError: the desktop cannot tell of input.
        """
        self._is_wanted = True
        try:
            self._watcher.start(_COUNTS)
        except SourceLostError as error:
            raise InputUnavailableError(f"Activity cannot be measured: {error}") from None
        self._watcher.stretches.begin_count(self._monotonic_ms())

    def stop(self) -> None:
        """Count up to now and no further."""
        self._watcher.stretches.end_count(self._monotonic_ms())
        self._is_wanted = False
        self._watcher.stop(_COUNTS)

    def take(self) -> Counts:
        """Give the active time since the last take; presses are not known."""
        return Counts(0, 0, 0, self._watcher.stretches.take_active_ms(self._monotonic_ms()))

    def newest_ms(self) -> int | None:
        """Monotonic milliseconds of the newest input, at most a second too late."""
        return self._watcher.stretches.newest_ms(self._monotonic_ms())

    def problem(self) -> str | None:
        """Say what keeps activity from being measured: the desktop went away, or a video hides the input."""
        if not self._is_wanted:
            return None
        if self._watcher.failure is not None:
            return f"Activity is not measured: {self._watcher.failure} {_RESUMES}"
        if not self._watcher.running:
            return "Activity is no longer measured because of an error in the tracker; start the timer again."
        if self._watcher.stretches.is_blind(self._monotonic_ms()):
            return (
                "A video or a call hides your input from Daybook, so you may be taken for idle. Declare reading or a "
                "meeting if your contract allows it."
            )
        return None
