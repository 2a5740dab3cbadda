"""The application's and the tray's icons, drawn by us as SVG; a badge is painted over a running timer's."""

from pathlib import Path

from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QPainter

from tracker.ui.presenters import TrayShape

_FOLDER = Path(__file__).parent / "icons"
_TRAY_SIZES = (16, 22, 24, 32, 44, 48, 64)


def application_icon() -> QIcon:
    """Give Daybook's icon: a book with a clock's hands."""
    return _icon("daybook")


def tray_icon(shape: TrayShape, *, has_badge: bool) -> QIcon:
    """Give a state's icon; the badge says that the person is needed while a timer runs."""
    plain = _icon(shape.value)
    if not has_badge or shape is TrayShape.NEEDS_YOU:
        return plain
    badge, made = _icon("badge"), QIcon()
    for size in _TRAY_SIZES:
        picture = plain.pixmap(QSize(size, size))
        painter = QPainter(picture)
        badge.paint(painter, 0, 0, size, size)
        painter.end()
        made.addPixmap(picture)
    return made


def _icon(name: str) -> QIcon:
    return QIcon(str(_FOLDER / f"{name}.svg"))
