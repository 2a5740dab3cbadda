"""Today, this week against the limit, and earned, with the week as a bar."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QPainter, QPainterPath, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from tracker.ui.labels import caption, figure, sentence
from tracker.ui.presenters import TotalsState
from tracker.ui.theme import MARGIN, SPACE_1, SPACE_2, SPACE_3, Theme


class WeekBar(QWidget):
    """The week against its limit; what is over-limit is hatched, not only of another colour."""

    _HEIGHT = 6

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._filled = self._over = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def set_parts(self, filled: float, over: float) -> None:
        """Show these fractions of the width."""
        if (filled, over) != (self._filled, self._over):
            self._filled, self._over = filled, over
            self.update()

    def sizeHint(self) -> QSize:
        """Give the bar's height; the width is the window's."""
        return QSize(100, self._HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint ground, worked part and over-limit part within one rounded shape."""
        tokens = self._theme.tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(0, 0, self.width(), self._HEIGHT)
        shape = QPainterPath()
        shape.addRoundedRect(whole, self._HEIGHT / 2, self._HEIGHT / 2)
        painter.setClipPath(shape)
        painter.fillRect(whole, QColor(tokens.meter_off))
        filled = self.width() * self._filled
        over = self.width() * self._over
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        for start, width, brush in (
            (0.0, filled, QBrush(QColor(tokens.brand))),
            (filled, over, QBrush(QColor(tokens.over_soft))),
            (filled, over, QBrush(QColor(tokens.over), Qt.BrushStyle.BDiagPattern)),
        ):
            left = self.width() - start - width if is_mirrored else start
            painter.fillRect(QRectF(left, 0, width, self._HEIGHT), brush)
        painter.end()


class Totals(QFrame):
    """Shows a `TotalsState`."""

    _SIZE = 1.4

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setProperty("section", True)
        self._state: TotalsState | None = None
        self._today, self._week, self._earned = (figure(self._SIZE) for _ in range(3))
        self._week_of, self._currency = (figure(0.9, is_quiet=True) for _ in range(2))
        self._bar = WeekBar(theme)
        self._over = sentence(0.9, QFont.Weight.DemiBold)
        self._over.setForegroundRole(QPalette.ColorRole.BrightText)

        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_3)
        grid.setVerticalSpacing(0)
        columns: tuple[tuple[str, QLabel, QLabel | None], ...] = (
            (self.tr("Today"), self._today, None),
            (self.tr("This week"), self._week, self._week_of),
            (self.tr("Earned this week"), self._earned, self._currency),
        )
        for column, (heading, number, unit) in enumerate(columns):
            grid.addWidget(caption(heading), 0, column)
            line = QHBoxLayout()
            line.setSpacing(SPACE_1)
            line.addWidget(number, 0, Qt.AlignmentFlag.AlignBaseline)
            if unit is not None:
                line.addWidget(unit, 0, Qt.AlignmentFlag.AlignBaseline)
            line.addStretch(1)
            grid.addLayout(line, 1, column)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, SPACE_3, MARGIN, SPACE_3)
        layout.setSpacing(SPACE_2)
        layout.addLayout(grid)
        layout.addWidget(self._bar)
        layout.addWidget(self._over)

    def show_state(self, state: TotalsState | None) -> None:
        """Show this state; without a contract there is nothing to total."""
        if state == self._state and state is not None:
            return
        self._state = state
        self.setVisible(state is not None)
        if state is None:
            return
        self._today.setText(state.today)
        self._week.setText(state.week)
        self._week_of.setText(state.week_of)
        self._earned.setText(state.earned)
        self._currency.setText(state.currency)
        self._bar.setVisible(state.has_limit)
        self._bar.set_parts(state.filled, state.over)
        self._bar.setAccessibleName(
            self.tr("{week} {limit} worked this week").format(week=state.week, limit=state.week_of)
        )
        self._over.setText(state.over_text)
        self._over.setVisible(bool(state.over_text))
