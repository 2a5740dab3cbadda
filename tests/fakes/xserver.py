"""A real X server of a test's own: it can be painted, typed at, killed and brought back."""

import os
import subprocess
from collections.abc import Callable

from Xlib import X
from Xlib.display import Display
from Xlib.ext import randr, xtest
from Xlib.protocol import rq

from stage.processes import program
from stage.waiting import until
from tracker.capture.xconnection import NoDisplayError, close_display, open_display

A_KEY = 38  # the keycode of "a" on a US keyboard


class XServer:
    """Xvfb with one connection of the test's own, through which it draws and injects input (XTEST).

    Args:
        width: of the whole screen, in pixels.
        height: likewise.
    """

    def __init__(self, width: int = 320, height: int = 240) -> None:
        self.width = width
        self.height = height
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Display | None = None
        reader, writer = os.pipe()
        with os.fdopen(reader) as answer:
            self._start("-displayfd", str(writer), pass_fds=[writer])
            os.close(writer)
            self.display = f":{answer.readline().strip()}"
        self._connect()

    @property
    def connection(self) -> Display:
        assert self._connection is not None
        return self._connection

    def kill(self) -> None:
        """End the server as a crash would."""
        if self._connection is not None:
            self._connection.display.socket.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def revive(self) -> None:
        """Start a new server under the same name."""
        self._start(self.display)
        until(self._answers, f"an X server at {self.display}", poll_s=0.01)
        self._connect()

    def close(self) -> None:
        """End the server so that it removes its lock and socket."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def fill(self, rgb: int, left: int = 0, top: int = 0, width: int | None = None, height: int | None = None) -> None:
        """Paint a rectangle of the root window in one colour, 0xRRGGBB."""
        root = self.connection.screen().root
        pen = root.create_gc(foreground=rgb, subwindow_mode=X.IncludeInferiors)
        root.fill_rectangle(pen, left, top, width or self.width, height or self.height)
        pen.free()
        self.connection.sync()

    def split(self) -> None:
        """Make the left and the right half two monitors (RandR 1.5)."""
        self._add_monitor("left", 0, self.width // 2, outputs=_outputs(self.connection))
        self._add_monitor("right", self.width // 2, self.width - self.width // 2, outputs=[])
        self.connection.sync()

    def key(self, times: int = 1, *, codes: tuple[int, ...] = (A_KEY,)) -> None:
        """Press and release keys, in turn."""
        self._each(times, lambda n: self._tap(X.KeyPress, codes[n % len(codes)]))

    def button(self, number: int, times: int = 1) -> None:
        """Press and release a pointer button; 4–7 are the wheel."""
        self._each(times, lambda _: self._tap(X.ButtonPress, number))

    def hold_key(self, code: int = A_KEY) -> None:
        """Press a key and leave it down."""
        xtest.fake_input(self.connection, X.KeyPress, code)
        self.connection.sync()

    def release_key(self, code: int = A_KEY) -> None:
        """Let it go."""
        xtest.fake_input(self.connection, X.KeyRelease, code)
        self.connection.sync()

    def point(self, left: int, top: int) -> None:
        """Move the pointer there."""
        xtest.fake_input(self.connection, X.MotionNotify, x=left, y=top)
        self.connection.sync()

    def _each(self, times: int, act: Callable[[int], None]) -> None:
        for n in range(times):
            act(n)
            if n % 100 == 99:
                self.connection.flush()
        self.connection.sync()

    def _tap(self, press: int, detail: int) -> None:
        xtest.fake_input(self.connection, press, detail)
        xtest.fake_input(self.connection, press + 1, detail)  # X11 numbers a release one above its press

    def _start(self, *words: str, pass_fds: list[int] | None = None) -> None:
        # Without -noreset the server would forget its monitors whenever the last connection closes.
        command = [program("Xvfb"), *words, "-screen", "0", f"{self.width}x{self.height}x24", "-noreset"]
        self._process = subprocess.Popen(
            [*command, "-nolisten", "tcp"],
            pass_fds=pass_fds or [],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _connect(self) -> None:
        self._connection = Display(self.display)
        # Extensions are looked up on first use; a test's first key must not be late for that.
        assert self._connection.has_extension(xtest.extname)

    def _answers(self) -> bool:
        try:
            close_display(open_display(self.display))
        except NoDisplayError:
            return False
        return True

    def _add_monitor(self, name: str, left: int, width: int, *, outputs: list[int]) -> None:
        _SetMonitor(
            display=self.connection.display,
            opcode=self.connection.display.get_extension_major(randr.extname),
            window=self.connection.screen().root.id,
            name=self.connection.intern_atom(name),
            primary=False,
            automatic=False,
            x=left,
            y=0,
            width_in_pixels=width,
            height_in_pixels=self.height,
            width_in_mm=width,
            height_in_mm=self.height,
            outputs=outputs,
        )


def _outputs(display: Display) -> list[int]:
    return list(display.screen().root.xrandr_get_screen_resources().outputs)


class _SetMonitor(rq.Request):
    """RRSetMonitor (RandR 1.5), which python-xlib lacks."""

    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(43),
        rq.RequestLength(),
        rq.Card32("window"),
        rq.Card32("name"),
        rq.Bool("primary"),
        rq.Bool("automatic"),
        rq.LengthOf("outputs", 2),
        rq.Int16("x"),
        rq.Int16("y"),
        rq.Card16("width_in_pixels"),
        rq.Card16("height_in_pixels"),
        rq.Card32("width_in_mm"),
        rq.Card32("height_in_mm"),
        rq.List("outputs", rq.Card32Obj),
    )
