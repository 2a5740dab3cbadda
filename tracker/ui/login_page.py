"""Logging in: what Daybook is, at which marketplace, and the way through the system's browser."""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QProgressBar, QPushButton, QVBoxLayout, QWidget

from tracker.ui.artwork import application_icon
from tracker.ui.labels import caption, sentence
from tracker.ui.theme import MARGIN, SPACE_1, SPACE_2, SPACE_5, Theme, Tone, TonedFrame


class LogInPage(QWidget):
    """Asks for the marketplace; `log_in_wanted` carries its address."""

    log_in_wanted = Signal(str)
    cancel_wanted = Signal()
    back_wanted = Signal()

    _LOGO = QSize(64, 64)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._is_under_way = False
        self.server = QLineEdit()
        self.server.setPlaceholderText("https://")
        self.server.setAccessibleName(self.tr("Address of the marketplace"))
        self.server.setInputMethodHints(Qt.InputMethodHint.ImhUrlCharactersOnly)
        self.button = QPushButton(self.tr("Log in with your browser"))
        self.button.setProperty("primary", True)
        self._progress = QProgressBar()
        self._progress.setRange(0, 0)
        self._progress.setTextVisible(False)
        self._progress.setFixedHeight(SPACE_1)
        self._said = sentence(is_quiet=True)
        self._failure = TonedFrame(theme, Tone.RED)
        self._why = sentence()
        self._why.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        why = QVBoxLayout(self._failure)
        why.addWidget(self._why)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.back = QPushButton(self.tr("Back to your contracts"))
        self.back.setProperty("flat", True)
        self._lay_out()
        self.button.clicked.connect(self._begin)
        self.server.returnPressed.connect(self._begin)
        self.server.textChanged.connect(self._settle)
        self.cancel.clicked.connect(self.cancel_wanted)
        self.back.clicked.connect(self.back_wanted)
        self._failure.hide()
        self._settle()

    @property
    def failure(self) -> str:
        """Why the last log-in did not happen, "" if it was not refused."""
        return self._why.text()

    def offer(self, server: str | None, *, can_go_back: bool) -> None:
        """Offer this address, unless the person is writing one."""
        if server and not self.server.text() and not self.server.isModified():
            self.server.setText(server)
        self.back.setVisible(can_go_back and not self._is_under_way)

    def begun(self) -> None:
        """A log-in is under way in the browser."""
        self._is_under_way = True
        self._tell("")
        self._settle()

    def ended(self, failure: str) -> None:
        """The log-in is over, with why it failed or ""."""
        self._is_under_way = False
        self._tell(failure)
        self._settle()

    def _lay_out(self) -> None:
        logo = QLabel()
        logo.setPixmap(application_icon().pixmap(self._LOGO, self.devicePixelRatio()))
        logo.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        heading = sentence(1.5, QFont.Weight.DemiBold)
        heading.setText(self.tr("Welcome to Daybook"))
        heading.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        what = sentence(is_quiet=True)
        what.setText(
            self.tr("Daybook records your billable time so that nobody can change it unseen. Your screen stays yours.")
        )
        what.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        label = caption(self.tr("Address of the marketplace"))
        label.setBuddy(self.server)
        row = QHBoxLayout()
        row.addWidget(self.back)
        row.addStretch(1)
        row.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN + SPACE_2, SPACE_5, MARGIN + SPACE_2, SPACE_5)
        layout.setSpacing(SPACE_2)
        layout.addStretch(2)
        layout.addWidget(logo)
        layout.addSpacing(SPACE_2)
        layout.addWidget(heading)
        layout.addWidget(what)
        layout.addSpacing(SPACE_5)
        for widget in (label, self.server, self.button, self._progress, self._said, self._failure):
            layout.addWidget(widget)
        layout.addLayout(row)
        layout.addStretch(3)

    def _tell(self, failure: str) -> None:
        self._why.setText(failure)
        self._failure.setVisible(bool(failure))

    @Slot()
    def _begin(self) -> None:
        server = self.server.text().strip()
        if server and not self._is_under_way:
            self.log_in_wanted.emit(server)

    @Slot()
    def _settle(self) -> None:
        self.server.setEnabled(not self._is_under_way)
        self.button.setEnabled(bool(self.server.text().strip()) and not self._is_under_way)
        self._progress.setVisible(self._is_under_way)
        self.cancel.setVisible(self._is_under_way)
        if self._is_under_way:
            self._said.setText(self.tr("Waiting for you in the browser: log in there and allow this computer."))
        else:
            self._said.setText(self.tr("Your password is asked for by the marketplace's own page, never here."))
