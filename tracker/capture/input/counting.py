"""A counter on a thread of its own, around a source that a platform supplies."""

import abc
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Protocol

from tracker.capture.input.port import Counts, InputCounter, InputUnavailableError
from wire.words import ActivitySource

_JOIN_S: Final = 2.0


class Source(Protocol):
    """Where input comes from; all but `wake` is called in the counting thread.

    Every method but `wake` raises OSError where the system refuses.
    """

    def open(self) -> None:
        """Begin receiving; may raise InputUnavailableError with the whole sentence."""
        ...

    def wait(self) -> bool:
        """Wait until there may be input, and then a little for more; False once woken."""
        ...

    def read(self) -> Counts:
        """Count what has come since the last read, and let go of it."""
        ...

    def wake(self) -> None:
        """End `wait` for good; from any thread, before, while or after it waits."""
        ...

    def close(self) -> None:
        """Take back what `open` did, also where it failed half-way."""
        ...


class CountingThread(InputCounter):
    """Counts what a source reads.

    A source may belong to the thread that opened it, as queues of Windows do, so all of its life is spent there.

    Args:
        monotonic_ms: reads the monotonic clock, in milliseconds.
    """

    source = ActivitySource.COUNTS

    def __init__(self, monotonic_ms: Callable[[], int]) -> None:
        super().__init__(monotonic_ms)
        self._lock = threading.Lock()
        self._counts = Counts(0, 0, 0)
        self._newest_ms: int | None = None
        self._failure: str | None = None
        self._thread: threading.Thread | None = None
        self._source: Source | None = None

    @abc.abstractmethod
    def _make(self) -> Source:
        """Make a source, not opened yet."""

    @property
    def running(self) -> bool:
        """Whether the counting thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Open a source and begin counting; it receives input when this returns.

        Raises:
            InputUnavailableError: the system refuses it.
        """
        if self.running:
            return
        self.stop()
        opened: Future[None] = Future()
        source = self._make()
        self._source = source
        self._thread = threading.Thread(target=self._run, args=(source, opened), name="daybook-input", daemon=True)
        self._thread.start()
        try:
            opened.result()
        except InputUnavailableError:
            self.stop()
            raise
        except OSError as error:
            self.stop()
            raise InputUnavailableError(self._sentence("Input cannot be counted", error)) from error

    def stop(self) -> None:
        """Stop counting, having counted all that came before."""
        if self._source is not None:
            self._source.wake()
            self._source = None
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

    def _run(self, source: Source, opened: Future[None]) -> None:
        try:
            source.open()
        except BaseException as error:  # noqa: BLE001 (raised again by start)
            opened.set_exception(error)
            source.close()
            return
        opened.set_result(None)
        try:
            while source.wait():
                self._add(source.read())
            self._add(source.read())
        except OSError as error:
            self._failure = self._sentence("Input is no longer counted", error)
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

    def _sentence(self, what: str, error: OSError) -> str:
        return (
            f"{what}: the system does not give it ({error}). "
            "Start Daybook inside your own desktop session; counting resumes when the timer starts again."
        )
