"""What the back ends of macOS share: the login session, and the permission to record the screen."""

import ctypes
import threading
from typing import Any, Final

from tracker.capture.foreign import ForeignFunctions, Load, Signatures

POINTER: Final = ctypes.c_void_p

_SIGNATURES: Final[Signatures] = {
    "CoreGraphics": {
        "CGPreflightScreenCaptureAccess": (ctypes.c_bool, []),
        "CGRequestScreenCaptureAccess": (ctypes.c_bool, []),
        "CGSessionCopyCurrentDictionary": (POINTER, []),
    },
    "CoreFoundation": {"CFRelease": (None, [POINTER])},
}

RECORDING_STEP: Final = (
    "Open System Settings → Privacy & Security → Screen & System Audio Recording, allow Daybook there (or the terminal "
    "that it was started from), then quit Daybook and start it again: macOS tells only a new process of the permission."
)


class ScreenRecording:
    """The permission to record the screen.

    Without it macOS 15 hands out a picture of the wallpaper, and window lists without titles, as if all were well; so
    nothing may be believed before `is_granted` has said yes. It is asked for at most once a process, and only after
    that has said no: macOS shows its question the first time and lists Daybook in its settings from then on.

    Args:
        load: gives a framework by its name.
    """

    def __init__(self, load: Load) -> None:
        self._call = ForeignFunctions(_SIGNATURES, load)
        self._is_asked = False

    def is_granted(self) -> bool:
        """Whether this process may record the screen, as CGPreflightScreenCaptureAccess says without asking anybody.

        Raises:
            OSError: this macOS cannot be asked.
        """
        return bool(self._call("CGPreflightScreenCaptureAccess"))

    def ask(self) -> None:
        """Have macOS ask the person, without waiting: the call may return only when its question is answered."""
        if not self._is_asked:
            self._is_asked = True
            threading.Thread(target=self._request, name="daybook-permission", daemon=True).start()

    def _request(self) -> None:
        self._call("CGRequestScreenCaptureAccess")


def require_session(load: Load) -> None:
    """Make sure that this process belongs to a login session with a screen, which one of ssh does not.

    Args:
        load: gives a framework by its name.

    Raises:
        OSError: it belongs to none.
    """
    call = ForeignFunctions(_SIGNATURES, load)
    session: Any = call("CGSessionCopyCurrentDictionary")
    if not session:
        raise OSError("this process belongs to no login session with a screen")
    call("CFRelease", session)
