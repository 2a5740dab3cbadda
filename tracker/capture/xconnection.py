"""Connections to an X server through python-xlib, with its many failures named."""

import socket
from types import TracebackType
from typing import Final

from Xlib import error
from Xlib.display import Display
from Xlib.protocol.display import Display as BaseDisplay

from tracker.domain.errors import MachineError

X_ERRORS: Final = (error.DisplayError, error.ConnectionClosedError, error.XauthError, error.XError, OSError)
"""What python-xlib raises when the server is away, goes away or refuses."""


class NoDisplayError(MachineError):
    """The X server cannot be reached."""


def open_display(name: str | None) -> Display:
    """Connect to an X server.

    Args:
        name: the display's name, such as ":0"; None takes `DISPLAY`.

    Raises:
        NoDisplayError: it does not answer or does not let us in.
    """
    try:
        display = Display(name)
    except X_ERRORS as failure:
        _close_sockets(failure)
        cause = failure.msg if isinstance(failure, error.DisplayConnectionError) else failure
        raise NoDisplayError(
            f"The X server at {name or 'the default display'} does not answer ({cause}). "
            "Check that the desktop session is still running and start the tracker inside it."
        ) from None
    # python-xlib 0.33 lets RandR's errors take the numbers of BadRequest and BadValue, and then fails to read those.
    display.display.error_classes = dict(error.xerror_class)
    return display


def close_display(display: Display) -> None:
    """Close a connection, whether or not the server is still there."""
    try:
        display.close()
    except X_ERRORS:
        display.display.socket.close()


def _close_sockets(failure: BaseException) -> None:
    # python-xlib 0.33 leaves the sockets of a failed connection open; only its frames still know them.
    cause: BaseException | None = failure
    while cause is not None:
        trace: TracebackType | None = cause.__traceback__
        while trace is not None:
            for value in trace.tb_frame.f_locals.values():
                if isinstance(value, socket.socket):
                    value.close()
                elif isinstance(value, BaseDisplay) and "socket" in vars(value):
                    value.socket.close()
            trace = trace.tb_next
        cause = cause.__context__
