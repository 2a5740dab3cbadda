"""Screens under X11, through mss (XShm)."""

from tracker.capture.screen.port import Frame, Screen, ScreenUnavailableError


class X11Screen(Screen):
    """All monitors of one X display.

    The mss handle is opened and closed around each grab: open it would keep 8 MB resident for the whole day, and it
    would outlive the X server that it talks to.

    Args:
        display: the display's name, such as ":0"; None takes `DISPLAY`.
    """

    name = "x11"

    def __init__(self, display: str | None = None) -> None:
        self._display = display

    def grab(self) -> tuple[Frame, ...]:
        """Take one picture of every monitor that RandR names, or of the whole screen where RandR is missing.

        Raises:
            ScreenUnavailableError: no display answers, or it refuses its picture.
        """
        try:
            # mss and its ctypes bindings cost 41 ms and are first needed at the first snapshot.
            import mss  # noqa: PLC0415
            from mss.exception import ScreenShotError  # noqa: PLC0415
        except (ImportError, OSError) as error:
            raise ScreenUnavailableError(
                f"No picture can be taken because the X client libraries cannot be loaded ({error}); install libxcb."
            ) from error
        try:
            with mss.MSS(display=self._display) as handle:
                monitors = handle.monitors
                return tuple(
                    Frame(index, shot.width, shot.height, memoryview(shot.raw).toreadonly())
                    for index, shot in enumerate(map(handle.grab, monitors[1:] or monitors[:1]))
                )
        # A handle whose server went away fails mss's own bare assertions; a missing libxcb is an OSError.
        except (ScreenShotError, AssertionError, OSError) as error:
            display = self._display or "the default display"
            cause = str(error).strip().rstrip(".") or "the connection broke"
            raise ScreenUnavailableError(
                f"No picture can be taken: the X server at {display} does not give one ({cause}). "
                "Check that the desktop session is still running and start the tracker inside it."
            ) from error
