"""mss on a real server: the known pattern, two monitors, and no handle left open."""

import gc
from pathlib import Path

import pytest

from tests.fakes.xserver import XServer
from tracker.capture.picture import is_blank
from tracker.capture.screen.port import Frame, ScreenUnavailableError
from tracker.capture.screen.x11 import X11Screen

RED, GREEN, BLUE, GREY = 0xFF0000, 0x00FF00, 0x0000FF, 0x123456


def _rgb(frame: Frame, left: int, top: int) -> int:
    start = (top * frame.width + left) * 4
    blue, green, red = frame.bgrx[start : start + 3]
    return red << 16 | green << 8 | blue


def _quarter(server: XServer) -> None:
    half, middle = server.width // 2, server.height // 2
    server.fill(RED)
    server.fill(GREEN, half, 0, half, middle)
    server.fill(BLUE, 0, middle, half, middle)
    server.fill(GREY, half, middle, half, middle)


def test_the_pixels_are_those_on_the_screen(x_server: XServer) -> None:
    _quarter(x_server)
    (frame,) = X11Screen(x_server.display).grab()

    assert (frame.width, frame.height) == (x_server.width, x_server.height)
    right, bottom = frame.width - 1, frame.height - 1
    assert [_rgb(frame, x, y) for x, y in ((0, 0), (right, 0), (0, bottom), (right, bottom))] == [
        RED,
        GREEN,
        BLUE,
        GREY,
    ]
    assert _rgb(frame, frame.width // 2 - 1, 0) == RED
    assert _rgb(frame, frame.width // 2, 0) == GREEN


def test_each_monitor_is_its_own_frame(x_server: XServer) -> None:
    x_server.split()
    _quarter(x_server)
    left, right = X11Screen(x_server.display).grab()

    assert (left.monitor, left.width, left.height) == (0, x_server.width // 2, x_server.height)
    assert (right.monitor, right.width, right.height) == (1, x_server.width // 2, x_server.height)
    assert (_rgb(left, 0, 0), _rgb(left, 0, left.height - 1)) == (RED, BLUE)
    assert (_rgb(right, 0, 0), _rgb(right, 0, right.height - 1)) == (GREEN, GREY)


def test_one_dark_monitor_does_not_make_the_other_blank(x_server: XServer) -> None:
    x_server.split()
    x_server.fill(0)
    x_server.fill(GREY, 5, 5, 10, 10)
    left, right = X11Screen(x_server.display).grab()

    assert not is_blank(left)
    assert is_blank(right)


def test_nothing_stays_open_after_a_grab_or_a_failure(x_server: XServer) -> None:
    screen = X11Screen(x_server.display)
    screen.grab()  # loads the libraries
    gc.collect()
    before = _open_files()
    for _ in range(5):
        screen.grab()
    assert _open_files() == before
    x_server.kill()
    gc.collect()
    before = _open_files()
    for _ in range(5):
        with pytest.raises(ScreenUnavailableError):
            screen.grab()

    assert _open_files() == before


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_server_that_dies_between_two_monitors_is_a_sentence(
    x_server: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mss import MSS  # noqa: PLC0415 - the tracker loads it at the first grab, and so does this

    x_server.split()
    grab = MSS.grab
    grabbed: list[object] = []

    def dying(self: MSS, monitor: dict[str, int]) -> object:
        if grabbed:
            x_server.kill()
        grabbed.append(monitor)
        return grab(self, monitor)

    monkeypatch.setattr(MSS, "grab", dying)
    with pytest.raises(ScreenUnavailableError, match=r"Check that the desktop session is still running"):
        X11Screen(x_server.display).grab()

    assert len(grabbed) == 2


@pytest.mark.parametrize("failure", [AssertionError(), OSError("no libxcb")])
def test_what_mss_raises_beside_its_own_error_is_a_sentence_too(
    x_server: XServer, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    from mss import MSS  # noqa: PLC0415 - the tracker loads it at the first grab, and so does this

    def fail(_self: MSS, _monitor: dict[str, int]) -> object:
        raise failure

    monkeypatch.setattr(MSS, "grab", fail)
    with pytest.raises(ScreenUnavailableError, match=rf"X server at {x_server.display} does not give one \(\w.*\)\."):
        X11Screen(x_server.display).grab()
