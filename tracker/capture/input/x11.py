"""Input under X11: XInput2 raw events, counted and forgotten."""

import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Final

from Xlib.ext import xinput
from Xlib.protocol import rq

from tracker.capture.input.port import Counts, InputCounter, InputUnavailableError
from tracker.capture.xconnection import X_ERRORS, NoDisplayError, close_display, open_display
from wire.words import ActivitySource

# Since XInput 2.1 raw events come while another client holds a grab (an open menu, a full-screen game); a client that
# announces 2.0, as python-xlib's own call does, misses all input then (XI2proto.txt, "RawEvent").
_XI_VERSION: Final = (2, 1)
_DETAIL_OFFSET: Final = 6  # of a raw event's undecoded data: the key or button, uint32 (XI2proto.txt, "RawEvent")
_SCROLL_BUTTONS: Final = frozenset({4, 5, 6, 7})
_JOIN_S: Final = 2.0
# Typing is read ten times a second, not at every key: it halves the cost, and finer times are of no use to anyone.
_GATHER_MS: Final = 100


class X11Input(InputCounter):
    """Counts raw key and button presses of all master devices on a thread with its own connection.

    Raw events are exact in bursts and come once for a held key. Motion is not subscribed to: it would cost 3–4 % of a
    core, and `idle` looks at the pointer itself.

    Args:
        monotonic_ms: reads the monotonic clock, in milliseconds.
        display: the display's name, such as ":0"; None takes `DISPLAY`.
    """

    name = "x11"
    source = ActivitySource.COUNTS

    def __init__(self, monotonic_ms: Callable[[], int], display: str | None = None) -> None:
        super().__init__(monotonic_ms)
        self._display = display
        self._lock = threading.Lock()
        self._counts = Counts(0, 0, 0)
        self._newest_ms: int | None = None
        self._failure: str | None = None
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None

    @property
    def running(self) -> bool:
        """Whether the counting thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Select raw events and begin counting; the server has accepted the selection when this returns.

        Raises:
            InputUnavailableError: no X server answers, or it is older than XInput 2.1.
        """
        if self.running:
            return
        self.stop()
        try:
            source = _RawEvents(self._display)
        except NoDisplayError as error:
            raise InputUnavailableError(f"Input cannot be counted. {error}") from error
        self._failure = None
        self._wake, woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, args=(source, woken), name="daybook-input", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop counting, having counted all that the server had seen before."""
        if self._wake is not None:
            self._wake.close()
            self._wake = None
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            self._thread = None
        self._failure = None

    def take(self) -> Counts:
        """Give the counts since the last take and begin again at zero."""
        with self._lock:
            taken, self._counts = self._counts, Counts(0, 0, 0)
        return taken

    def newest_ms(self) -> int | None:
        """Monotonic milliseconds of the newest key press, click or scroll ever counted."""
        with self._lock:
            return self._newest_ms

    def problem(self) -> str | None:
        """Say what ended the counting thread, or None."""
        if self._thread is None or self._thread.is_alive():
            return None
        return self._failure or "Input is no longer counted because of an error in the tracker; start the timer again."

    def _run(self, source: "_RawEvents", woken: socket.socket) -> None:
        with woken:
            try:
                self._add(source.read())
                while source.wait(woken):
                    self._add(source.read())
                source.catch_up()
                self._add(source.read())
            except X_ERRORS as error:
                self._failure = (
                    f"Input is no longer counted: the X server went away ({error}). "
                    "Check that the desktop session is still running; counting resumes when the timer starts again."
                )
            finally:
                source.close()

    def _add(self, new: Counts) -> None:
        if not (new.keys or new.clicks or new.scrolls):
            return
        now_ms = self._monotonic_ms()
        with self._lock:
            old = self._counts
            self._counts = Counts(old.keys + new.keys, old.clicks + new.clicks, old.scrolls + new.scrolls)
            self._newest_ms = now_ms


class _RawEvents:
    """A connection that receives raw key and button presses and forgets them as it counts them."""

    def __init__(self, display: str | None) -> None:
        self._display = open_display(display)
        try:
            self._select()
        except X_ERRORS as error:
            close_display(self._display)
            raise InputUnavailableError(f"Input cannot be counted: the X server refused it ({error}).") from error
        except InputUnavailableError:
            close_display(self._display)
            raise

    def wait(self, woken: socket.socket) -> bool:
        """Wait for events, and then a little for more; False once the other end of `woken` was closed."""
        stopped = select.poll()
        stopped.register(woken, select.POLLIN)
        either = select.poll()
        either.register(woken, select.POLLIN)
        either.register(self._display.fileno(), select.POLLIN)
        either.poll()
        return not stopped.poll(_GATHER_MS)

    def catch_up(self) -> None:
        """Make sure that all input which the server has seen so far has arrived."""
        self._display.sync()

    def read(self) -> Counts:
        """Count what has arrived and let go of it, the receive buffer too."""
        keys = clicks = scrolls = 0
        for _ in range(self._display.pending_events()):
            event = self._display.next_event()
            # Others, such as a changed keyboard layout, come unasked and have no evtype.
            match getattr(event, "evtype", None):
                case xinput.RawKeyPress:
                    keys += 1
                case xinput.RawButtonPress if _button(event) in _SCROLL_BUTTONS:
                    scrolls += 1
                case xinput.RawButtonPress:
                    clicks += 1
        self._forget()
        return Counts(keys, clicks, scrolls)

    def close(self) -> None:
        """Close the connection."""
        close_display(self._display)

    def _forget(self) -> None:
        # python-xlib keeps the whole last read, key codes and all, behind an empty view until the next one arrives.
        core = self._display.display
        core.data_recv = core.data_recv[:]

    def _select(self) -> None:
        display = self._display
        if not display.has_extension(xinput.extname):
            raise InputUnavailableError("Input cannot be counted: the X server has no XInput extension; update it.")
        refusals: list[object] = []
        display.set_error_handler(lambda error, _request: refusals.append(error))
        major, minor = _XI_VERSION
        answer = xinput.XIQueryVersion(
            display=display.display,
            opcode=display.display.get_extension_major(xinput.extname),
            major_version=major,
            minor_version=minor,
        )
        if (answer.major_version, answer.minor_version) < _XI_VERSION:
            raise InputUnavailableError("Input cannot be counted: the X server is older than XInput 2.1; update it.")
        # Every device's events reach its master once; selecting on all devices would count each twice.
        mask = xinput.RawKeyPressMask | xinput.RawButtonPressMask
        display.screen().root.xinput_select_events([(xinput.AllMasterDevices, mask)])
        display.sync()
        if refusals:
            raise InputUnavailableError(
                f"Input cannot be counted: the X server does not allow it ({refusals[0]}). "
                "A security policy of this desktop may forbid it; ask its administrator."
            )


def _button(event: rq.Event) -> int:
    (button,) = struct.unpack_from("=I", event.data, _DETAIL_OFFSET)
    return int(button)
