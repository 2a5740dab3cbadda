"""The seam to the engine: its events become Qt signals in the UI thread, and commands are posted without waiting.

The engine calls back in its own threads. Nothing of Qt is touched there but the emission of a queued signal, and of
several statuses that come while the UI is busy only the newest is shown.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Protocol

from PySide6.QtCore import QObject, Qt, Signal, Slot

from tracker.commands import Answer, Command, GetStatus, Refused, StatusAnswer
from tracker.domain.errors import BugError, TrackerError
from tracker.status import Status

_log = logging.getLogger(__name__)

Then = Callable[[Answer], None]


class EnginePort(Protocol):
    """What the window and the tray need of the engine; every call returns at once."""

    def subscribe(self, listener: Callable[[Status], None]) -> None:
        """Call `listener` in the engine's thread at each tick and each change."""

    def submit(self, command: Command) -> Future[Answer]:
        """Post a command."""

    def begin_log_in(self, server: str) -> Future[Answer]:
        """Open the system's browser to log in at a marketplace; the answer is `Done` or `Refused`."""

    def cancel_log_in(self) -> None:
        """Give up a log-in that is under way."""

    def on_show(self, callback: Callable[[], None]) -> None:
        """Call `callback` in the engine's thread when the window is asked for from outside."""

    def on_quit(self, callback: Callable[[], None]) -> None:
        """Call `callback` in the engine's thread when the engine has ended."""


class Bridge(QObject):
    """Carries statuses and answers to the UI thread, and commands to the engine."""

    status_changed = Signal(object)
    failed = Signal(str)
    succeeded = Signal()
    show_requested = Signal()
    engine_ended = Signal()

    _status_waits = Signal()
    _arrived = Signal(object, object, bool)

    def __init__(self, engine: EnginePort) -> None:
        super().__init__()
        self._engine = engine
        self._lock = threading.Lock()
        self._newest: Status | None = None
        self._is_open = True
        self._status_waits.connect(self._deliver_status, Qt.ConnectionType.QueuedConnection)
        self._arrived.connect(self._deliver_answer, Qt.ConnectionType.QueuedConnection)

    def open(self) -> None:
        """Begin to listen, and ask for the first status."""
        self._engine.on_show(self._show)
        self._engine.on_quit(self._end)
        self._engine.subscribe(self._take)
        self._follow(self._engine.submit(GetStatus()), self._first_status, is_told=False)

    def close(self) -> None:
        """Let nothing more through: the application is ending."""
        self._is_open = False

    def submit(self, command: Command, then: Then | None = None) -> None:
        """Post a command; `then` gets the answer in the UI thread.

        A refusal, and any failure turned into one, is also told by `failed`; everything else by `succeeded`.
        """
        self._follow(self._engine.submit(command), then, is_told=True)

    def log_in(self, server: str, then: Then) -> None:
        """Begin to log in; `then` gets the answer in the UI thread, and nothing else tells of it."""
        self._follow(self._engine.begin_log_in(server), then, is_told=False)

    def cancel_log_in(self) -> None:
        """Give up a log-in that is under way."""
        self._engine.cancel_log_in()

    def _follow(self, future: "Future[Answer]", then: Then | None, *, is_told: bool) -> None:
        def arrived(done: "Future[Answer]") -> None:
            if self._is_open:
                self._arrived.emit(done, then, is_told)

        future.add_done_callback(arrived)

    def _show(self) -> None:
        if self._is_open:
            self.show_requested.emit()

    def _end(self) -> None:
        if self._is_open:
            self.engine_ended.emit()

    def _take(self, status: Status) -> None:
        """Keep the newest status, in the engine's thread."""
        if not self._is_open:
            return
        with self._lock:
            is_announced = self._newest is not None
            self._newest = status
        if not is_announced:
            self._status_waits.emit()

    @Slot()
    def _deliver_status(self) -> None:
        with self._lock:
            status, self._newest = self._newest, None
        if status is not None and self._is_open:
            self.status_changed.emit(status)

    @Slot(object, object, bool)
    def _deliver_answer(self, done: "Future[Answer]", then: Then | None, is_told: bool) -> None:  # noqa: FBT001 (Qt calls slots by position)
        if not self._is_open:
            return
        answer = self._answer(done)
        if is_told:
            if isinstance(answer, Refused):
                self.failed.emit(answer.sentence)
            else:
                self.succeeded.emit()
        if then is not None:
            then(answer)

    def _answer(self, done: "Future[Answer]") -> Answer:
        """Give the future's answer, or what went wrong as a refusal with a sentence."""
        try:
            return done.result()
        except CancelledError:
            return Refused(self.tr("Daybook is ending; this was not done."), TrackerError.exit_code)
        except TrackerError as error:
            return Refused(str(error), error.exit_code)
        except Exception:  # noqa: BLE001 (a bug of ours anywhere below: logged here, told as one)
            _log.exception("a command failed")
            sentence = self.tr(
                "Daybook made a mistake and could not do this. Your time is safe; the log has the details."
            )
            return Refused(sentence, BugError.exit_code)

    def _first_status(self, answer: Answer) -> None:
        if isinstance(answer, StatusAnswer):
            self.status_changed.emit(answer.status)
        elif isinstance(answer, Refused):
            self.failed.emit(answer.sentence)
