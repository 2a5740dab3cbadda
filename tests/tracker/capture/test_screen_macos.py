"""macOS's screen and its permission, as far as they can be tried elsewhere."""

import pytest

from stage.waiting import until
from tests.fakes.quartz import FakeQuartz
from tracker.capture.macos import RECORDING_STEP, ScreenRecording
from tracker.capture.screen.macos import MacScreen
from tracker.capture.screen.port import ScreenUnavailableError


def test_every_display_comes_at_its_own_pixels_and_nothing_leaks() -> None:
    quartz = FakeQuartz((2880, 1800), (101, 57))
    frames = MacScreen(quartz.load).grab()

    assert [(frame.monitor, frame.width, frame.height) for frame in frames] == [(0, 2880, 1800), (1, 101, 57)]
    assert bytes(frames[1].bgrx[-4:]) == quartz.bgr + b"\0"
    assert quartz.live == set()


def test_without_the_permission_no_picture_is_even_taken() -> None:
    quartz = FakeQuartz()
    quartz.granted = False
    screen = MacScreen(quartz.load)

    with pytest.raises(ScreenUnavailableError) as caught:
        screen.grab()
    quartz.answer.set()
    assert "image" not in quartz.calls, "it would show the wallpaper and nothing else"
    assert str(caught.value) == f"No picture can be taken: Daybook may not record the screen. {RECORDING_STEP}"


def test_the_permission_is_looked_for_before_it_is_asked_for_and_asked_for_once() -> None:
    quartz = FakeQuartz()
    quartz.granted = False
    screen = MacScreen(quartz.load)
    for _ in range(3):
        with pytest.raises(ScreenUnavailableError):
            screen.grab()
    assert quartz.asked.wait(20)
    quartz.answer.set()

    assert quartz.calls.count("request") == 1
    assert quartz.calls[0] == "preflight"
    quartz.granted = True
    assert len(screen.grab()) == 2


def test_a_permission_given_meanwhile_waits_for_a_new_process_and_the_sentence_says_so() -> None:
    quartz = FakeQuartz()
    quartz.granted = False
    screen = MacScreen(quartz.load)
    with pytest.raises(ScreenUnavailableError):
        screen.grab()
    quartz.allow()

    with pytest.raises(
        ScreenUnavailableError, match=r"quit Daybook and start it again: macOS tells only a new process"
    ):
        screen.grab()
    assert "image" not in quartz.calls
    assert len(MacScreen(quartz.restart().load).grab()) == 2


def test_who_has_the_permission_is_never_asked() -> None:
    quartz = FakeQuartz()
    MacScreen(quartz.load).grab()

    assert quartz.calls == ["preflight", "displays", "image", "image"]


def test_a_question_that_nobody_answers_holds_up_no_grab() -> None:
    quartz = FakeQuartz()
    quartz.granted = False
    recording = ScreenRecording(quartz.load)
    recording.ask()
    until(quartz.asked.is_set, "the question", poll_s=0.001)

    assert not recording.is_granted(), "while macOS's question stands on the screen"
    quartz.answer.set()


def test_the_step_says_where_for_whom_and_to_start_again() -> None:
    for words in (
        "System Settings → Privacy & Security → Screen & System Audio Recording",
        "or the terminal",
        "quit Daybook and start it again",
    ):
        assert words in RECORDING_STEP


@pytest.mark.parametrize("number", [0, 1])
def test_a_display_that_cannot_be_read_is_a_sentence_and_leaks_nothing(number: int) -> None:
    quartz = FakeQuartz()
    if number:
        quartz.images_fail = True
    else:
        quartz.display_error = 1001

    with pytest.raises(ScreenUnavailableError, match=("error 1001", "CGDisplayCreateImage gave nothing")[number]):
        MacScreen(quartz.load).grab()
    assert quartz.live == set()


def test_no_display_that_is_on_is_no_picture() -> None:
    quartz = FakeQuartz()
    quartz.sizes = ()

    with pytest.raises(ScreenUnavailableError, match="no display is on"):
        MacScreen(quartz.load).grab()


def test_a_macos_that_has_dropped_the_call_says_so() -> None:
    quartz = FakeQuartz()
    quartz.missing = {"CGDisplayCreateImage"}

    with pytest.raises(ScreenUnavailableError, match=r"has no CGDisplayCreateImage.*look for a newer Daybook\."):
        MacScreen(quartz.load).grab()


def test_elsewhere_it_says_that_there_is_no_framework() -> None:
    with pytest.raises(ScreenUnavailableError, match="CoreGraphics"):
        MacScreen().grab()
