"""Input as Wayland compositors tell of it: ext-idle-notify-v1, and the older org_kde_kwin_idle."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tracker.capture.idle.source import Source, SourceLostError
from tracker.capture.idle.stretches import Stretches
from tracker.capture.wlconnection import Wayland, WaylandLostError

_SEAT: Final = "wl_seat"
_EXT: Final = "ext_idle_notifier_v1"
_KDE: Final = "org_kde_kwin_idle"
_INPUT_ALONE_SINCE: Final = 2  # the version of ext_idle_notifier_v1 that can leave inhibitors out
_KDE_TIMEOUT, _EXT_OBEDIENT, _EXT_INPUT_ALONE = 0, 1, 2  # requests for a notification, of one or the other
_IDLED, _RESUMED = 0, 1  # a notification's events, of both


class IdleNotifier(Source):
    """A notification after the time-out of the compositor's first seat.

    Where the compositor can leave inhibitors out of it, it is asked to. The older ways obey them: while a video plays,
    they tell neither of idleness nor of input that ends it (seen with sway 1.7 and KWin 5.27).

    Args:
        path: of the compositor's socket.
        stretches: where to note.
        monotonic_ms: reads the monotonic clock, in milliseconds.
        woken: readable once the thread is to stop.

    Raises:
        SourceLostError: nobody answers there, or the compositor cannot tell of input.
    """

    def __init__(self, path: Path, stretches: Stretches, monotonic_ms: Callable[[], int], woken: socket.socket) -> None:
        self._stretches = stretches
        self._monotonic_ms = monotonic_ms
        try:
            self._wayland = Wayland(path, monotonic_ms, woken)
        except WaylandLostError as error:
            raise SourceLostError(f"the Wayland compositor does not answer ({error}).") from None
        try:
            self._notification = self._ask()
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
            for event in self._wayland.events():
                if event.sender == self._notification:
                    note = {_IDLED: self._stretches.idled, _RESUMED: self._stretches.resumed}[event.number]
                    note(self._monotonic_ms())
        except (WaylandLostError, KeyError) as error:
            raise SourceLostError(f"the Wayland compositor went away ({error}).") from None

    def close(self) -> None:
        """Close the connection, which destroys the notification."""
        self._wayland.close()

    def _ask(self) -> int:
        offers, timeout_ms = self._wayland.offers, self._stretches.timeout_ms
        if _SEAT not in offers or not {_EXT, _KDE} & offers.keys():
            raise SourceLostError(f"this compositor offers neither {_EXT} nor {_KDE}.")
        is_ext = _EXT in offers
        is_input_alone = is_ext and offers[_EXT].version >= _INPUT_ALONE_SINCE
        self.name, self.can_be_blinded = _EXT if is_ext else _KDE, not is_input_alone
        # Objects must be numbered in the order of the requests that make them.
        seat = self._wayland.bind(_SEAT, 1)
        notifier = self._wayland.bind(self.name, _INPUT_ALONE_SINCE if is_input_alone else 1)
        notification = self._wayland.new_id()
        if is_ext:
            request = _EXT_INPUT_ALONE if is_input_alone else _EXT_OBEDIENT
            self._wayland.request(notifier, request, notification, timeout_ms, seat)
        else:
            self._wayland.request(notifier, _KDE_TIMEOUT, notification, seat, timeout_ms)
        self._stretches.asked(self._monotonic_ms(), can_be_blinded=self.can_be_blinded)
        self._wayland.settle()
        return notification
