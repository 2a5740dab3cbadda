"""Idleness on a real server: what resets the screen saver does not hide it."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from Xlib import X

from tests.fakes.input import FakeInput
from tests.fakes.xserver import XServer
from tracker.capture.idle.port import Idleness
from tracker.capture.idle.x11 import X11Idle


@pytest.fixture
def watch(x_server: XServer) -> Iterator[X11Idle]:
    watch = X11Idle(FakeInput(lambda: 0), x_server.display)
    yield watch
    watch.close()


def test_a_video_player_does_not_hide_idleness(watch: X11Idle, x_server: XServer) -> None:
    watch.look(10_000)
    root = x_server.connection.screen().root
    idle_before_ms = root.screensaver_query_info().idle
    for _ in range(3):
        x_server.connection.force_screen_saver(X.ScreenSaverReset)
        x_server.connection.sync()

    assert root.screensaver_query_info().idle <= idle_before_ms, "the screen saver's own clock was reset"
    assert watch.look(700_000) == Idleness(10_000, moved=False)


def test_a_pointer_that_comes_back_to_its_place_between_looks_is_unseen_and_then_seen_again(
    watch: X11Idle, x_server: XServer
) -> None:
    x_server.point(50, 50)
    watch.look(10_000)
    x_server.point(60, 60)
    x_server.point(50, 50)
    assert watch.look(15_000) == Idleness(10_000, moved=False)
    x_server.point(51, 50)

    assert watch.look(20_000) == Idleness(20_000, moved=True)


def test_only_the_latest_position_is_held(watch: X11Idle, x_server: XServer) -> None:
    places = [(11 * n, 7 * n) for n in range(1, 20)]
    for n, place in enumerate(places):
        x_server.point(*place)
        watch.look(n)

    held = [value for value in vars(watch).values() if isinstance(value, tuple | list | dict)]
    assert held == [places[-1]]


def test_looks_never_go_back_in_time(x_server: XServer) -> None:
    now_ms = 0
    counter = FakeInput(lambda: now_ms)
    counter.start()
    watch = X11Idle(counter, x_server.display)
    seen = []
    for now_ms in range(0, 50_000, 5_000):
        if now_ms % 3:
            x_server.point(now_ms // 1000, 1)
        if now_ms % 4:
            counter.press(keys=1)
        seen.append(watch.look(now_ms).last_input_ms)
    watch.close()

    assert all(earlier <= later for earlier, later in pairwise(seen))
