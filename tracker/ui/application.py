"""The desktop application: window, tray and notice around one engine, until the engine has saved and ended."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, QSettings, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from tracker.commands import Answer, Quit, Refused
from tracker.ui.actions import Actions
from tracker.ui.artwork import application_icon
from tracker.ui.bridge import Bridge, EnginePort
from tracker.ui.live import LiveStatus
from tracker.ui.main_window import MainWindow
from tracker.ui.presenters import Presenter
from tracker.ui.termination import Termination
from tracker.ui.theme import Theme
from tracker.ui.tray import Tray
from tracker.ui.wording import english

if TYPE_CHECKING:
    from tracker.ui.snapshot_notice import SnapshotNotice

_TRAY_CHECK_MS = 3_000
_SAVING_MS = 10_000
_SETTLED_MS = 5_000
_TRAY_EXPLAINED = "tray_explained"
_GEOMETRY = "geometry"


def run(engine: EnginePort, *, argv: list[str], on_settled: Callable[[], None]) -> int:
    """Show the application and return its exit code when it has ended.

    Args:
        engine: what tracks.
        argv: the process's words.
        on_settled: called once Qt has asked the desktop for everything it asks at its start, such as light or dark.
    """
    application = QApplication(argv)
    application.setApplicationName("daybook")
    application.setApplicationDisplayName("Daybook")
    application.setDesktopFileName("daybook")
    application.setWindowIcon(application_icon())
    application.setQuitOnLastWindowClosed(False)
    settings = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "daybook", "window")
    desktop = Desktop(application, engine, settings)
    termination = Termination()
    termination.asked.connect(desktop.quit)
    desktop.ended.connect(lambda: application.exit(0))  # quit() would ask the window, which would only hide
    desktop.open()
    QTimer.singleShot(_SETTLED_MS, on_settled)
    try:
        return application.exec()
    finally:
        termination.restore()
        desktop.close()


def translate(context: str, text: str, count: int) -> str:
    """Give Qt's translation of a presenter's sentence; without one, English with its plurals."""
    return english(context, QCoreApplication.translate(context, text, None, count), count)


class Desktop(QObject):
    """Holds the window, the tray while there is one, and the notice; decides what closing and quitting mean.

    Args:
        application: the Qt application.
        engine: what tracks.
        settings: where the window's place, and that the tray was explained, are remembered.
        scheme: light or dark; `Unknown` follows the desktop.
    """

    ended = Signal()

    def __init__(
        self,
        application: QApplication,
        engine: EnginePort,
        settings: QSettings,
        scheme: Qt.ColorScheme = Qt.ColorScheme.Unknown,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._is_quitting = self._is_overdue = False
        self._announced: int | None = None
        self.theme = Theme(application, scheme, self)
        self.bridge = Bridge(engine)
        self.live = LiveStatus(self)
        self.presenter = Presenter(translate)
        self.actions = Actions(self)
        self.window = MainWindow(self.bridge, self.live, self.presenter, self.theme, self.actions)
        self.tray: Tray | None = None
        self.notice: SnapshotNotice | None = None
        self._saving = QTimer(self)
        self._saving.setSingleShot(True)
        self._saving.timeout.connect(self._overdue)
        self._tray_check = QTimer(self)
        self._tray_check.timeout.connect(self.look_for_tray)
        self.bridge.status_changed.connect(self.live.take)
        self.bridge.show_requested.connect(self.window.bring_forward)
        self.bridge.engine_ended.connect(self._end)
        self.live.changed.connect(self._refresh)
        self.live.changed.connect(self._tell_snapshot)
        self.live.beat.connect(self._tell_snapshot)
        self.window.close_asked.connect(self._put_away)
        self.actions.quit.triggered.connect(self.quit)

    def open(self) -> None:
        """Show the window, look for a tray, and begin to listen to the engine."""
        geometry = self._settings.value(_GEOMETRY)
        if geometry is not None:
            self.window.restoreGeometry(geometry)
        self.window.show()
        self.look_for_tray()
        self._tray_check.start(_TRAY_CHECK_MS)
        self.bridge.open()

    def close(self) -> None:
        """Remember where the window stood, and let go of everything."""
        self._tray_check.stop()
        self.bridge.close()
        self._settings.setValue(_GEOMETRY, self.window.saveGeometry())
        self._settings.sync()
        if self.notice is not None:
            self.notice.close()
        if self.tray is not None:
            self.tray.remove()
            self.tray = None
        self.window.can_close = True
        self.window.close()

    @Slot()
    def quit(self) -> None:
        """Ask the engine to stop, save and end; the application ends when it has."""
        if self._is_overdue:
            self._end()
        elif not self._is_quitting:
            self._is_quitting = True
            self.window.set_ending(is_ending=True)
            self._saving.start(_SAVING_MS)
            self.bridge.submit(Quit(), self._quit_answered)

    @Slot()
    def look_for_tray(self) -> None:
        """Make the tray icon when a tray has come, and be a window again when it has gone: trays start late and die."""
        is_there = QSystemTrayIcon.isSystemTrayAvailable()
        if is_there and self.tray is None:
            self.tray = Tray(self.actions, self)
            self.tray.start_wanted.connect(self.window.start)
            self.tray.about_to_show.connect(self._refresh)
            self._refresh()
        elif not is_there and self.tray is not None:
            self.tray.remove()
            self.tray = None
            if not self.window.isVisible():
                self.window.showMinimized()

    @Slot()
    def _refresh(self) -> None:
        status = self.live.status
        if status is None:
            return
        state = self.presenter.tray(status, self.live.elapsed_ms)
        self.actions.show_state(state)
        if self.tray is not None:
            self.tray.show_state(state)

    @Slot()
    def _tell_snapshot(self) -> None:
        status = self.live.status
        if status is None or status.snapshot is None:
            return
        state = self.presenter.snapshot(status, self.live.elapsed_ms)
        if state.is_fresh and state.snapshot != self._announced:
            self._announced = state.snapshot
            if self.notice is None:
                self.notice = self._make_notice()
            self.notice.announce(state)
        elif self.notice is not None:
            self.notice.update_state(state)
        self.live.watch("notice", is_watching=self.notice is not None and self.notice.isVisible())

    def _make_notice(self) -> "SnapshotNotice":
        from tracker.ui.snapshot_notice import SnapshotNotice  # noqa: PLC0415 (the first window does not need it)

        notice = SnapshotNotice()
        commands = self.window.snapshot_commands
        notice.panel.view_wanted.connect(commands.view)
        notice.panel.blur_wanted.connect(commands.blur)
        notice.panel.withhold_wanted.connect(commands.withhold)
        notice.panel.approve_wanted.connect(commands.approve)
        return notice

    @Slot()
    def _put_away(self) -> None:
        """Close the window: into the tray, or where there is none only down, so that it does not vanish."""
        self.look_for_tray()
        if self.tray is None:
            self.window.showMinimized()
            return
        self.window.hide()
        if not self._settings.value(_TRAY_EXPLAINED):
            self._settings.setValue(_TRAY_EXPLAINED, 1)
            self.tray.explain()

    def _quit_answered(self, answer: Answer) -> None:
        self._saving.stop()
        self._is_quitting = False
        if isinstance(answer, Refused):
            self.window.set_ending(is_ending=False)
        else:
            self._end()

    @Slot()
    def _overdue(self) -> None:
        self._is_overdue = True
        self.window.set_ending(is_ending=False)
        self.window.show_failure(
            self.tr("Saving takes unusually long. Quit again to end Daybook without waiting for it.")
        )

    @Slot()
    def _end(self) -> None:
        self._saving.stop()
        self.ended.emit()
