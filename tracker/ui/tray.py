"""The tray icon: state by shape and colour, contract and time in tooltip and menu, and the window's main actions."""

from uuid import UUID

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from tracker.ui.actions import Actions
from tracker.ui.artwork import tray_icon
from tracker.ui.presenters import ContractState, TrayShape, TrayState


class Tray(QObject):
    """Shows a `TrayState`; `start_wanted` carries the contract to switch to.

    It exists only while there is a tray: `isSystemTrayAvailable` is asked before it is made, since an icon without a
    tray calls itself visible all the same.
    """

    start_wanted = Signal(UUID)
    about_to_show = Signal()

    def __init__(self, actions: Actions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._actions = actions
        self._icons: dict[tuple[TrayShape, bool], QIcon] = {}
        self._shown: tuple[TrayShape, bool] | None = None
        self._rows: tuple[ContractState, ...] = ()
        self.menu = QMenu()
        self.state_line = self._line()
        self.totals_line = self._line()
        self.menu.addSeparator()
        self.menu.addAction(actions.toggle)
        self.menu.addAction(actions.memo)
        self.switch = self.menu.addMenu(self.tr("⇄ Switch to"))
        self.menu.addSeparator()
        self.menu.addAction(actions.open)
        self.menu.addAction(actions.sync)
        self.menu.addSeparator()
        self.menu.addAction(actions.quit)
        self.menu.setDefaultAction(actions.open)
        self.icon = QSystemTrayIcon(self._icon(TrayShape.STOPPED, has_badge=False), self)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self.menu.aboutToShow.connect(self.about_to_show)
        self.icon.show()

    def explain(self) -> None:
        """Say once where the window went."""
        self.icon.showMessage(
            self.tr("Daybook goes on in the tray"),
            self.tr("The timer is not stopped by closing the window. Quit is in the tray icon's menu."),
            QSystemTrayIcon.MessageIcon.Information,
        )

    def remove(self) -> None:
        """Take the icon away."""
        self.icon.hide()
        self.menu.deleteLater()
        self.deleteLater()

    def show_state(self, state: TrayState) -> None:
        """Show this state."""
        picture = (state.shape, state.needs_you)
        if picture != self._shown:
            self._shown = picture
            self.icon.setIcon(self._icon(state.shape, has_badge=state.needs_you))
        if state.tooltip != self.icon.toolTip():
            self.icon.setToolTip(state.tooltip)
        self.state_line.setText(state.line)
        self.totals_line.setText(state.totals)
        self.totals_line.setVisible(bool(state.totals))
        if state.contracts == self._rows:
            return
        self._rows = state.contracts
        self.switch.clear()
        for row in state.contracts:
            if row.can_start:
                action = self.switch.addAction(row.title.replace("&", "&&"))
                action.setToolTip(row.subtitle)
                action.setData(row.id)
                action.triggered.connect(self._switch)
        self.switch.setEnabled(not self.switch.isEmpty())

    def _line(self) -> QAction:
        action = self.menu.addAction("")
        action.setEnabled(False)
        return action

    def _icon(self, shape: TrayShape, *, has_badge: bool) -> QIcon:
        key = (shape, has_badge)
        if key not in self._icons:
            self._icons[key] = tray_icon(shape, has_badge=has_badge)
        return self._icons[key]

    @Slot()
    def _switch(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.start_wanted.emit(action.data())

    @Slot(QSystemTrayIcon.ActivationReason)
    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self._actions.open.trigger()
