"""The power port: suspension, shutdown and the screen lock, as the system announces them."""

import abc
import enum
from collections.abc import Callable
from typing import NoReturn

from tracker.domain.errors import MachineError


class PowerUnavailableError(MachineError):
    """Nothing is announced now; the text says why and what to do."""


class PowerEvent(enum.Enum):
    """What the system announces."""

    SUSPENDING = "suspending"
    RESUMED = "resumed"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    SHUTTING_DOWN = "shutting_down"


Listener = Callable[[PowerEvent], None]


class PowerWatch(abc.ABC):
    """Tells a listener of power events between `start` and `stop`.

    Events are never required for correctness. Suspension is found from the difference of the boot and monotonic
    clocks too (PRODUCT.md, "Time"), and a system may suspend, kill or lock without a word; an event only lets the
    tracker commit before, and pause at once instead of at the next tick. So events are hints about a state: one may
    come twice (a desktop that is asked to lock, and then says that it has), late, or without its counterpart.

    Where the system waits for it, suspension and shutdown are held up until the listener has returned, for some
    seconds at most.
    """

    name: str

    @property
    def running(self) -> bool:
        """Whether it is watching now."""
        return False

    @abc.abstractmethod
    def start(self, listener: Listener) -> None:
        """Begin watching; harmless while watching, when the first listener stays.

        What was lost on the way comes back by itself; only where nothing could be watched to begin with, `start` is
        to be called again.

        Args:
            listener: is called in the watch's own thread, for one event at a time. It hears of changes only: how
                things stand at the start, `is_locked` says.

        Raises:
            PowerUnavailableError: nothing is announced here.
        """

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop watching; harmless when stopped. No event comes after it has returned."""

    @abc.abstractmethod
    def problem(self) -> str | None:
        """Say why nothing is announced although it was started, or None."""

    @abc.abstractmethod
    def is_locked(self) -> bool | None:
        """Whether the screen is locked now; None where it cannot be told."""


class NullPower(PowerWatch):
    """A watch of a machine that announces nothing, and says so."""

    name = "null"

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def start(self, listener: Listener) -> NoReturn:  # noqa: ARG002 (it will never hear anything)
        """Refuse.

        Raises:
            PowerUnavailableError: always, with the reason.
        """
        raise PowerUnavailableError(self._reason)

    def stop(self) -> None:
        """Do nothing: it never watched."""

    def problem(self) -> str | None:
        """Say the reason."""
        return self._reason

    def is_locked(self) -> bool | None:
        """Not know."""
        return None
