"""The last snapshot with View, Blur, Withhold and Approve, as the window and the notice show it."""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tracker.ui.labels import elided, sentence
from tracker.ui.snapshot_presenter import SnapshotState
from tracker.ui.theme import SPACE_1, SPACE_2, SPACE_3, SPACE_4
from tracker.ui.thumbnail import Thumbnail

_BOX = QSize(128, 72)


class SnapshotPanel(QWidget):
    """Shows a `SnapshotState`; the signals carry the snapshot's id."""

    view_wanted = Signal(int)
    blur_wanted = Signal(int)
    withhold_wanted = Signal(int)
    approve_wanted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._state: SnapshotState | None = None
        self.thumbnail = Thumbnail(_BOX)
        self._title = elided(1.0, QFont.Weight.DemiBold)
        self._detail = sentence(is_quiet=True)
        self.view = QPushButton(self.tr("View"))
        self.view.setAccessibleName(self.tr("View the snapshot"))
        self.blur = QPushButton(self.tr("Blur"))
        self.blur.setAccessibleName(self.tr("Blur the snapshot"))
        self.blur.setToolTip(self.tr("Makes it unreadable for good, on this computer"))
        self.withhold = QPushButton(self.tr("Withhold"))
        self.withhold.setAccessibleName(self.tr("Withhold the snapshot"))
        self.withhold.setToolTip(self.tr("Destroys the picture; the time stays, without payment protection"))
        self.approve = QPushButton(self.tr("Approve"))
        self.approve.setAccessibleName(self.tr("Approve the snapshot"))
        self.approve.setToolTip(
            self.tr("Lets it leave; this desktop does not say whether a window that you exclude can be seen on it")
        )
        self.approve.setVisible(False)
        self.approve.clicked.connect(self._approve)
        self.view.clicked.connect(self._view)
        self.blur.clicked.connect(self._blur)
        self.withhold.clicked.connect(self._withhold)

        words = QVBoxLayout()
        words.setSpacing(SPACE_1)
        words.addWidget(self._title)
        words.addWidget(self._detail)
        words.addStretch(1)
        top = QHBoxLayout()
        top.setSpacing(SPACE_4)
        top.addWidget(self.thumbnail, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        self._buttons = QWidget()
        row = QHBoxLayout(self._buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_2)
        for button in (self.view, self.blur, self.withhold):
            policy = button.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            button.setSizePolicy(policy)
            row.addWidget(button, 1)
        row.insertWidget(0, self.approve, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_3)
        layout.addLayout(top)
        layout.addWidget(self._buttons)

    def show_state(self, state: SnapshotState) -> None:
        """Show this state."""
        if state == self._state:
            return
        self._state = state
        self._title.setText(state.title)
        self._detail.setText(state.detail)
        self.thumbnail.setVisible(state.snapshot is not None)
        self.thumbnail.show_picture(state.thumbnail, state.placeholder)
        self.thumbnail.setAccessibleName(f"{state.title}: {state.detail}")
        self._buttons.setVisible(state.can_view or state.can_change)
        self.view.setEnabled(state.can_view)
        self.blur.setVisible(state.is_held)
        self.withhold.setVisible(state.is_held or state.can_change)
        self.approve.setVisible(state.needs_approval)
        self.blur.setEnabled(state.can_change)
        self.withhold.setEnabled(state.can_change)

    @Slot()
    def _view(self) -> None:
        if self._state is not None and self._state.snapshot is not None:
            self.view_wanted.emit(self._state.snapshot)

    @Slot()
    def _blur(self) -> None:
        if self._state is not None and self._state.snapshot is not None:
            self.blur_wanted.emit(self._state.snapshot)

    @Slot()
    def _approve(self) -> None:
        if self._state is not None and self._state.snapshot is not None:
            self.approve_wanted.emit(self._state.snapshot)

    @Slot()
    def _withhold(self) -> None:
        if self._state is not None and self._state.snapshot is not None:
            self.withhold_wanted.emit(self._state.snapshot)
