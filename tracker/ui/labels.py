"""The window's labels: elided with the whole text as tooltip, wrapped sentences, quiet captions."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStyle, QWidget

from tracker.ui.theme import scaled_font

_SMALL = 0.9


class ElidedLabel(QLabel):
    """One line that gives way: what does not fit ends in … and stands in the tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        """Show this text."""
        if text != self.text():
            super().setText(text)
            self._tell_whole()

    def minimumSizeHint(self) -> QSize:
        """Give way to an ellipsis."""
        return QSize(self.fontMetrics().horizontalAdvance("…"), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell the whole text in the tooltip where it does not fit any more."""
        super().resizeEvent(event)
        self._tell_whole()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the line, elided to the width there is."""
        line = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.contentsRect().width())
        painter = QPainter(self)
        self.style().drawItemText(
            painter,
            self.contentsRect(),
            int(QStyle.visualAlignment(self.layoutDirection(), self.alignment())),
            self.palette(),
            self.isEnabled(),
            line,
            self.foregroundRole(),
        )
        painter.end()

    def _tell_whole(self) -> None:
        is_whole = self.fontMetrics().horizontalAdvance(self.text()) <= self.contentsRect().width()
        self.setToolTip("" if is_whole else self.text())


class ClockLabel(QWidget):
    """A running clock: with figures of one width a new second is only painted, where a QLabel would lay out anew."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.setFont(scaled_font(self.font(), factor, QFont.Weight.DemiBold))
        self._text = ""

    def text(self) -> str:
        """Give what is shown."""
        return self._text

    def set_text(self, text: str) -> None:
        """Show this text."""
        if text == self._text:
            return
        is_wider = len(text) != len(self._text)
        self._text = text
        if is_wider:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Give the text's size."""
        return QSize(self.fontMetrics().horizontalAdvance(self._text), self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """Give the text's size: a clock is never shortened."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the text in the block's colour."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        alignment = QStyle.visualAlignment(self.layoutDirection(), Qt.AlignmentFlag.AlignLeft)
        painter.drawText(self.rect(), int(alignment | Qt.AlignmentFlag.AlignVCenter), self._text)
        painter.end()


def elided(factor: float = 1.0, weight: QFont.Weight = QFont.Weight.Normal, *, is_quiet: bool = False) -> ElidedLabel:
    """Make an elided line."""
    label = ElidedLabel()
    _dress(label, factor, weight, is_quiet=is_quiet)
    return label


def sentence(factor: float = 1.0, weight: QFont.Weight = QFont.Weight.Normal, *, is_quiet: bool = False) -> QLabel:
    """Make a label that wraps."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setMinimumWidth(1)
    _dress(label, factor, weight, is_quiet=is_quiet)
    return label


def figure(factor: float, *, is_quiet: bool = False) -> QLabel:
    """Make a label for a number: one line, never shortened."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    weight = QFont.Weight.Normal if is_quiet else QFont.Weight.DemiBold
    _dress(label, factor, weight, is_quiet=is_quiet)
    return label


def caption(text: str) -> QLabel:
    """Make a small quiet heading."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    _dress(label, _SMALL, QFont.Weight.Normal, is_quiet=True)
    return label


def _dress(label: QLabel, factor: float, weight: QFont.Weight, *, is_quiet: bool) -> None:
    label.setFont(scaled_font(label.font(), factor, weight))
    if is_quiet:
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
