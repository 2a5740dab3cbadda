"""The flows through real widgets, around an engine that answers as told."""

import os
import signal
import sys
import threading
from collections.abc import Callable

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.fakes.engine import API, DESIGN, NOW_MS, FakeEngine, held, logged_out, paused, stopped, synced, tracking
from tracker.commands import (
    ApproveSnapshot,
    BlurSnapshot,
    Done,
    GetContracts,
    GetStatus,
    Quit,
    SetMemo,
    Start,
    Stop,
    Sync,
    ViewSnapshot,
    WithholdSnapshot,
)
from tracker.domain.errors import MachineError
from tracker.domain.session import Phase
from tracker.ui.application import Desktop
from tracker.ui.main_window import MainWindow
from tracker.ui.presenters import Page
from tracker.ui.termination import Termination
from wire.words import SnapshotStatus

OpenDesktop = Callable[[FakeEngine], Desktop]
LEFT = Qt.MouseButton.LeftButton


def press(button: QPushButton) -> None:
    assert button.isVisible()
    assert button.isEnabled()
    QTest.mouseClick(button, LEFT)


def page_of(window: MainWindow) -> Page:
    return window.page


def shown(widget: QWidget) -> str:
    """All texts that the widget shows."""
    texts = [child.text() for child in widget.findChildren(QWidget) if child.isVisible() and hasattr(child, "text")]
    return "\n".join(text if isinstance(text, str) else "" for text in texts)


def test_from_log_in_to_a_withheld_snapshot(qtbot: QtBot, open_desktop: OpenDesktop, jpeg: bytes) -> None:
    engine = FakeEngine(logged_out())
    desktop = open_desktop(engine)
    window = desktop.window
    assert page_of(window) is Page.LOG_IN
    QTest.keyClicks(window.log_in_page.server, "https://daybook.example")
    press(window.log_in_page.button)
    assert engine.log_ins == ["https://daybook.example"]
    assert window.log_in_page.cancel.isVisible()
    assert engine.log_in is not None
    engine.log_in.set_result(Done("Logged in."))
    engine.publish(stopped(contract=None))
    qtbot.waitUntil(lambda: window.page is Page.WORK)
    assert set(window.contracts.rows) == {API.id, DESIGN.id}

    press(window.contracts.rows[API.id].button)
    assert engine.last() == Start(contract=str(API.id), memo=None)
    qtbot.waitUntil(lambda: "API integration" in shown(window.banner))
    assert set(window.contracts.rows) == {DESIGN.id}

    QTest.keyClicks(window.memo.edit, "Fix the race")
    QTest.keyClick(window.memo.edit, Qt.Key.Key_Return)
    assert engine.last() == SetMemo("Fix the race")
    qtbot.waitUntil(lambda: "✓ saved" in shown(window.memo))

    engine.change(snapshot=held(jpeg))
    qtbot.waitUntil(window.snapshot.withhold.isVisible)
    assert window.snapshot.thumbnail.has_picture
    press(window.snapshot.withhold)
    assert engine.last() == WithholdSnapshot(7)
    qtbot.waitUntil(lambda: "withheld" in shown(window.snapshot))
    assert not window.snapshot.withhold.isVisible()

    press(window.banner.toggle)
    assert engine.last() == Stop()
    qtbot.waitUntil(lambda: window.banner.toggle.text() == "▶ Start")


def test_a_refused_log_in_says_why_and_a_waiting_one_can_be_cancelled(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(logged_out(sync=synced(is_logged_in=False)))
    page = open_desktop(engine).window.log_in_page
    assert page.server.text() == "https://daybook.example"
    press(page.button)
    press(page.cancel)
    qtbot.waitUntil(lambda: page.failure == "The log-in was cancelled.")
    assert page.button.isEnabled()
    assert page.server.text() == "https://daybook.example"


def test_an_expired_log_in_is_renewed_beside_the_contracts(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(stopped(sync=synced(is_logged_in=False)))
    window = open_desktop(engine).window
    assert page_of(window) is Page.WORK
    press(window.footer.button)
    assert page_of(window) is Page.LOG_IN
    press(window.log_in_page.back)
    assert page_of(window) is Page.WORK
    press(window.footer.button)
    press(window.log_in_page.button)
    assert engine.log_in is not None
    engine.log_in.set_result(Done("Logged in."))
    engine.publish(stopped())
    qtbot.waitUntil(lambda: window.page is Page.WORK)


def test_a_refused_command_shows_its_sentence_until_something_else_is_done(
    qtbot: QtBot, open_desktop: OpenDesktop
) -> None:
    sentence = "The contract has ended. Start another one."
    engine = FakeEngine(stopped(), refusals={Start: sentence})
    window = open_desktop(engine).window
    press(window.banner.toggle)
    qtbot.waitUntil(lambda: sentence in shown(window.notices))
    assert window.banner.toggle.isEnabled()
    engine.refusals.clear()
    press(window.banner.toggle)
    qtbot.waitUntil(lambda: window.notices.failure is None)
    assert sentence not in shown(window.notices)


def test_a_failing_command_shows_a_sentence_and_never_a_traceback(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(stopped())
    window = open_desktop(engine).window
    engine.holds_back = True
    press(window.banner.toggle)
    engine.pending.pop().set_exception(MachineError("The disk is full. Free some space."))
    qtbot.waitUntil(lambda: "The disk is full. Free some space." in shown(window.notices))
    press(window.banner.toggle)
    engine.pending.pop().set_exception(KeyError("secret detail"))
    qtbot.waitUntil(lambda: "Daybook made a mistake" in shown(window.notices))
    assert "secret detail" not in shown(window)


def test_a_second_press_while_the_first_is_on_its_way_does_nothing(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(tracking())
    window = open_desktop(engine).window
    engine.holds_back = True
    press(window.banner.toggle)
    QTest.mouseClick(window.banner.toggle, LEFT)
    window.toggle()
    assert engine.commands.count(Stop()) == 1
    engine.pending.pop().set_result(Done("Stopped."))
    qtbot.waitUntil(window.banner.toggle.isEnabled)


def test_a_memo_written_while_stopped_goes_along_with_the_start(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(stopped())
    window = open_desktop(engine).window
    QTest.keyClicks(window.memo.edit, "Plan the release")
    QTest.keyClick(window.memo.edit, Qt.Key.Key_Return)
    assert engine.commands == [GetStatus()]
    assert "used when you start" in shown(window.memo)
    press(window.banner.toggle)
    assert engine.last() == Start(contract=str(API.id), memo="Plan the release")
    qtbot.waitUntil(lambda: "✓ saved" in shown(window.memo))


def test_a_memo_is_kept_on_leaving_the_line_and_taken_back_by_escape(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(tracking(memo="Before"))
    window = open_desktop(engine).window
    edit = window.memo.edit
    assert edit.text() == "Before"
    edit.setFocus()
    edit.selectAll()
    QTest.keyClicks(edit, "After")
    engine.publish(tracking(memo="Before", session_ms=1))
    QTest.keyClick(edit, Qt.Key.Key_Escape)
    assert edit.text() == "Before"
    QTest.keyClicks(edit, " all")
    window.banner.toggle.setFocus()
    qtbot.waitUntil(lambda: SetMemo("Before all") in engine.commands)


def test_a_refused_memo_says_so_and_stays_in_the_line(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(tracking(memo=""), refusals={SetMemo: "The disk is full."})
    window = open_desktop(engine).window
    QTest.keyClicks(window.memo.edit, "Important")
    QTest.keyClick(window.memo.edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "⚠ not saved" in shown(window.memo))
    assert window.memo.edit.text() == "Important"


def test_switching_shows_the_other_contracts_memo(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(tracking(memo="For Northwind"))
    window = open_desktop(engine).window
    engine.publish(tracking(contract=DESIGN, memo="For Contoso"))
    qtbot.waitUntil(lambda: window.memo.edit.text() == "For Contoso")


def test_a_pause_is_resumed_or_stopped(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(paused())
    window = open_desktop(engine).window
    assert "Nothing has been counted since." in shown(window.banner)
    press(window.banner.toggle)
    assert isinstance(engine.last(), Start)
    engine.publish(paused())
    qtbot.waitUntil(lambda: window.banner.stop.isVisible() and window.banner.stop.isEnabled())
    press(window.banner.stop)
    assert engine.last() == Stop()


def test_the_clock_goes_on_between_statuses_and_never_back(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(tracking(session_ms=9_950))
    desktop = open_desktop(engine)
    qtbot.waitUntil(lambda: "0:00:10" in shown(desktop.window.banner), timeout=2000)
    engine.change(session_ms=9_900)
    with qtbot.waitSignal(desktop.live.changed):
        pass
    assert "0:00:10" in shown(desktop.window.banner)


def test_a_hidden_window_beats_for_nobody(open_desktop: OpenDesktop) -> None:
    desktop = open_desktop(FakeEngine(tracking()))
    assert desktop.live._timer.isActive()
    desktop.window.hide()
    assert not desktop.live._timer.isActive()
    desktop.window.show()
    assert desktop.live._timer.isActive()


def test_painting_asks_nothing_of_the_engine(qtbot: QtBot, open_desktop: OpenDesktop, jpeg: bytes) -> None:
    engine = FakeEngine(tracking(snapshot=held(jpeg)))
    desktop = open_desktop(engine)
    calls = engine.calls
    for _ in range(3):
        desktop.window.refresh()
        desktop.window.grab()
    engine.change(session_ms=1)
    with qtbot.waitSignal(desktop.live.changed):
        pass
    assert engine.calls == calls


def test_statuses_come_from_another_thread_and_the_newest_is_shown(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(stopped())
    desktop = open_desktop(engine)

    def work() -> None:
        for count in range(100):
            engine.publish(tracking(session_ms=count * 60_000))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: "1:39:00" in shown(desktop.window.banner))


def test_the_pictures_are_shown_whole_and_closed_by_escape(
    qtbot: QtBot, open_desktop: OpenDesktop, jpeg: bytes
) -> None:
    engine = FakeEngine(tracking(snapshot=held(jpeg)), pictures=(jpeg, b"no picture"))
    window = open_desktop(engine).window
    press(window.snapshot.view)
    assert engine.last() == ViewSnapshot(7)
    commands = window.snapshot_commands
    qtbot.waitUntil(lambda: commands.dialog is not None and commands.dialog.isVisible())
    assert commands.dialog is not None
    commands.dialog.grab()
    QTest.keyClick(commands.dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: commands.dialog is None)


def test_blur_sync_and_the_search_for_contracts_are_asked_for(
    qtbot: QtBot, open_desktop: OpenDesktop, jpeg: bytes
) -> None:
    engine = FakeEngine(tracking(snapshot=held(jpeg)))
    window = open_desktop(engine).window
    press(window.snapshot.blur)
    assert engine.last() == BlurSnapshot(7)
    press(window.footer.button)
    assert engine.last() == Sync()
    qtbot.waitUntil(lambda: window.footer.button.text() == "Sync now")
    engine.publish(stopped(contract=None, contracts=()))
    qtbot.waitUntil(window.contracts.refresh.isVisible)
    press(window.contracts.refresh)
    assert engine.last() == GetContracts()


def test_a_snapshot_is_announced_once_by_a_window_that_takes_no_focus(
    qtbot: QtBot, open_desktop: OpenDesktop, jpeg: bytes
) -> None:
    engine = FakeEngine(tracking())
    desktop = open_desktop(engine)
    engine.change(snapshot=held(jpeg))
    qtbot.waitUntil(lambda: desktop.notice is not None and desktop.notice.isVisible(), timeout=1000)
    notice = desktop.notice
    assert notice is not None
    assert notice.windowFlags() & Qt.WindowType.WindowDoesNotAcceptFocus
    assert notice.testAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    press(notice.panel.withhold)
    assert engine.last() == WithholdSnapshot(7)
    assert not notice.isVisible()
    engine.change(snapshot=held(jpeg))
    with qtbot.waitSignal(desktop.live.changed):
        pass
    assert not notice.isVisible()
    engine.change(snapshot=held(jpeg, id=8))
    qtbot.waitUntil(notice.isVisible)
    engine.change(snapshot=held(jpeg, id=8, status=SnapshotStatus.SENT, leaves_in_ms=None))
    qtbot.waitUntil(lambda: not notice.isVisible())


def test_a_snapshot_that_needs_approval_asks_for_it_until_it_is_decided(
    qtbot: QtBot, open_desktop: OpenDesktop, jpeg: bytes
) -> None:
    engine = FakeEngine(tracking())
    desktop = open_desktop(engine)
    panel = desktop.window.snapshot
    engine.change(snapshot=held(jpeg, needs_approval=True))
    qtbot.waitUntil(lambda: desktop.notice is not None and desktop.notice.isVisible(), timeout=1000)
    notice = desktop.notice
    assert notice is not None
    assert "without it, it is withheld in 0:4" in shown(notice)
    assert notice.panel.approve.isVisible()
    assert panel.approve.isVisible()
    notice._close()
    assert notice.isVisible(), "what waits for a decision does not go by itself"
    press(panel.approve)
    assert engine.last() == ApproveSnapshot(7)
    qtbot.waitUntil(lambda: not panel.approve.isVisible())
    notice._close()
    assert not notice.isVisible()
    engine.change(snapshot=held(jpeg, id=8, needs_approval=True))
    qtbot.waitUntil(notice.isVisible)
    press(notice.panel.approve)
    assert engine.last() == ApproveSnapshot(8)
    assert not notice.isVisible()


@pytest.mark.parametrize("taken", [{"leaves_in_ms": 0, "taken_ms": NOW_MS}, {"status": SnapshotStatus.BLURRED}])
def test_a_snapshot_without_a_hold_and_one_that_the_policy_blurs_are_announced_too(
    qtbot: QtBot, open_desktop: OpenDesktop, jpeg: bytes, taken: dict[str, object]
) -> None:
    engine = FakeEngine(tracking())
    desktop = open_desktop(engine)
    engine.change(snapshot=held(jpeg, **taken))
    qtbot.waitUntil(lambda: desktop.notice is not None and desktop.notice.isVisible(), timeout=1000)
    assert desktop.notice is not None
    assert desktop.notice.panel.view.isEnabled()
    assert not desktop.notice.panel.approve.isVisible()
    assert desktop.notice.panel.withhold.isEnabled() is ("status" in taken), "what is blurred can be withheld"


def test_the_keyboard_starts_stops_and_finds_the_memo(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(stopped())
    window = open_desktop(engine).window
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert isinstance(engine.last(), Start)
    qtbot.waitUntil(lambda: window.banner.toggle.text() == "■ Stop" and window.banner.toggle.isEnabled())
    QTest.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(window.memo.edit.hasFocus)
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert engine.last() == Stop()


def test_every_control_has_a_name_for_screen_readers(open_desktop: OpenDesktop, jpeg: bytes) -> None:
    window = open_desktop(FakeEngine(tracking(snapshot=held(jpeg)))).window
    controls = [*window.findChildren(QPushButton), *window.findChildren(QLineEdit)]
    nameless = [
        control
        for control in controls
        if control.isVisible()
        and not (control.accessibleName() or (isinstance(control, QPushButton) and control.text()))
    ]
    assert controls
    assert not nameless
    assert window.banner.toggle.accessibleName() == "Stop tracking API integration"


def test_long_names_are_elided_with_the_whole_in_the_tooltip(open_desktop: OpenDesktop) -> None:
    title = "Internationalisierungskoordinationsbesprechungen und Qualitätssicherungsmaßnahmen"
    contract = msgspec.structs.replace(API, title=title, client=title)
    window = open_desktop(FakeEngine(tracking(contract=contract, contracts=(contract,)))).window
    assert window.width() == 400
    assert window.banner._title.toolTip() == title
    assert window.banner.toggle.geometry().right() < window.width()


def test_closing_without_a_tray_minimises(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    desktop = open_desktop(FakeEngine(tracking()))
    assert desktop.tray is None
    desktop.window.close()
    qtbot.waitUntil(desktop.window.isMinimized)
    assert desktop.window.isVisible()
    desktop.bridge.show_requested.emit()
    assert not desktop.window.isMinimized()


def test_starting_a_second_time_shows_the_window(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(tracking())
    desktop = open_desktop(engine)
    desktop.window.hide()
    engine.show()
    qtbot.waitUntil(desktop.window.isVisible)


def test_quitting_saves_first_and_a_refusal_keeps_the_window(
    qtbot: QtBot, qapp: QApplication, open_desktop: OpenDesktop
) -> None:
    engine = FakeEngine(tracking(), refusals={Quit: "The disk is full. Free some space, then quit."})
    desktop = open_desktop(engine)
    ended: list[int] = []
    desktop.ended.connect(lambda: ended.append(1))
    desktop.actions.quit.trigger()
    qtbot.waitUntil(lambda: "The disk is full." in shown(desktop.window.notices))
    assert not ended
    engine.refusals.clear()
    desktop.actions.quit.trigger()
    qtbot.waitUntil(lambda: bool(ended))
    assert qapp is not None


def test_an_engine_that_does_not_answer_can_be_left_in_the_end(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    engine = FakeEngine(tracking())
    desktop = open_desktop(engine)
    engine.holds_back = True
    desktop.actions.quit.trigger()
    desktop.actions.quit.trigger()
    assert engine.commands.count(Quit()) == 1
    desktop._saving.timeout.emit()
    assert "Quit again" in shown(desktop.window.notices)
    with qtbot.waitSignal(desktop.ended):
        desktop.actions.quit.trigger()


def test_a_terminating_signal_quits(qtbot: QtBot, open_desktop: OpenDesktop) -> None:
    desktop = open_desktop(FakeEngine(tracking()))
    termination = Termination()
    termination.asked.connect(desktop.quit)
    try:
        with qtbot.waitSignal(desktop.ended):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        termination.restore()
    assert desktop.live.status is not None
    assert desktop.live.status.phase is Phase.TRACKING


def test_emitting_loses_no_reference(open_desktop: OpenDesktop) -> None:
    """PySide6 6.12.0 under Python 3.11 gives `True` back once too often at each emission from Python.

    A tracker emits at every tick; after some hundred the interpreter would end with "bool_dealloc".
    """
    desktop = open_desktop(FakeEngine(tracking()))
    before = sys.getrefcount(True)
    for _ in range(50):
        desktop.bridge.succeeded.emit()
    assert sys.getrefcount(True) > before - 50
