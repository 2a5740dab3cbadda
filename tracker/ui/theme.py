"""Daybook's colours and shapes as a Qt palette and one small stylesheet, in light and dark.

The colours are those of the pages (the design's tokens), so that window and diary look like one thing. Fusion paints,
the palette colours; the stylesheet only rounds what people press and write in. Every pair of text and ground that is
used stands at 4.5:1 or more (WCAG 2.2, 1.4.3); a test computes it.
"""

import enum
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QPalette, QShowEvent
from PySide6.QtWidgets import QApplication, QFrame, QWidget

SPACE_1, SPACE_2, SPACE_3, SPACE_4, SPACE_5 = 4, 8, 12, 16, 24
RADIUS_S, RADIUS_M = 4, 8
MARGIN = 20

_SMALLEST_POINTS = 10.0  # without a desktop's own setting Qt falls back to 9 points, too small to read all day


@dataclass(frozen=True, slots=True)
class Tokens:
    """The design's colours by their names there."""

    ink: str
    muted: str
    line: str
    canvas: str
    paper: str
    brand: str
    brand_soft: str
    brand_ink: str
    manual: str
    manual_soft: str
    over: str
    over_soft: str
    meter_off: str


LIGHT = Tokens(
    ink="#17212b",
    muted="#566270",
    line="#dde3ea",
    canvas="#f5f7f9",
    paper="#ffffff",
    brand="#0b6b50",
    brand_soft="#e3f2ec",
    brand_ink="#ffffff",
    manual="#8a5a00",
    manual_soft="#fdf1d8",
    over="#b3261e",
    over_soft="#fde8e6",
    meter_off="#d5dce4",
)
DARK = Tokens(
    ink="#e7edf3",
    muted="#a3b0bd",
    line="#2c3742",
    canvas="#12181e",
    paper="#1a222a",
    brand="#43c79d",
    brand_soft="#173a2f",
    brand_ink="#06231a",
    manual="#f0b95a",
    manual_soft="#3a2d12",
    over="#ff8d84",
    over_soft="#43201d",
    meter_off="#36424e",
)


class Tone(enum.Enum):
    """What a block of the window is about, told by its ground."""

    PAPER = enum.auto()
    QUIET = enum.auto()
    BRAND = enum.auto()
    AMBER = enum.auto()
    RED = enum.auto()


def palette(tokens: Tokens, tone: Tone = Tone.PAPER) -> QPalette:
    """Give the palette of a block of this tone; `PAPER` is the application's."""
    ground, ink, muted, line, ring = {
        Tone.PAPER: (tokens.paper, tokens.ink, tokens.muted, tokens.line, tokens.brand),
        Tone.QUIET: (tokens.canvas, tokens.ink, tokens.muted, tokens.line, tokens.brand),
        Tone.BRAND: (tokens.brand, tokens.brand_ink, tokens.brand_ink, tokens.brand, tokens.ink),
        Tone.AMBER: (tokens.manual_soft, tokens.manual, tokens.manual, tokens.manual, tokens.manual),
        Tone.RED: (tokens.over_soft, tokens.over, tokens.over, tokens.over, tokens.over),
    }[tone]
    role = QPalette.ColorRole
    colours = {
        role.Window: ground,
        role.WindowText: ink,
        role.Base: tokens.paper,
        role.AlternateBase: tokens.canvas,
        role.Text: tokens.ink,
        role.Button: tokens.paper,
        role.ButtonText: tokens.ink,
        role.BrightText: tokens.over,
        role.PlaceholderText: muted,
        role.Mid: line,
        role.Midlight: tokens.meter_off,
        role.Dark: muted,
        role.Shadow: tokens.ink,
        role.Light: tokens.paper,
        role.Highlight: ring,
        role.HighlightedText: tokens.paper if tone is Tone.BRAND else tokens.brand_ink,
        role.Accent: ring,
        role.Link: tokens.brand,
        role.ToolTipBase: tokens.ink,
        role.ToolTipText: tokens.paper,
    }
    made = QPalette()
    for name, colour in colours.items():
        made.setColor(name, QColor(colour))
    for name in (role.ButtonText, role.Text):
        made.setColor(QPalette.ColorGroup.Disabled, name, QColor(tokens.muted))
    return made


def stylesheet(tokens: Tokens) -> str:
    """Give the application's stylesheet; colours come from the palette where a block's tone may change them."""
    return f"""
        QPushButton {{
            border: 1px solid {tokens.line}; border-radius: {RADIUS_M}px; padding: 5px 12px;
            background: palette(button); color: palette(button-text);
        }}
        QPushButton:hover {{ background: {tokens.canvas}; border-color: {tokens.muted}; }}
        QPushButton:pressed {{ background: {tokens.meter_off}; }}
        QPushButton:disabled {{ color: {tokens.muted}; background: {tokens.canvas}; }}
        QPushButton:focus {{ border: 2px solid palette(highlight); padding: 4px 11px; }}
        QPushButton[strong="true"] {{ font-weight: 600; }}
        QPushButton[primary="true"] {{
            font-weight: 600; background: {tokens.brand}; color: {tokens.brand_ink}; border-color: {tokens.brand};
        }}
        QPushButton[primary="true"]:focus {{ border: 2px solid {tokens.ink}; }}
        QPushButton[primary="true"]:disabled {{
            background: {tokens.canvas}; color: {tokens.muted}; border-color: {tokens.line};
        }}
        QPushButton[flat="true"] {{ border-color: transparent; background: transparent; color: palette(window-text); }}
        QPushButton[flat="true"]:hover {{ border-color: palette(mid); }}
        QPushButton[flat="true"]:focus {{ border-color: palette(highlight); }}
        QLineEdit {{
            border: 1px solid {tokens.line}; border-radius: {RADIUS_M}px; padding: 7px 11px; background: {tokens.paper};
        }}
        QLineEdit:focus {{ border: 2px solid {tokens.brand}; padding: 6px 10px; }}
        QFrame[section="true"] {{ border: 0; border-bottom: 1px solid {tokens.line}; }}
        QFrame[card="true"] {{ border: 1px solid {tokens.muted}; }}
        QScrollBar:vertical {{ width: 10px; background: transparent; border: 0; }}
        QScrollBar::handle:vertical {{
            background: {tokens.meter_off}; border-radius: {RADIUS_S}px; min-height: 32px; margin: 1px;
        }}
        QScrollBar::handle:vertical:hover {{ background: {tokens.muted}; }}
        QScrollBar::add-line:vertical, QScrollBar::sub-line:vertical {{ height: 0; }}
        QToolTip {{
            color: {tokens.paper}; background: {tokens.ink}; border: 0; padding: {SPACE_1}px {SPACE_2}px;
        }}
    """


class Theme(QObject):
    """Follows the desktop's light or dark, and tells when it changes.

    Args:
        application: what is coloured.
        scheme: light or dark; `Unknown` follows the desktop.
    """

    changed = Signal()

    def __init__(
        self, application: QApplication, scheme: Qt.ColorScheme = Qt.ColorScheme.Unknown, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._application = application
        self._wanted = scheme
        self.tokens = LIGHT
        application.setAttribute(Qt.ApplicationAttribute.AA_UseStyleSheetPropagationInWidgetStyles)
        application.setStyle("Fusion")
        font = application.font()
        if 0 < font.pointSizeF() < _SMALLEST_POINTS:
            font.setPointSizeF(_SMALLEST_POINTS)
            application.setFont(font)
        application.styleHints().colorSchemeChanged.connect(self._follow)
        self._follow()

    def override(self, scheme: Qt.ColorScheme) -> None:
        """Hold to light or dark, or with `Unknown` follow the desktop again."""
        self._wanted = scheme
        self._follow()

    @Slot()
    def _follow(self) -> None:
        scheme = self._wanted
        if scheme is Qt.ColorScheme.Unknown:
            scheme = self._application.styleHints().colorScheme()
        self.tokens = DARK if scheme is Qt.ColorScheme.Dark else LIGHT
        self._application.setPalette(palette(self.tokens))
        self._application.setStyleSheet(stylesheet(self.tokens))
        self.changed.emit()


class TonedFrame(QFrame):
    """A block of the window on the ground of its tone."""

    def __init__(self, theme: Theme, tone: Tone = Tone.PAPER, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tone = tone
        self.setAutoFillBackground(True)
        theme.changed.connect(self._colour)
        self._colour()

    @property
    def tone(self) -> Tone:
        """The block's tone."""
        return self._tone

    def set_tone(self, tone: Tone) -> None:
        """Change the tone."""
        if tone is not self._tone:
            self._tone = tone
            self._colour()

    def showEvent(self, event: QShowEvent) -> None:
        """Colour what came into the block since: under a stylesheet children do not inherit when they are added."""
        super().showEvent(event)
        self._colour()

    @Slot()
    def _colour(self) -> None:
        self.setPalette(QPalette())
        self.setPalette(palette(self._theme.tokens, self._tone))


def scaled_font(base: QFont, factor: float, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Give a font of the base's family in another size, with figures that line up."""
    font = QFont(base)
    font.setPointSizeF(base.pointSizeF() * factor)
    font.setWeight(weight)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font
