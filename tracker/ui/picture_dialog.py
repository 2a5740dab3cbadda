"""A snapshot's full pictures, each scaled to fit; nothing of them outlives the window."""

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImageReader, QPixmap
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTabWidget, QVBoxLayout, QWidget

from tracker.ui.theme import SPACE_3
from tracker.ui.thumbnail import Thumbnail


class _Picture(Thumbnail):
    """One monitor's picture, grown with the window."""

    def __init__(self, encoded: bytes, words: str, largest: QSize) -> None:
        super().__init__(QSize(720, 420))
        self.setSizePolicy(self.sizePolicy().Policy.Expanding, self.sizePolicy().Policy.Expanding)
        self._words = words
        self._picture = _decode(encoded, largest)


class PictureDialog(QDialog):
    """Shows the pictures, one tab a monitor; Esc closes it."""

    def __init__(self, jpegs: tuple[bytes, ...], title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_3, SPACE_3, SPACE_3)
        largest = self.screen().availableSize() * self.screen().devicePixelRatio()
        unreadable = self.tr("This picture cannot be read.")
        self.pictures = [_Picture(jpeg, unreadable, largest) for jpeg in jpegs]
        for number, picture in enumerate(self.pictures, start=1):
            name = self.tr("Monitor {number}").format(number=number)
            picture.setAccessibleName(name)
        if len(self.pictures) == 1:
            layout.addWidget(self.pictures[0], 1)
        else:
            tabs = QTabWidget()
            for picture in self.pictures:
                tabs.addTab(picture, picture.accessibleName())
            layout.addWidget(tabs, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.resize(QSize(960, 620).boundedTo(self.screen().availableSize() * 0.9))


def _decode(encoded: bytes, largest: QSize) -> QPixmap:
    """Decode a picture no larger than it can be shown: a 4K picture at full size would cost 33 MB."""
    buffer = QBuffer()
    buffer.setData(QByteArray(encoded))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    size = reader.size()
    if size.isValid() and (size.width() > largest.width() or size.height() > largest.height()):
        reader.setScaledSize(size.scaled(largest, Qt.AspectRatioMode.KeepAspectRatio))
    return QPixmap.fromImageReader(reader)
