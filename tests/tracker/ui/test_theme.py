import itertools

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QVBoxLayout
from pytestqt.qtbot import QtBot

from tracker.ui.artwork import application_icon, tray_icon
from tracker.ui.presenters import TrayShape
from tracker.ui.theme import DARK, LIGHT, Theme, Tokens, Tone, TonedFrame, palette


def luminance(colour: QColor) -> float:
    """Relative luminance (WCAG 2.2)."""
    shares = (colour.redF(), 0.2126), (colour.greenF(), 0.7152), (colour.blueF(), 0.0722)
    return sum(share * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4) for part, share in shares)


def contrast(one: QColor, other: QColor) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("tokens", "tone"), list(itertools.product((LIGHT, DARK), Tone)))
def test_every_text_stands_out_from_its_ground(tokens: Tokens, tone: Tone) -> None:
    colours = palette(tokens, tone)
    role = QPalette.ColorRole
    pairs = [
        (role.WindowText, role.Window),
        (role.PlaceholderText, role.Window),
        (role.Text, role.Base),
        (role.ButtonText, role.Button),
        (role.ButtonText, role.AlternateBase),
        (role.HighlightedText, role.Highlight),
        (role.ToolTipText, role.ToolTipBase),
    ]
    for text, ground in pairs:
        assert contrast(colours.color(text), colours.color(ground)) >= 4.5, (text, ground)
    assert contrast(colours.color(role.Highlight), colours.color(role.Button)) >= 3, "the focus ring (WCAG 1.4.11)"


@pytest.mark.parametrize("tokens", [LIGHT, DARK])
def test_what_the_stylesheet_pairs_stands_out_too(tokens: Tokens) -> None:
    for text, ground in [(tokens.brand_ink, tokens.brand), (tokens.over, tokens.paper), (tokens.muted, tokens.canvas)]:
        assert contrast(QColor(text), QColor(ground)) >= 4.5


def test_a_block_keeps_its_tone_when_the_desktop_turns_dark(qtbot: QtBot, qapp: QApplication) -> None:
    theme = Theme(qapp, Qt.ColorScheme.Light)
    block = TonedFrame(theme, Tone.AMBER)
    label = QLabel("words")
    QVBoxLayout(block).addWidget(label)
    qtbot.addWidget(block)
    block.show()
    assert label.palette().color(QPalette.ColorRole.WindowText) == QColor(LIGHT.manual)
    theme.override(Qt.ColorScheme.Dark)
    assert label.palette().color(QPalette.ColorRole.WindowText) == QColor(DARK.manual)
    assert block.palette().color(QPalette.ColorRole.Window) == QColor(DARK.manual_soft)
    block.set_tone(Tone.RED)
    assert label.palette().color(QPalette.ColorRole.WindowText) == QColor(DARK.over)


def test_every_state_has_an_icon_of_its_own(qapp: QApplication) -> None:
    assert qapp is not None
    pictures = [application_icon().pixmap(22, 22).toImage()]
    pictures += [tray_icon(shape, has_badge=False).pixmap(22, 22).toImage() for shape in TrayShape]
    pictures += [
        tray_icon(shape, has_badge=True).pixmap(22, 22).toImage() for shape in (TrayShape.TRACKING, TrayShape.PAUSED)
    ]
    assert not any(picture.isNull() for picture in pictures)
    assert all(one != other for one, other in itertools.combinations(pictures, 2))
