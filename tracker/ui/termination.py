"""SIGINT and SIGTERM as a Qt signal: Python's own handlers would wait until Qt's resting loop runs Python again."""

import signal
import socket
from types import FrameType

from PySide6.QtCore import QObject, QSocketNotifier, Signal, Slot

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Termination(QObject):
    """Emits `asked` when the system or a terminal wants the program to end.

    The interpreter writes a byte into a socket when a signal comes (`signal.set_wakeup_fd`), which wakes Qt's loop.
    """

    asked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._old_descriptor = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._old_handlers = {number: signal.signal(number, _note) for number in _SIGNALS}
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._wake)

    def restore(self) -> None:
        """Put back what was there before."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._old_descriptor)
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    @Slot()
    def _wake(self) -> None:
        numbers = self._reader.recv(64)
        if any(number in _SIGNALS for number in numbers):
            self.asked.emit()


def _note(_number: int, _frame: FrameType | None) -> None:
    """Take the signal, so that it does not end the program; the wake-up byte does the rest."""
