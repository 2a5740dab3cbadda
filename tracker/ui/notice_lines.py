"""Calm lines under the banner: what the person must know or do, and what was just refused."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tracker.ui.labels import sentence
from tracker.ui.theme import MARGIN, SPACE_2, Theme, Tone, TonedFrame


class NoticeLine(TonedFrame):
    """One sentence on an amber or red ground, with a shape before it; red ones can be dismissed."""

    dismissed = Signal()

    def __init__(self, theme: Theme, tone: Tone, text: str) -> None:
        super().__init__(theme, tone)
        mark = sentence()
        mark.setText("✕" if tone is Tone.RED else "▲")
        words = sentence()
        words.setText(text)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(MARGIN, SPACE_2, MARGIN, SPACE_2)
        layout.setSpacing(SPACE_2)
        mark.setFixedWidth(mark.fontMetrics().horizontalAdvance("▲▲"))
        layout.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(words, 1)
        if tone is Tone.RED:
            close = QPushButton(self.tr("OK"))
            close.setProperty("flat", True)
            close.setAccessibleName(self.tr("Dismiss this message"))
            close.clicked.connect(self.dismissed)
            layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)


class NoticeLines(QWidget):
    """The engine's notices, amber, and above them the last refusal, red."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._notices: tuple[str, ...] = ()
        self._lines: list[NoticeLine] = []
        self.failure: NoticeLine | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        self.hide()

    def show_notices(self, notices: tuple[str, ...]) -> None:
        """Show one line a notice."""
        if notices == self._notices:
            return
        self._notices = notices
        for line in self._lines:
            self._layout.removeWidget(line)
            line.deleteLater()
        self._lines = [NoticeLine(self._theme, Tone.AMBER, text) for text in notices]
        for line in self._lines:
            self._layout.addWidget(line)
        self._settle()

    def show_failure(self, text: str) -> None:
        """Show why the last thing asked for was not done."""
        self.clear_failure()
        self.failure = NoticeLine(self._theme, Tone.RED, text)
        self.failure.dismissed.connect(self.clear_failure)
        self._layout.insertWidget(0, self.failure)
        self._settle()

    def clear_failure(self) -> None:
        """Take the refusal away: something else was done since, or it was read."""
        if self.failure is not None:
            self._layout.removeWidget(self.failure)
            self.failure.hide()
            self.failure.deleteLater()
            self.failure = None
            self._settle()

    def _settle(self) -> None:
        self.setVisible(bool(self._lines) or self.failure is not None)
