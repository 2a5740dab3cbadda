"""Stretches of input: from one input on, for as long as no pause is longer than the time-out. Reads no clock itself."""

import threading
from typing import Final

TIMEOUT_MS: Final = 1_000
"""A pause this long ends a stretch; the shortest that every desktop tells of reliably."""
LONGEST_MS: Final = 60_000
"""No person gives input for longer without a pause; a desktop that says so is kept from noticing that they are idle."""
_ENDLESS_MS: Final = 2**62
_SLACK_MS: Final = 250  # that a desktop may be late with its word


class Stretches:
    """What a desktop tells of input: when it began anew and when it had paused, and nothing of what sort it was.

    Each input makes the second from it on active, so a stretch is active from its first input until the pause is as
    long as the time-out. Where video players and calls keep a desktop from saying that its person is idle, at most
    `LONGEST_MS` of a stretch are believed, since they must not hide idleness (PRODUCT.md, "Time").

    One thread says what the desktop told, another reads; times are monotonic milliseconds.

    Args:
        timeout_ms: the pause after which the desktop says that its person is idle.
    """

    def __init__(self, timeout_ms: int = TIMEOUT_MS) -> None:
        self.timeout_ms = timeout_ms
        self._lock = threading.Lock()
        self._asked_ms: int | None = None  # since when the desktop has told nothing yet
        self._began_ms: int | None = None  # of the stretch that runs
        self._newest_ms: int | None = None
        self._counted_to_ms: int | None = None  # None while nothing is to be counted
        self._active_ms = 0
        self._longest_ms = LONGEST_MS

    def asked(self, at_ms: int, *, can_be_blinded: bool) -> None:
        """Begin to watch: until the desktop has told something, nobody knows whether there is input.

        Args:
            at_ms: when the desktop was asked.
            can_be_blinded: whether others keep it from saying that the person is idle.
        """
        with self._lock:
            self._asked_ms, self._began_ms = at_ms, None
            self._longest_ms = LONGEST_MS if can_be_blinded else _ENDLESS_MS

    def resumed(self, at_ms: int) -> None:
        """There was input after a pause."""
        with self._lock:
            self._asked_ms, self._began_ms = None, at_ms
            self._know(at_ms)

    def idled(self, at_ms: int) -> None:
        """There has been no input for as long as the time-out."""
        with self._lock:
            last_ms = at_ms - self.timeout_ms
            if self._began_ms is not None:
                self._end(at_ms, max(last_ms, self._began_ms))
            elif self._asked_ms is not None and last_ms > self._asked_ms + _SLACK_MS:
                self._know(last_ms)
            self._asked_ms = self._began_ms = None

    def lost(self, at_ms: int) -> None:
        """The desktop went away: what it told until then stands, and nothing more is known."""
        with self._lock:
            self._count(at_ms)
            self._asked_ms = self._began_ms = None

    def newest_ms(self, now_ms: int) -> int | None:
        """Give the time of the newest input, at most the time-out too late; None before the first."""
        with self._lock:
            if self._began_ms is not None:
                self._know(min(now_ms, self._began_ms + self._longest_ms))
            return self._newest_ms

    def is_blind(self, now_ms: int) -> bool:
        """Whether the desktop is kept from saying that its person is idle."""
        with self._lock:
            since_ms = self._asked_ms if self._began_ms is None else self._began_ms
            return since_ms is not None and now_ms - since_ms > self._longest_ms + self.timeout_ms

    def begin_count(self, at_ms: int) -> None:
        """Count active time from now on; harmless while counting."""
        with self._lock:
            if self._counted_to_ms is None:
                self._counted_to_ms = at_ms

    def end_count(self, at_ms: int) -> None:
        """Count up to now and no further."""
        with self._lock:
            self._count(at_ms)
            self._counted_to_ms = None

    def take_active_ms(self, now_ms: int) -> int:
        """Give the active time counted since the last take."""
        with self._lock:
            self._count(now_ms)
            taken, self._active_ms = self._active_ms, 0
        return taken

    def _know(self, at_ms: int) -> None:
        self._newest_ms = at_ms if self._newest_ms is None else max(self._newest_ms, at_ms)

    def _count(self, now_ms: int) -> None:
        """Count the stretch that runs up to now; too soon after the last count, it may be over and is left alone."""
        began_ms, counted_ms = self._began_ms, self._counted_to_ms
        if began_ms is not None and counted_ms is not None:
            if began_ms < counted_ms and now_ms - counted_ms <= self.timeout_ms:
                return
            self._add(max(began_ms, counted_ms), min(now_ms, began_ms + self._longest_ms))
        if counted_ms is not None:
            self._counted_to_ms = max(counted_ms, now_ms)

    def _end(self, at_ms: int, last_ms: int) -> None:
        """Count a stretch that is over, with its last second only if input came after what is counted already."""
        if self._began_ms is None:
            return
        latest_ms = self._began_ms + self._longest_ms
        self._know(min(last_ms, latest_ms))
        if self._counted_to_ms is not None and last_ms >= self._counted_to_ms:
            self._add(max(self._began_ms, self._counted_to_ms), min(at_ms, latest_ms))
            self._counted_to_ms = max(self._counted_to_ms, at_ms)

    def _add(self, from_ms: int, to_ms: int) -> None:
        self._active_ms += max(0, to_ms - from_ms)
