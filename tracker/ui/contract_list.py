"""The other contracts, each with a button that starts it or switches to it."""

from uuid import UUID

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tracker.ui.labels import caption, elided, sentence
from tracker.ui.presenters import ContractListState, ContractState
from tracker.ui.theme import MARGIN, SPACE_2, SPACE_3


class ContractRow(QWidget):
    """One contract; `start_wanted` carries its id."""

    start_wanted = Signal(UUID)

    def __init__(self, state: ContractState) -> None:
        super().__init__()
        self._state = state
        self._title = elided(1.0, QFont.Weight.DemiBold)
        self._subtitle = elided(is_quiet=True)
        self.button = QPushButton()
        self.button.clicked.connect(self._start)
        names = QVBoxLayout()
        names.setSpacing(1)
        names.addWidget(self._title)
        names.addWidget(self._subtitle)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_3)
        layout.addLayout(names, 1)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.show_state(state)

    def show_state(self, state: ContractState) -> None:
        """Show this state."""
        self._state = state
        self._title.setText(state.title)
        self._subtitle.setText(state.subtitle)
        self.button.setText(state.button)
        self.button.setAccessibleName(state.button_name)
        self.button.setVisible(state.can_start)

    @Slot()
    def _start(self) -> None:
        self.start_wanted.emit(self._state.id)


class ContractList(QFrame):
    """Shows a `ContractListState`; rows are kept by contract, so that the focus stays where it is."""

    start_wanted = Signal(UUID)
    refresh_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._state: ContractListState | None = None
        self.rows: dict[UUID, ContractRow] = {}
        self._heading = caption("")
        self._empty = sentence(is_quiet=True)
        self.refresh = QPushButton(self.tr("Look for contracts now"))
        self.refresh.clicked.connect(self.refresh_wanted)
        self._list = QVBoxLayout()
        self._list.setSpacing(SPACE_3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, SPACE_3, MARGIN, SPACE_3)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self._heading)
        layout.addWidget(self._empty)
        layout.addWidget(self.refresh, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addLayout(self._list)

    def show_state(self, state: ContractListState) -> None:
        """Show this state."""
        if state == self._state:
            return
        self._state = state
        self._heading.setText(state.heading)
        self._empty.setText(state.empty)
        self._empty.setVisible(bool(state.empty))
        self.refresh.setVisible(bool(state.empty))
        self.setVisible(bool(state.empty or state.rows))
        wanted = {row.id for row in state.rows}
        for gone in [contract for contract in self.rows if contract not in wanted]:
            row = self.rows.pop(gone)
            self._list.removeWidget(row)
            row.deleteLater()
        for place, row_state in enumerate(state.rows):
            self._place(place, row_state)

    def set_busy(self, *, is_busy: bool) -> None:
        """Take no second press while the first is on its way."""
        for row in self.rows.values():
            row.button.setEnabled(not is_busy)

    def _place(self, place: int, state: ContractState) -> None:
        known = self.rows.get(state.id)
        if known is None:
            known = self.rows[state.id] = ContractRow(state)
            known.start_wanted.connect(self.start_wanted)
            self._list.insertWidget(place, known)
            return
        known.show_state(state)
        if self._list.indexOf(known) != place:
            self._list.removeWidget(known)
            self._list.insertWidget(place, known)
