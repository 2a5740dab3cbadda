"""The main window: one banner, the memo, the totals, the last snapshot, the other contracts, and the sync state."""

from uuid import UUID

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QMainWindow, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from tracker.commands import Answer, GetContracts, Refused, SetMemo, Start, Stop, Sync
from tracker.ui.actions import Actions
from tracker.ui.banner import Banner
from tracker.ui.bridge import Bridge
from tracker.ui.contract_list import ContractList
from tracker.ui.footer import Footer
from tracker.ui.labels import sentence
from tracker.ui.live import LiveStatus
from tracker.ui.login_page import LogInPage
from tracker.ui.memo import MemoLine
from tracker.ui.notice_lines import NoticeLines
from tracker.ui.presenters import Page, Presenter, WindowState
from tracker.ui.snapshot_commands import SnapshotCommands
from tracker.ui.snapshot_panel import SnapshotPanel
from tracker.ui.theme import MARGIN, SPACE_3, Theme
from tracker.ui.totals import Totals

_SIZE = QSize(400, 760)
_SMALLEST = QSize(340, 420)


class MainWindow(QMainWindow):
    """Paints window states and posts what the person asks for; it decides nothing.

    `close_asked` is emitted instead of closing: whether the window hides, minimises or ends is the application's.
    """

    close_asked = Signal()

    def __init__(self, bridge: Bridge, live: LiveStatus, presenter: Presenter, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self._bridge = bridge
        self._live = live
        self._presenter = presenter
        self._state: WindowState | None = None
        self._is_logging_in = self._wants_log_in = False
        self.can_close = False
        self.setWindowTitle(self.tr("Daybook"))
        self.setMinimumSize(_SMALLEST)
        self.resize(_SIZE)

        self.banner = Banner(theme)
        self.notices = NoticeLines(theme)
        self.memo = MemoLine()
        self.totals = Totals(theme)
        self.snapshot = SnapshotPanel()
        self.contracts = ContractList()
        self.footer = Footer(theme)
        self.log_in_page = LogInPage(theme)
        self.snapshot_commands = SnapshotCommands(bridge, self)
        self._lay_out()
        self.addActions(actions.all)
        self._connect(actions)

    @property
    def page(self) -> Page:
        """The page that is shown."""
        return (Page.OPENING, Page.LOG_IN, Page.WORK)[self._pages.currentIndex()]

    def bring_forward(self) -> None:
        """Show the window above the others, with the focus: the person asked for it."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    @Slot()
    def change_memo(self) -> None:
        """Show the window ready to write the memo."""
        self.bring_forward()
        self.memo.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.memo.edit.selectAll()

    @Slot(str)
    def show_failure(self, text: str) -> None:
        """Show why the last thing asked for was not done."""
        self.notices.show_failure(text)
        self._scroll.verticalScrollBar().setValue(0)

    @Slot()
    def refresh(self) -> None:
        """Paint what the status says at this moment."""
        status = self._live.status
        if status is None:
            return
        state = self._presenter.window(status, self._live.elapsed_ms)
        self._state = state
        self._turn_to(state)
        self.banner.show_state(state.banner)
        self.notices.show_notices(state.notices)
        self.memo.show_memo(state.memo, state.banner.phase)
        self.memo.setVisible(state.totals is not None)
        self.totals.show_state(state.totals)
        self.snapshot.show_state(state.snapshot)
        self._snapshot_section.setVisible(state.totals is not None)
        self.contracts.show_state(state.contracts)
        self.footer.show_state(state.footer)
        self._watch()

    @Slot()
    def toggle(self) -> None:
        """Stop the running timer, or start the banner's contract."""
        self.banner.toggle.click()

    @Slot(UUID)
    def start(self, contract: UUID) -> None:
        """Start on a contract, or switch to it."""
        memo = self.memo.waiting_memo
        self._set_busy(is_busy=True)
        self.memo.begun()
        self._bridge.submit(Start(contract=str(contract), memo=memo), self._worked)

    @Slot()
    def stop(self) -> None:
        """Stop the timer."""
        self._set_busy(is_busy=True)
        self._bridge.submit(Stop(), self._worked)

    @Slot()
    def sync(self) -> None:
        """Send what waits, now."""
        self.footer.set_busy(is_busy=True)
        self._bridge.submit(Sync(), lambda _answer: self.footer.set_busy(is_busy=False))

    def set_ending(self, *, is_ending: bool) -> None:
        """Take no more orders while the engine saves."""
        self._pages.setEnabled(not is_ending)
        self.setWindowTitle(self.tr("Daybook: saving…") if is_ending else self.tr("Daybook"))

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what went on unseen."""
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        """Rest while nobody looks."""
        super().hideEvent(event)
        self._watch()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask the application what closing means, unless everything ends."""
        application = QGuiApplication.instance()
        is_logging_out = isinstance(application, QGuiApplication) and application.isSavingSession()
        if self.can_close or is_logging_out:
            event.accept()
        else:
            event.ignore()
            self.close_asked.emit()

    def _lay_out(self) -> None:
        self._snapshot_section = QFrame()
        self._snapshot_section.setProperty("section", True)
        around = QVBoxLayout(self._snapshot_section)
        around.setContentsMargins(MARGIN, SPACE_3, MARGIN, SPACE_3)
        around.addWidget(self.snapshot)

        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.notices, self.memo, self.totals, self._snapshot_section, self.contracts):
            column.addWidget(part)
        column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidget(body)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

        work = QWidget()
        layout = QVBoxLayout(work)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self.footer)

        opening = sentence(is_quiet=True)
        opening.setText(self.tr("Opening your work diary…"))
        opening.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget()
        for page in (opening, self.log_in_page, work):
            self._pages.addWidget(page)
        self.setCentralWidget(self._pages)

    def _connect(self, actions: Actions) -> None:
        self._live.changed.connect(self.refresh)
        self._live.beat.connect(self.refresh)
        self._bridge.failed.connect(self.show_failure)
        self._bridge.succeeded.connect(self.notices.clear_failure)
        self.banner.start_wanted.connect(self.start)
        self.banner.stop_wanted.connect(self.stop)
        self.contracts.start_wanted.connect(self.start)
        self.contracts.refresh_wanted.connect(lambda: self._bridge.submit(GetContracts()))
        self.memo.memo_wanted.connect(self._set_memo)
        self.snapshot.view_wanted.connect(self.snapshot_commands.view)
        self.snapshot.blur_wanted.connect(self.snapshot_commands.blur)
        self.snapshot.withhold_wanted.connect(self.snapshot_commands.withhold)
        self.snapshot.approve_wanted.connect(self.snapshot_commands.approve)
        self.footer.sync_wanted.connect(self.sync)
        self.footer.log_in_wanted.connect(self._want_log_in)
        self.log_in_page.log_in_wanted.connect(self._log_in)
        self.log_in_page.cancel_wanted.connect(self._bridge.cancel_log_in)
        self.log_in_page.back_wanted.connect(self._go_back)
        actions.toggle.triggered.connect(self.toggle)
        actions.memo.triggered.connect(self.change_memo)
        actions.sync.triggered.connect(self.sync)
        actions.open.triggered.connect(self.bring_forward)

    def _turn_to(self, state: WindowState) -> None:
        status = self._live.status
        if status is not None and status.sync.is_logged_in and not self._is_logging_in:
            self._wants_log_in = False
        page = Page.LOG_IN if self._is_logging_in or self._wants_log_in else state.page
        self._pages.setCurrentIndex({Page.OPENING: 0, Page.LOG_IN: 1, Page.WORK: 2}[page])
        if status is not None:
            self.log_in_page.offer(status.sync.server, can_go_back=state.page is Page.WORK)

    def _watch(self) -> None:
        is_seen = self.isVisible() and not self.isMinimized()
        self._live.watch("window", is_watching=is_seen and self._state is not None and self._state.is_ticking)

    def _set_busy(self, *, is_busy: bool) -> None:
        self.banner.set_busy(is_busy=is_busy)
        self.contracts.set_busy(is_busy=is_busy)

    def _worked(self, answer: Answer) -> None:
        self._set_busy(is_busy=False)
        self.memo.saved(is_saved=not isinstance(answer, Refused))

    @Slot(str)
    def _set_memo(self, memo: str) -> None:
        self._bridge.submit(SetMemo(memo), lambda answer: self.memo.saved(is_saved=not isinstance(answer, Refused)))

    @Slot(str)
    def _log_in(self, server: str) -> None:
        self._is_logging_in = True
        self.log_in_page.begun()
        self._bridge.log_in(server, self._logged_in)

    def _logged_in(self, answer: Answer) -> None:
        self._is_logging_in = False
        is_refused = isinstance(answer, Refused)
        self._wants_log_in = self._wants_log_in and is_refused
        self.log_in_page.ended(answer.sentence if isinstance(answer, Refused) else "")
        self.refresh()

    @Slot()
    def _want_log_in(self) -> None:
        self._wants_log_in = True
        self.refresh()

    @Slot()
    def _go_back(self) -> None:
        self._wants_log_in = False
        self.refresh()
