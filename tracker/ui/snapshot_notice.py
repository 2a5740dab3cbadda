"""The notice of a snapshot: in a corner of the screen, above all else, and never with the keyboard's focus."""

from PySide6.QtCore import QPoint, Qt, QTimer, Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout

from tracker.ui.snapshot_panel import SnapshotPanel
from tracker.ui.snapshot_presenter import SnapshotState
from tracker.ui.theme import SPACE_3, SPACE_4

_SHOWN_MS = 10_000
_AGAIN_MS = 2_000
_WIDTH = 340


class SnapshotNotice(QFrame):
    """Shows a held snapshot for some seconds, longer while the pointer rests on it or it waits for approval.

    A person who types must not notice it in the keyboard: it neither activates when shown nor takes focus when
    clicked; its buttons work by the pointer, and the window has the same ones for the keyboard.
    """

    def __init__(self) -> None:
        super().__init__(
            None,
            Qt.WindowType.Tool
            | Qt.WindowType.FramelessWindowHint
            | Qt.WindowType.WindowStaysOnTopHint
            | Qt.WindowType.WindowDoesNotAcceptFocus,
        )
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWindowTitle(self.tr("Daybook took a snapshot"))
        self.setAutoFillBackground(True)
        self.setProperty("card", True)
        self.panel = SnapshotPanel()
        for button in (self.panel.approve, self.panel.view, self.panel.blur, self.panel.withhold):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(self.hide)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_3, SPACE_4, SPACE_3)
        layout.addWidget(self.panel)
        self.setFixedWidth(_WIDTH)
        self._waits = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._close)

    def announce(self, state: SnapshotState) -> None:
        """Show this snapshot in the corner."""
        self._show_state(state)
        self.adjustSize()
        area = self.screen().availableGeometry()
        margin = QPoint(self.width() + SPACE_4, self.height() + SPACE_4)
        self.move(area.bottomRight() - margin)
        self.show()
        self._timer.start(_SHOWN_MS)

    def update_state(self, state: SnapshotState) -> None:
        """Count down, and go when there is nothing to decide any more."""
        if self.isVisible():
            self._show_state(state)
            if not state.is_fresh:
                self.hide()

    def _show_state(self, state: SnapshotState) -> None:
        self._waits = state.needs_approval
        self.panel.show_state(state)

    @Slot()
    def _close(self) -> None:
        if self.underMouse() or self._waits:
            self._timer.start(_AGAIN_MS)
        else:
            self.hide()
