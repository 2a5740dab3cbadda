"""The idle port: when the last input of any sort was."""

import abc
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Idleness:
    """What a look found.

    Args:
        last_input_ms: monotonic milliseconds of the last input of any sort.
        moved: whether the pointer moved since the previous look; False where the desktop does not tell it from keys.
    """

    last_input_ms: int
    moved: bool


class IdleWatch(abc.ABC):
    """Says when the last input was, each time it is looked at.

    A watch knows input only from its first look on, and that look counts as input, since somebody has just started
    the timer. Of later starts it knows nothing: the session takes the later of its own start and what a look says.
    Video players and inhibitors do not hide idleness (PRODUCT.md, "Time").
    """

    name: str
    reports = "The pointer can be watched, so idleness is noticed."
    """What the person is told where it works."""

    @abc.abstractmethod
    def look(self, now_ms: int) -> Idleness:
        """Look now. Never raises: a watch that cannot see reports the last input that it knew of.

        Args:
            now_ms: the monotonic clock, in milliseconds.
        """

    @abc.abstractmethod
    def problem(self) -> str | None:
        """Try to see, without this counting as a look; say why it cannot be done, or None."""

    def limit(self) -> str | None:
        """Say what this desktop hides from the watch, as far as the last look or examination has shown, or None."""
        return None

    def close(self) -> None:  # noqa: B027 - most watches hold nothing
        """Let go of the display; the next look takes hold of it again."""


class NullIdle(IdleWatch):
    """A watch that cannot see, and claims no input that it has not seen.

    It reports the time of its first look for ever, so the idle limit pauses the timer once it has run that long
    without the person touching the tracker, and the person then says whether to keep the time. Reporting "just now"
    instead would bill absence without anybody noticing, which a record must not do.
    """

    name = "null"

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self._first_ms: int | None = None

    def look(self, now_ms: int) -> Idleness:
        """Report the first look's time and no movement."""
        if self._first_ms is None:
            self._first_ms = now_ms
        return Idleness(self._first_ms, moved=False)

    def problem(self) -> str | None:
        """Say the reason."""
        return self._reason
