"""What tells of input on a desktop that shows none: it says when input began anew, and when it had paused."""

import abc

from tracker.domain.errors import MachineError


class SourceLostError(MachineError):
    """The desktop cannot tell of input, or no longer; the text is the cause alone, to follow upon a colon."""


class Source(abc.ABC):
    """A connection that notes stretches of input; used by one thread, and closed by it."""

    name: str
    """The interface that tells, as the desktop calls it."""
    can_be_blinded: bool
    """Whether video players and calls keep it from noticing that the person is idle."""

    @abc.abstractmethod
    def fileno(self) -> int:
        """Give what to wait on."""

    @abc.abstractmethod
    def handle(self) -> None:
        """Note what has come, without waiting.

        Raises:
            SourceLostError: the desktop went away.
        """

    def wait_ms(self) -> int | None:
        """Give the milliseconds after which to handle even if nothing comes; None for never."""
        return None

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the connection."""
