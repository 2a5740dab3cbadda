"""The screen port: all monitors at one instant, at real pixels, or a sentence saying why not."""

import abc
from dataclasses import dataclass
from typing import NoReturn

from tracker.domain.errors import MachineError


class ScreenUnavailableError(MachineError):
    """No picture can be taken now; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One monitor's raw picture.

    It lives only between the grab and the encoder and is never written anywhere.

    Args:
        monitor: the monitor's index, from 0, in the order the desktop names them.
        width: real pixels.
        height: real pixels.
        bgrx: blue, green, red and one meaningless byte a pixel, row by row from the top left, without padding.
    """

    monitor: int
    width: int
    height: int
    bgrx: memoryview | bytes


class Screen(abc.ABC):
    """Grabs all monitors.

    A back end holds nothing between two grabs, so a display that went away costs one error, and the next grab after
    its return works. It does not judge what it saw: `picture.is_blank` does.
    """

    name: str
    via: str | None = None
    """The way that the last picture came, where the desktop has several."""

    @abc.abstractmethod
    def grab(self) -> tuple[Frame, ...]:
        """Take one picture of every monitor; never an empty tuple.

        Raises:
            ScreenUnavailableError: the screen cannot be read now.
        """

    def ask(self) -> tuple[Frame, ...]:
        """Take one while the person is there to agree, where the desktop asks whether Daybook may.

        It can wait a minute for the answer, so nothing that must go on may wait for it.

        Raises:
            ScreenUnavailableError: the screen cannot be read now, or the person refused.
        """
        return self.grab()


class NullScreen(Screen):
    """The screen of a machine where no picture can be taken; every grab says the same reason."""

    name = "null"

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def grab(self) -> NoReturn:
        """Refuse.

        Raises:
            ScreenUnavailableError: always, with the reason.
        """
        raise ScreenUnavailableError(self._reason)
