"""The window port: which windows can be seen now, so that exclusion rules know what a picture would show."""

import abc
from dataclasses import dataclass
from typing import NoReturn

from tracker.domain.errors import MachineError


class WindowsUnavailableError(MachineError):
    """Windows cannot be listed now; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window that is mapped and not minimised (PRODUCT.md, "Snapshots and privacy"); others may cover it.

    It lives as long as the check that asked for it: only where a contract's policy sends window titles is the active
    one's kept.

    Args:
        application: what the desktop calls its program: the class under X11, the executable's or bundle's name
            elsewhere; empty where it says nothing.
        title: what its title bar says; empty where it says nothing.
        is_active: whether it has the keyboard.
    """

    application: str
    title: str
    is_active: bool = False


class WindowList(abc.ABC):
    """Lists the windows that can be seen.

    A back end holds nothing between two looks. It never leaves out a window that it could not read: what cannot be
    read cannot be held to a rule, so then it raises.
    """

    name: str

    @abc.abstractmethod
    def visible(self) -> tuple[Window, ...]:
        """List every window that is mapped and not minimised, of all workspaces shown and all monitors.

        Raises:
            WindowsUnavailableError: they cannot be listed, or not all of them.
        """


class NullWindows(WindowList):
    """The list of a desktop that shows no program its windows, as most Wayland desktops; it says so.

    With exclusion rules this means no picture, unless the person approves each (PRODUCT.md).
    """

    name = "null"

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def visible(self) -> NoReturn:
        """Refuse.

        Raises:
            WindowsUnavailableError: always, with the reason.
        """
        raise WindowsUnavailableError(self._reason)
