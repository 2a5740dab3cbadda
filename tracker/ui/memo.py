"""The memo's line: what is being done, kept on Enter or when the line is left, with what became of it beside it."""

import enum

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QVBoxLayout

from tracker.domain.session import Phase
from tracker.ui.labels import caption
from tracker.ui.theme import MARGIN, SPACE_1, SPACE_3

_LONGEST = 10_000  # wire.diary.Interval.memo


class _Saving(enum.Enum):
    CLEAN = enum.auto()
    EDITED = enum.auto()
    SAVING = enum.auto()
    SAVED = enum.auto()
    REFUSED = enum.auto()


class MemoLine(QFrame):
    """Shows the engine's memo and lets it be changed; `memo_wanted` carries the new text.

    While the timer is stopped there is nothing to write it to: the text waits here and goes along with the start.
    """

    memo_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("section", True)
        self._memo = ""
        self._phase = Phase.STOPPED
        self._saving = _Saving.CLEAN
        heading = caption(self.tr("What are you doing?"))
        self._said = caption("")
        self.edit = QLineEdit()
        self.edit.setMaxLength(_LONGEST)
        self.edit.setPlaceholderText(self.tr("The memo that the client reads beside your time"))
        self.edit.setAccessibleName(self.tr("Memo"))
        heading.setBuddy(self.edit)
        self.edit.textEdited.connect(self._edited)
        self.edit.editingFinished.connect(self._commit)
        revert = QShortcut(QKeySequence(Qt.Key.Key_Escape), self.edit)
        revert.setContext(Qt.ShortcutContext.WidgetShortcut)
        revert.activated.connect(self._revert)

        top = QHBoxLayout()
        top.addWidget(heading, 1)
        top.addWidget(self._said)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, SPACE_3, MARGIN, SPACE_3)
        layout.setSpacing(SPACE_1)
        layout.addLayout(top)
        layout.addWidget(self.edit)

    @property
    def waiting_memo(self) -> str | None:
        """What was written and not yet taken by the engine, None if nothing."""
        return self.edit.text().strip() if self._saving in (_Saving.EDITED, _Saving.REFUSED) else None

    def show_memo(self, memo: str, phase: Phase) -> None:
        """Show the engine's memo, unless the person is writing another."""
        if phase is not self._phase:
            self._phase = phase
            self._say()
        if memo == self._memo and self._saving is not _Saving.CLEAN:
            return
        self._memo = memo
        if self._saving in (_Saving.CLEAN, _Saving.SAVED):
            if self.edit.text() != memo:
                self.edit.setText(memo)
                self.edit.setCursorPosition(0)
                self._set(_Saving.CLEAN)
            self.edit.setToolTip(memo)

    def saved(self, *, is_saved: bool) -> None:
        """Tell what became of the memo that was sent off."""
        if self._saving is _Saving.SAVING:
            self._set(_Saving.SAVED if is_saved else _Saving.REFUSED)

    def begun(self) -> None:
        """The waiting memo went along with a start."""
        if self._saving is _Saving.EDITED:
            self._set(_Saving.SAVING)

    @Slot()
    def _edited(self) -> None:
        self._set(_Saving.CLEAN if self.edit.text() == self._memo else _Saving.EDITED)

    @Slot()
    def _commit(self) -> None:
        if self._phase is Phase.STOPPED or self.waiting_memo is None:
            return
        memo = self.edit.text().strip()
        self._set(_Saving.SAVING)
        self.memo_wanted.emit(memo)

    @Slot()
    def _revert(self) -> None:
        self.edit.setText(self._memo)
        self._set(_Saving.CLEAN)

    def _set(self, saving: _Saving) -> None:
        self._saving = saving
        self._say()

    def _say(self) -> None:
        is_stopped = self._phase is Phase.STOPPED
        said = {
            _Saving.CLEAN: "",
            _Saving.EDITED: self.tr("used when you start") if is_stopped else self.tr("Enter saves, Esc takes back"),
            _Saving.SAVING: self.tr("saving…"),
            _Saving.SAVED: self.tr("✓ saved"),
            _Saving.REFUSED: self.tr("⚠ not saved"),
        }
        self._said.setText(said[self._saving])
