"""The sync state in words, and what can be done about it."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout

from tracker.ui.labels import sentence
from tracker.ui.sync_presenter import FooterButton, FooterState, FooterTone
from tracker.ui.theme import MARGIN, SPACE_2, SPACE_3, Theme, Tone, TonedFrame

_TONES = {FooterTone.CALM: Tone.QUIET, FooterTone.WARNING: Tone.AMBER, FooterTone.PROBLEM: Tone.RED}


class Footer(TonedFrame):
    """Shows a `FooterState`."""

    sync_wanted = Signal()
    log_in_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, Tone.QUIET)
        self._state: FooterState | None = None
        self._is_busy = False
        self._headline = sentence(0.95, QFont.Weight.DemiBold)
        self._detail = sentence(0.95)
        self.button = QPushButton()
        self.button.clicked.connect(self._press)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._headline)
        words.addWidget(self._detail)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(MARGIN, SPACE_2, MARGIN, SPACE_2)
        layout.setSpacing(SPACE_3)
        layout.addLayout(words, 1)
        layout.addWidget(self.button)

    @property
    def sentence(self) -> str:
        """What the footer says."""
        return self._state.sentence if self._state else ""

    def show_state(self, state: FooterState) -> None:
        """Show this state."""
        if state == self._state:
            return
        self._state = state
        self.set_tone(_TONES[state.tone])
        self._headline.setText(state.headline)
        self._detail.setText(state.detail)
        self._detail.setVisible(bool(state.detail))
        self._label()

    def set_busy(self, *, is_busy: bool) -> None:
        """Tell that a sync is under way."""
        self._is_busy = is_busy
        self._label()

    def _label(self) -> None:
        if self._state is None:
            return
        text = self.tr("Syncing…") if self._is_busy else self._state.button_text
        self.button.setText(text)
        self.button.setAccessibleName(text)
        self.button.setEnabled(not self._is_busy)

    @Slot()
    def _press(self) -> None:
        if self._state is None:
            return
        if self._state.button is FooterButton.LOG_IN:
            self.log_in_wanted.emit()
        else:
            self.sync_wanted.emit()
