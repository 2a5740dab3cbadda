"""Screens under Wayland: several ways to a picture, tried in the order in which they disturb least.

X11's own way is never among them: Xwayland answers it with black (FINDINGS, "Wayland").
"""

import abc
from collections.abc import Callable, Sequence
from typing import Final

from tracker.capture.screen.port import Frame, Screen, ScreenUnavailableError

GRAB_MS: Final = 4_000
"""How long a picture may take: the engine waits for it, and its tick comes every five seconds."""
ASK_MS: Final = 60_000
"""How long the desktop may wait for the person's answer."""


class NoWayError(Exception):
    """A way gives no picture now.

    Args:
        cause: why, as it stands after "because".
        remedy: what the person can do, a sentence; None where another way's serves better.
        is_final: no other way will do any better, as when the desktop itself is gone.
    """

    def __init__(self, cause: str, remedy: str | None = None, *, is_final: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.is_final = is_final


class Way(abc.ABC):
    """One way to a picture; it holds no connection between two pictures."""

    name: str

    @abc.abstractmethod
    def take(self, within_ms: int) -> tuple[Frame, ...]:
        """Take one picture of every monitor, without asking the person anything where that can be helped.

        Raises:
            NoWayError: it gives none now.
        """

    def ask(self, within_ms: int) -> tuple[Frame, ...]:
        """Take one while the person is there to agree; raises as `take` does."""
        return self.take(within_ms)


class WaylandScreen(Screen):
    """All monitors of a Wayland desktop, through the first way that works.

    Args:
        ways: in their order.
        monotonic_ms: reads the monotonic clock, in milliseconds.
        remedy: what to do where no way has a better word.
    """

    name = "wayland"

    def __init__(self, ways: Sequence[Way], monotonic_ms: Callable[[], int], remedy: str) -> None:
        self._ways = tuple(ways)
        self._monotonic_ms = monotonic_ms
        self._remedy = remedy

    def grab(self) -> tuple[Frame, ...]:
        """Take one picture of every monitor.

        Raises:
            ScreenUnavailableError: no way works; the sentence has the reason of each.
        """
        return self._first(GRAB_MS, lambda way, left_ms: way.take(left_ms))

    def ask(self) -> tuple[Frame, ...]:
        """Take one picture, waiting for the person where the desktop asks whether Daybook may.

        Raises:
            ScreenUnavailableError: no way works, or the person refused.
        """
        return self._first(ASK_MS, lambda way, left_ms: way.ask(left_ms))

    def _first(self, within_ms: int, take: Callable[[Way, int], tuple[Frame, ...]]) -> tuple[Frame, ...]:
        deadline_ms = self._monotonic_ms() + within_ms
        failures: list[NoWayError] = []
        self.via = None
        for way in self._ways:
            try:
                frames = take(way, deadline_ms - self._monotonic_ms())
            except NoWayError as error:
                failures.append(error)
                if error.is_final:
                    break
            else:
                self.via = way.name
                return frames
        remedies = [error.remedy for error in failures if error.remedy]
        *first, last = [error.cause for error in failures]
        causes = f"{', '.join(first)}, and {last}" if first else last
        raise ScreenUnavailableError(f"No picture can be taken: {causes}. {(remedies or [self._remedy])[-1]}")
