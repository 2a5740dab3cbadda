"""A snapshot's thumbnail, or words where there is no picture."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPaintEvent, QPalette, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from tracker.ui.theme import RADIUS_S


class Thumbnail(QWidget):
    """A picture in a box of fixed size, fitted with its proportions kept; hatched ground where there is none."""

    def __init__(self, size: QSize) -> None:
        super().__init__()
        self._box = size
        self._bytes: bytes | None = None
        self._words = ""
        self._picture = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_picture(self, encoded: bytes | None, words: str) -> None:
        """Show this picture, or without one (or with one that cannot be read) the words."""
        if encoded != self._bytes:
            self._bytes = encoded
            self._picture = QPixmap()
            if encoded is not None:
                self._picture.loadFromData(encoded)
        self._words = words
        self.update()

    @property
    def has_picture(self) -> bool:
        """Whether a picture is shown."""
        return not self._picture.isNull()

    def sizeHint(self) -> QSize:
        """Give the box."""
        return self._box

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the picture or the words in the rounded box."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        shape = QPainterPath()
        shape.addRoundedRect(box, RADIUS_S, RADIUS_S)
        line = self.palette().color(QPalette.ColorRole.Mid)
        painter.fillPath(shape, self.palette().color(QPalette.ColorRole.AlternateBase))
        if self._picture.isNull():
            self._paint_words(painter, box, shape, line)
        else:
            painter.save()
            painter.setClipPath(shape)
            size = self._picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
            target = QRectF(left, top, size.width(), size.height())
            painter.drawPixmap(target, self._picture, QRectF(self._picture.rect()))
            painter.restore()
        painter.setPen(line)
        painter.drawPath(shape)
        painter.end()

    def _paint_words(self, painter: QPainter, box: QRectF, shape: QPainterPath, line: QColor) -> None:
        painter.fillPath(shape, QBrush(line, Qt.BrushStyle.BDiagPattern))
        if not self._words:
            return
        painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        needed = painter.boundingRect(box, int(flags), self._words).adjusted(-6, -2, 6, 2)
        painter.fillRect(needed, self.palette().color(QPalette.ColorRole.AlternateBase))
        painter.drawText(box, int(flags), self._words)
