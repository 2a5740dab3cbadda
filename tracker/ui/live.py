"""The newest status and how long ago it came, by a monotonic clock, with a beat at each second that is watched."""

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal, Slot

from tracker.domain.session import Phase
from tracker.status import Status

_SECOND_MS = 1000


class LiveStatus(QObject):
    """Keeps the status; `changed` tells of a new one, `beat` of each full second of its clock while watched.

    A status that comes a few milliseconds early must not turn the clock back by a second: a step back of less than one
    is taken out by letting the shown time run on from where it was.
    """

    changed = Signal()
    beat = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._status: Status | None = None
        self._since = QElapsedTimer()
        self._ahead_ms = 0
        self._watchers: set[str] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._strike)

    @property
    def status(self) -> Status | None:
        """The newest status, None before the first."""
        return self._status

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the status came."""
        return self._ahead_ms + self._since.elapsed() if self._since.isValid() else 0

    @Slot(object)
    def take(self, status: Status) -> None:
        """Take a new status."""
        self._ahead_ms = self._step_back(status)
        self._status = status
        self._since.start()
        self.changed.emit()
        self._wind()

    def watch(self, watcher: str, *, is_watching: bool) -> None:
        """Beat while anybody watches; rest where nobody sees a clock, or nothing on it moves."""
        before = bool(self._watchers)
        if is_watching:
            self._watchers.add(watcher)
        else:
            self._watchers.discard(watcher)
        if bool(self._watchers) != before:
            self._wind()

    def _step_back(self, status: Status) -> int:
        old = self._status
        if old is None or old.phase is not Phase.TRACKING or status.phase is not Phase.TRACKING:
            return 0
        if old.contract is None or status.contract is None or old.contract.id != status.contract.id:
            return 0
        back_ms = old.session_ms + self.elapsed_ms - status.session_ms
        return back_ms if 0 < back_ms < _SECOND_MS else 0

    def _wind(self) -> None:
        if not self._watchers or self._status is None:
            self._timer.stop()
            return
        shown_ms = self.elapsed_ms
        if self._status.phase is Phase.TRACKING:
            shown_ms += self._status.session_ms
        self._timer.start(_SECOND_MS - shown_ms % _SECOND_MS)

    @Slot()
    def _strike(self) -> None:
        self.beat.emit()
        self._wind()
