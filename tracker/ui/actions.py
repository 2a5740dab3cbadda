"""The actions that the window and the tray share, each with its shortcut."""

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence

from tracker.domain.session import Phase
from tracker.ui.presenters import TrayState


class Actions(QObject):
    """Start or stop (Ctrl+Return), memo (Ctrl+L), sync (F5 or Ctrl+R), open, quit (Ctrl+Q)."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.toggle = self._action(self.tr("▶ Start"), QKeySequence(Qt.Modifier.CTRL | Qt.Key.Key_Return))
        self.toggle.setEnabled(False)
        self.memo = self._action(self.tr("✎ Change memo…"), QKeySequence(Qt.Modifier.CTRL | Qt.Key.Key_L))
        self.sync = self._action(self.tr("Sync now"), QKeySequence(QKeySequence.StandardKey.Refresh))
        self.open = self._action(self.tr("Open Daybook"), None)
        self.quit = self._action(self.tr("Quit"), QKeySequence(Qt.Modifier.CTRL | Qt.Key.Key_Q))
        self.quit.setMenuRole(QAction.MenuRole.QuitRole)

    @property
    def all(self) -> list[QAction]:
        """Every action, for a window to take their shortcuts."""
        return [self.toggle, self.memo, self.sync, self.open, self.quit]

    def show_state(self, state: TrayState) -> None:
        """Word and enable the actions by the state."""
        self.toggle.setText(state.button)
        self.toggle.setEnabled(state.can_toggle)
        self.memo.setEnabled(state.phase is not Phase.STOPPED or state.can_toggle)

    def _action(self, text: str, shortcut: QKeySequence | None) -> QAction:
        action = QAction(text, self)
        if shortcut is not None:
            action.setShortcut(shortcut)
        return action
