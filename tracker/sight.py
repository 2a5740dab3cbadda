"""What can be seen on the screen at a snapshot, held to the person's exclusion rules."""

from dataclasses import dataclass

from tracker.capture.window.port import WindowList, WindowsUnavailableError
from tracker.domain.exclusion import is_excluded
from tracker.exclusions import Exclusions
from wire.diary import APPLICATION_LIMIT, TITLE_LIMIT, ActiveWindow


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the windows.

    Args:
        is_excluded: whether a window that a rule names can be seen.
        is_certain: whether that could be found out; without rules there is nothing to find out.
        active: the window with the keyboard, where it was asked for and could be found.
    """

    is_excluded: bool
    is_certain: bool
    active: ActiveWindow | None


class Sight:
    """Looks at the windows, and only as far as somebody needs it: without rules and titles not at all.

    Args:
        windows: lists what can be seen.
        exclusions: the person's rules.
    """

    def __init__(self, windows: WindowList, exclusions: Exclusions) -> None:
        self._windows = windows
        self._exclusions = exclusions

    def look(self, *, asks_title: bool) -> Seen:
        """Look once.

        Args:
            asks_title: whether the contract's policy sends window titles.
        """
        rules = self._exclusions.rules
        if not rules and not asks_title:
            return Seen(is_excluded=False, is_certain=True, active=None)
        try:
            windows = self._windows.visible()
        except WindowsUnavailableError:  # `daybook doctor` says why; with rules the person is asked about the picture
            return Seen(is_excluded=False, is_certain=not rules, active=None)
        active = next((one for one in windows if one.is_active), None) if asks_title else None
        return Seen(
            is_excluded=is_excluded(rules, ((one.application, one.title) for one in windows)),
            is_certain=True,
            active=None
            if active is None
            else ActiveWindow(
                application=_sendable(active.application, APPLICATION_LIMIT), title=_sendable(active.title, TITLE_LIMIT)
            ),
        )

    def applications(self) -> tuple[str, ...] | None:
        """Give the names of the applications that can be seen now, to write rules with; None where that cannot be."""
        try:
            names = {one.application for one in self._windows.visible()}
        except WindowsUnavailableError:
            return None
        return tuple(sorted(names - {""}, key=str.casefold))


def _sendable(text: str, limit: int) -> str:
    """Cut a name to what the diary takes; halves of characters, which Windows allows in titles, are no text."""
    return text.encode("utf-8", "replace").decode()[:limit]
