"""Screens on Windows 10 and later, through mss (GDI); written from its documentation, unproven on Windows.

It relies on what Microsoft documents: a thread's DPI awareness decides whether coordinates are real pixels
(SetThreadDpiAwarenessContext; per-monitor v2 came with Windows 10 1703), and a desktop object says whether it is the
one that the person sees (GetUserObjectInformation, UOI_IO). A window that forbids its capture
(SetWindowDisplayAffinity, protected video) is black in the picture; where that is all of it, it is blank.
"""

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from typing import Any, Final

from tracker.capture.foreign import BOOL, DWORD, HANDLE, ForeignFunctions, Load, Signatures, last_error, load_dll
from tracker.capture.screen.port import Frame, Screen, ScreenUnavailableError

# DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE_V2 (Windows 10 1703), and its forerunner, which differs for windows alone.
_PER_MONITOR_AWARE: Final = (-4, -3)
_UOI_IO: Final = 6

SIGNATURES: Final[Signatures] = {
    "kernel32": {"GetCurrentThreadId": (DWORD, [])},
    "user32": {
        "GetThreadDesktop": (HANDLE, [DWORD]),
        "GetUserObjectInformationW": (
            BOOL,
            [HANDLE, ctypes.c_int, ctypes.c_void_p, DWORD, ctypes.POINTER(DWORD)],
        ),
        "SetThreadDpiAwarenessContext": (HANDLE, [HANDLE]),
    },
}


def open_mss() -> Any:
    """Open mss, which costs 41 ms to import and is first needed at the first snapshot."""
    import mss  # noqa: PLC0415

    return mss.MSS()


class WindowsScreen(Screen):
    """All monitors of the session, one after the other.

    Real pixels are asked for by the grabbing thread alone and given back after: the process's own awareness belongs
    to Qt, which sets it once for its windows. Without it Windows would hand out a scaled-down desktop.

    Args:
        load: gives a library by its name.
        open_handle: opens mss.
        error_number: gives the calling thread's last error.
    """

    name = "windows"

    def __init__(
        self,
        load: Load = load_dll,
        open_handle: Callable[[], Any] = open_mss,
        error_number: Callable[[], int] = last_error,
    ) -> None:
        self._call = ForeignFunctions(SIGNATURES, load)
        self._open = open_handle
        self._error_number = error_number

    def grab(self) -> tuple[Frame, ...]:
        """Take one picture of every monitor, as long as the person's own desktop is the one shown.

        Raises:
            ScreenUnavailableError: the screen is locked, Windows asks for an administrator's consent, or it refuses.
        """
        from mss.exception import ScreenShotError  # noqa: PLC0415 (as in open_mss)

        try:
            self._require_own_desktop()
            with self._real_pixels(), self._open() as handle:
                frames = tuple(
                    Frame(index, shot.width, shot.height, memoryview(shot.raw).toreadonly())
                    for index, shot in enumerate(map(handle.grab, handle.monitors[1:]))
                )
            self._require_own_desktop()  # a lock or a prompt that came meanwhile leaves black or old pixels
        except (ScreenShotError, OSError) as error:
            cause = str(error).strip().rstrip(".")
            raise ScreenUnavailableError(
                f"No picture can be taken: Windows does not give one ({cause}). "
                "If this is a remote session, keep its window open; otherwise log in at the screen again."
            ) from error
        if not frames:
            raise ScreenUnavailableError("No picture can be taken: no monitor is connected. Connect one.")
        return frames

    def _require_own_desktop(self) -> None:
        """Make sure that the desktop of this thread is the one that receives input.

        While it is another, the lock screen, the screen saver or a prompt for consent is shown, on a desktop that
        only Windows itself can read.
        """
        desktop = self._call("GetThreadDesktop", self._call("GetCurrentThreadId"))
        shown, needed = BOOL(), DWORD()
        words = ctypes.byref(shown), ctypes.sizeof(shown), ctypes.byref(needed)
        if not self._call("GetUserObjectInformationW", desktop, _UOI_IO, *words):
            raise OSError(f"GetUserObjectInformation, error {self._error_number()}")
        if not shown.value:
            raise ScreenUnavailableError(
                "No picture can be taken: Windows shows its secure desktop, where the screen is locked or a program "
                "asks for an administrator's consent. Unlock the screen or answer the prompt."
            )

    @contextlib.contextmanager
    def _real_pixels(self) -> Iterator[None]:
        tried = (self._call("SetThreadDpiAwarenessContext", aware) for aware in _PER_MONITOR_AWARE)
        before = next((answer for answer in tried if answer), None)
        if before is None:
            raise ScreenUnavailableError(
                "No picture can be taken: Windows does not give the screen's real pixels here "
                f"(SetThreadDpiAwarenessContext, error {self._error_number()}). Update to Windows 10 1809 or later."
            )
        try:
            yield
        finally:
            self._call("SetThreadDpiAwarenessContext", before)
