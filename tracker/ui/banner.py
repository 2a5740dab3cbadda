"""The one banner: what is being tracked, for whom, since when, whether it is protected, and the button to change it."""

from uuid import UUID

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tracker.domain.session import Phase
from tracker.ui.labels import ClockLabel, elided, sentence
from tracker.ui.presenters import BannerState
from tracker.ui.theme import MARGIN, SPACE_1, SPACE_2, SPACE_4, Theme, Tone, TonedFrame

_TONES = {Phase.TRACKING: Tone.BRAND, Phase.PAUSED: Tone.AMBER, Phase.STOPPED: Tone.QUIET}


class ActivityMeter(QWidget):
    """Ten bars, as many full as minutes were active; the banner's line says the number as well."""

    _BARS = 10

    def __init__(self) -> None:
        super().__init__()
        self._tenths = 0

    def set_tenths(self, tenths: int) -> None:
        """Show so many of ten."""
        if tenths != self._tenths:
            self._tenths = tenths
            self.update()

    def sizeHint(self) -> QSize:
        """Give the ten bars' size."""
        return QSize(self._BARS * 6, 12)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the bars: full ones high and solid, the others low and faint."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        full = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(full)
        faint.setAlphaF(0.4)
        for bar in range(self._BARS):
            is_full = bar < self._tenths
            height = 12.0 if is_full else 5.0
            painter.setBrush(full if is_full else faint)
            painter.drawRoundedRect(QRectF(bar * 6, 12 - height, 4, height), 1, 1)
        painter.end()


class Banner(TonedFrame):
    """Shows a `BannerState`; `start_wanted` carries the contract, `stop_wanted` nothing."""

    start_wanted = Signal(UUID)
    stop_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, Tone.QUIET)
        self._state: BannerState | None = None
        self._is_busy = False
        self._title = elided(1.1, QFont.Weight.DemiBold)
        self._subtitle = elided()
        self._clock = ClockLabel(2.9)
        self._line = sentence()
        self._meter = ActivityMeter()
        self.toggle = QPushButton()
        self.toggle.setProperty("strong", True)
        self.toggle.clicked.connect(self._toggle)
        self.stop = QPushButton(self.tr("■ Stop"))
        self.stop.setAccessibleName(self.tr("Stop the paused timer"))
        self.stop.clicked.connect(self.stop_wanted)

        names = QVBoxLayout()
        names.setSpacing(2)
        names.addWidget(self._title)
        names.addWidget(self._subtitle)
        top = QHBoxLayout()
        top.setSpacing(SPACE_2)
        top.addLayout(names, 1)
        top.addWidget(self.toggle, 0, Qt.AlignmentFlag.AlignTop)
        below = QHBoxLayout()
        below.setSpacing(SPACE_2)
        below.addWidget(self._line, 1)
        below.addWidget(self._meter, 0, Qt.AlignmentFlag.AlignVCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, SPACE_4, MARGIN, SPACE_4)
        layout.setSpacing(SPACE_1)
        layout.addLayout(top)
        middle = QHBoxLayout()
        middle.addWidget(self._clock, 1)
        middle.addWidget(self.stop, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addLayout(middle)
        layout.addLayout(below)

    def show_state(self, state: BannerState) -> None:
        """Show this state."""
        if state == self._state:
            return
        self._state = state
        self.set_tone(_TONES[state.phase])
        self._title.setText(state.title)
        self._subtitle.setText(state.subtitle)
        self._clock.set_text(state.clock)
        self._clock.setAccessibleName(self.tr("Running time {clock}").format(clock=state.clock))
        self._line.setText(state.line)
        self._line.setVisible(bool(state.line))
        self._meter.setVisible(state.activity is not None)
        if state.activity is not None:
            self._meter.set_tenths(state.activity)
            self._meter.setAccessibleName(self.tr("Activity {tenths} of 10").format(tenths=state.activity))
        self.toggle.setText(state.button)
        self.toggle.setAccessibleName(state.button_name)
        self.toggle.setVisible(bool(state.button))
        self.stop.setVisible(state.phase is Phase.PAUSED)
        self._enable()

    def set_busy(self, *, is_busy: bool) -> None:
        """Take no second press while the first is on its way: it would undo it."""
        self._is_busy = is_busy
        self._enable()

    def _enable(self) -> None:
        can_toggle = self._state is not None and self._state.contract is not None
        self.toggle.setEnabled(can_toggle and not self._is_busy)
        self.stop.setEnabled(not self._is_busy)

    @Slot()
    def _toggle(self) -> None:
        if self._state is None:
            return
        if self._state.phase is Phase.TRACKING:
            self.stop_wanted.emit()
        elif self._state.contract is not None:
            self.start_wanted.emit(self._state.contract)
