"""The input port: how many key presses, clicks and scrolls there were, and never which."""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from tracker.domain.errors import MachineError
from wire.words import ActivitySource


class InputUnavailableError(MachineError):
    """Input cannot be counted now; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Presses since the last look. A key held down is one press; every notch of a wheel is one scroll.

    Where presses cannot be counted they are 0, and `active_ms` is the time with input: each makes the second from it
    on active.
    """

    keys: int
    clicks: int
    scrolls: int
    active_ms: int = 0


class InputCounter(abc.ABC):
    """Counts input between `start` and `stop`; where `source` is active seconds, only how long there was any.

    Nothing but the counts and the time of the newest event outlives the callback that counts it: no key code,
    character, order or time between keys (PRODUCT.md, "Snapshots and privacy"). Counts that were not taken survive
    `stop` and a restart, so that a back end that dies and is started again loses nothing.

    Args:
        monotonic_ms: reads the monotonic clock, in milliseconds.
    """

    name: str
    source: ActivitySource
    reports = "The desktop reports key presses, clicks and scrolls; only their number is kept."
    """What the person is told where it works."""

    def __init__(self, monotonic_ms: Callable[[], int]) -> None:
        self._monotonic_ms = monotonic_ms

    @property
    def running(self) -> bool:
        """Whether it is counting now."""
        return False

    @abc.abstractmethod
    def start(self) -> None:
        """Begin counting; harmless while counting, and starts again after a death.

        Raises:
            InputUnavailableError: input cannot be counted.
        """

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop counting, having counted all that came before; harmless when stopped."""

    @abc.abstractmethod
    def take(self) -> Counts:
        """Give the counts since the last take and begin again at zero."""

    @abc.abstractmethod
    def newest_ms(self) -> int | None:
        """Monotonic milliseconds of the newest event ever counted, or None before the first."""

    @abc.abstractmethod
    def problem(self) -> str | None:
        """Say what ended the counting or hides input from it, else None, also while stopped; `start` tries again."""

    def limit(self) -> str | None:
        """Say what this system hides from the counter and what to do about it, or None."""
        return None


class NullInput(InputCounter):
    """Input of a machine where nothing can be counted; it says so and its source is *none*."""

    name = "null"
    source = ActivitySource.NONE

    def __init__(self, reason: str) -> None:
        super().__init__(lambda: 0)
        self._reason = reason

    def start(self) -> NoReturn:
        """Refuse.

        Raises:
            InputUnavailableError: always, with the reason.
        """
        raise InputUnavailableError(self._reason)

    def stop(self) -> None:
        """Do nothing: it never counted."""

    def take(self) -> Counts:
        """Give zeros."""
        return Counts(0, 0, 0)

    def newest_ms(self) -> int | None:
        """Know of no event."""
        return None

    def problem(self) -> str | None:
        """Say the reason."""
        return self._reason
