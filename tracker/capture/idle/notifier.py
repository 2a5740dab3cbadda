"""Input as Wayland compositors tell of it: ext-idle-notify-v1, and the older org_kde_kwin_idle."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tracker.capture.idle.source import Source, SourceLostError
from tracker.capture.idle.stretches import Stretches
from tracker.capture.wayland import Arguments, Wayland, WaylandLostError

_SEAT: Final = "wl_seat"
_EXT: Final = "ext_idle_notifier_v1"
_KDE: Final = "org_kde_kwin_idle"
_INPUT_ALONE_SINCE: Final = 2  # the version of ext_idle_notifier_v1 that can leave inhibitors out
_KDE_TIMEOUT, _EXT_OBEDIENT, _EXT_INPUT_ALONE = 0, 1, 2  # requests for a notification, of one or the other
_ANSWER_MS: Final = 2_000


class IdleNotifier(Source):
    """A notification after the time-out of the compositor's first seat.

    Where the compositor can leave inhibitors out of it, it is asked to. The older ways obey them: while a video plays,
    they tell neither of idleness nor of input that ends it (seen with sway 1.7 and KWin 5.27).

    Args:
        path: of the compositor's socket.
        stretches: where to note.
        monotonic_ms: reads the monotonic clock, in milliseconds.
        woken: what every source is given; connecting has a deadline of its own.

    Raises:
        SourceLostError: nobody answers there, or the compositor cannot tell of input.
    """

    def __init__(
        self,
        path: Path,
        stretches: Stretches,
        monotonic_ms: Callable[[], int],
        woken: socket.socket,  # noqa: ARG002 (every source is given it)
    ) -> None:
        self._stretches = stretches
        self._monotonic_ms = monotonic_ms
        try:
            self._wayland = Wayland(path, monotonic_ms, monotonic_ms() + _ANSWER_MS)
        except WaylandLostError as error:
            raise SourceLostError(f"the Wayland compositor does not answer ({error}).") from None
        try:
            self._ask()
        except WaylandLostError as error:
            self.close()
            raise SourceLostError(f"the Wayland compositor went away ({error}).") from None
        except SourceLostError:
            self.close()
            raise

    def fileno(self) -> int:
        """Give the connection."""
        return self._wayland.fileno()

    def handle(self) -> None:
        """Note what has come."""
        try:
            self._wayland.take()
        except WaylandLostError as error:
            raise SourceLostError(f"the Wayland compositor went away ({error}).") from None

    def close(self) -> None:
        """Close the connection, which destroys the notification."""
        self._wayland.close()

    def _hear(self, opcode: int, _arguments: Arguments) -> None:
        match opcode:
            case 0:
                self._stretches.idled(self._monotonic_ms())
            case 1:
                self._stretches.resumed(self._monotonic_ms())
            case _:
                raise WaylandLostError("it sent an event that a notification has not")

    def _ask(self) -> None:
        wayland, timeout_ms = self._wayland, self._stretches.timeout_ms
        seats, notifiers = wayland.offers(_SEAT), [*wayland.offers(_EXT), *wayland.offers(_KDE)]
        if not seats or not notifiers:
            raise SourceLostError(f"this compositor offers neither {_EXT} nor {_KDE}.")
        best = notifiers[0]
        is_input_alone = best.interface == _EXT and best.version >= _INPUT_ALONE_SINCE
        self.name, self.can_be_blinded = best.interface, not is_input_alone
        # Objects must be numbered in the order of the requests that make them.
        seat = wayland.bind(seats[0], 1)
        notifier = wayland.bind(best, _INPUT_ALONE_SINCE if is_input_alone else 1)
        notification = wayland.new(self._hear)
        self._stretches.asked(self._monotonic_ms(), can_be_blinded=self.can_be_blinded)
        if best.interface == _EXT:
            request = _EXT_INPUT_ALONE if is_input_alone else _EXT_OBEDIENT
            wayland.send(notifier, request, notification, timeout_ms, seat)
        else:
            wayland.send(notifier, _KDE_TIMEOUT, notification, seat, timeout_ms)
        wayland.roundtrip()
