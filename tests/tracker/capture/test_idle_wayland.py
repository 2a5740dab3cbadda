"""Compositors one by one: which request each is asked, what its mischief comes to, and what a video hides."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from stage.waiting import until
from tests.fakes.wayland import KWin, Sway
from tests.fakes.wayland_input import KWinHands, SwayHands, Video
from tests.fakes.wlserver import WaylandServer
from tracker.capture.idle.notifier import IdleNotifier
from tracker.capture.idle.source import SourceLostError
from tracker.capture.idle.stretches import LONGEST_MS, Stretches
from tracker.capture.idle.watcher import Watcher
from tracker.capture.idle.wayland import BLINDED, WaylandIdle
from tracker.capture.input.wayland import ActiveTime
from tracker.clock import monotonic_ms

TIMEOUT_MS = 100
Serve = Callable[..., WaylandServer]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wayland-0"


@pytest.fixture
def serve(path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(**offers: int) -> WaylandServer:
            server = WaylandServer(path, offers)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def connect(path: Path) -> Iterator[Callable[[], IdleNotifier]]:
    with ExitStack() as stack:

        def make() -> IdleNotifier:
            wake, woken = socket.socketpair()
            stack.enter_context(wake)
            stack.enter_context(woken)
            notifier = IdleNotifier(path, Stretches(TIMEOUT_MS), monotonic_ms, woken)
            stack.callback(notifier.close)
            return notifier

        yield make


@pytest.mark.parametrize(
    ("offers", "asked", "can_be_blinded"),
    [
        ({"wl_seat": 8, "ext_idle_notifier_v1": 2}, ("ext_idle_notifier_v1.2", 2, (6, TIMEOUT_MS, 4)), False),
        ({"wl_seat": 8, "ext_idle_notifier_v1": 3}, ("ext_idle_notifier_v1.2", 2, (6, TIMEOUT_MS, 4)), False),
        ({"wl_seat": 8, "ext_idle_notifier_v1": 1}, ("ext_idle_notifier_v1.1", 1, (6, TIMEOUT_MS, 4)), True),
        ({"org_kde_kwin_idle": 1, "wl_seat": 1}, ("org_kde_kwin_idle.1", 0, (6, 4, TIMEOUT_MS)), True),
        (
            {"org_kde_kwin_idle": 1, "wl_seat": 1, "ext_idle_notifier_v1": 2},
            ("ext_idle_notifier_v1.2", 2, (6, TIMEOUT_MS, 4)),
            False,
        ),
    ],
)
def test_inhibitors_are_left_out_wherever_the_compositor_can(
    serve: Serve,
    connect: Callable[[], IdleNotifier],
    offers: dict[str, int],
    asked: tuple[str, int, tuple[int, ...]],
    can_be_blinded: bool,
) -> None:
    server = serve(**offers)
    notifier = connect()
    assert [one for one in server.asked if one[0] != "wl_seat.1"] == [asked]
    assert notifier.can_be_blinded is can_be_blinded


@pytest.mark.parametrize("offers", [{}, {"wl_seat": 8}, {"ext_idle_notifier_v1": 2}])
def test_a_compositor_that_cannot_tell_is_refused(
    serve: Serve, connect: Callable[[], IdleNotifier], offers: dict[str, int]
) -> None:
    serve(**offers)
    with pytest.raises(SourceLostError, match="offers neither"):
        connect()


MISCHIEF: dict[str, tuple[Callable[[WaylandServer], None], str]] = {
    "refuses": (lambda server: server.refuse("no such object"), "it says: no such object"),
    "takes its seat back": (lambda server: server.take_back(1), "took back"),
    "sends a message without end": (lambda server: server.send_raw(bytes(8)), "no Wayland event"),
    "sends an error without text": (lambda server: server.send(1, 0, b"abcd"), "no Wayland event"),
    "knows a third event": (lambda server: server.send(6, 2), "an event that a notification has not"),
}


@pytest.mark.parametrize("what", MISCHIEF)
def test_whatever_a_compositor_sends_is_at_worst_an_error(
    serve: Serve, connect: Callable[[], IdleNotifier], what: str
) -> None:
    server = serve(wl_seat=8, ext_idle_notifier_v1=2)
    notifier = connect()
    act, cause = MISCHIEF[what]
    act(server)

    def hear() -> None:
        notifier.handle()

    with pytest.raises(SourceLostError, match=cause):
        until(hear, "the error", poll_s=0.002)


def test_a_second_seat_may_come_and_go(serve: Serve, connect: Callable[[], IdleNotifier]) -> None:
    server = serve(wl_seat=8, ext_idle_notifier_v1=2, wl_output=4)
    notifier = connect()
    server.take_back(3)
    server.send(6, 0)
    server.send(6, 1)
    stretches = notifier._stretches

    def newest_ms() -> int | None:
        notifier.handle()
        return stretches.newest_ms(2**40)

    until(newest_ms, "the input after it", poll_s=0.002)


def test_a_compositor_that_hangs_holds_nobody_up(path: Path) -> None:
    server = WaylandServer(path, {}, silent=True)
    wake, woken = socket.socketpair()
    times_ms = iter(range(0, 60_000, 1_500))  # as if 1.5 s passed between two questions
    with wake, woken, pytest.raises(SourceLostError, match="it does not answer"):
        IdleNotifier(path, Stretches(), lambda: next(times_ms), woken)
    server.close()


# Videos


class Screening:
    """A desktop with a person, on a clock that the test moves, and perhaps a video."""

    def __init__(self, desktop: str, stack: ExitStack) -> None:
        if desktop == "sway":
            sway = Sway()
            stack.callback(sway.close)
            self.compositor: Sway | KWin = sway
            self.hands: SwayHands | KWinHands = SwayHands(sway)
        else:
            kwin = KWin(environ={"KWIN_WAYLAND_NO_PERMISSION_CHECKS": "1"})
            stack.callback(kwin.close)
            self.compositor, self.hands = kwin, KWinHands(kwin)
        stack.callback(self.hands.close)
        self.now_ms = 1_000
        self.stretches = Stretches()  # with the true time-out, for a video to begin in
        path = self.compositor.runtime / self.compositor.display
        self.watcher = Watcher((partial(IdleNotifier, path),), lambda: self.now_ms, self.stretches)
        self.watch = WaylandIdle(self.watcher)
        self.counter = ActiveTime(self.watcher, lambda: self.now_ms)
        stack.callback(self.watch.close)
        stack.callback(self.counter.stop)

    def start(self) -> None:
        self.hands.move_pointer()  # KWin is ready once it takes input
        self.watch.look(self.now_ms)
        self.counter.start()
        self.wait_for_idleness()

    def wait_for_idleness(self) -> None:
        until(self.is_idle, "the desktop to say that its person is idle", poll_s=0.005)

    def is_idle(self) -> bool:
        return self.stretches._began_ms is None and self.stretches._asked_ms is None

    def press_key_at(self, at_ms: int) -> None:
        self.now_ms = at_ms
        self.hands.press_key()
        until(lambda: self.stretches.newest_ms(at_ms) == at_ms, "the key", poll_s=0.002)


@pytest.fixture(params=["sway", pytest.param("kwin", marks=pytest.mark.slow)])
def screening(request: pytest.FixtureRequest) -> Iterator[Screening]:
    with ExitStack() as stack:
        yield Screening(request.param, stack)


def test_a_video_hides_idleness_for_no_longer_than_a_minute(screening: Screening) -> None:
    screening.start()
    assert screening.watch.limit() == BLINDED
    video = Video(screening.compositor)
    screening.wait_for_idleness()
    screening.press_key_at(10_000)
    video.play()
    until_s = time.monotonic() + 3
    until(lambda: time.monotonic() > until_s, "three time-outs to pass")
    assert not screening.is_idle(), "the desktop obeys the video"
    screening.now_ms = 700_000
    assert screening.watch.look(700_000).last_input_ms == 10_000 + LONGEST_MS
    assert screening.counter.take().active_ms == LONGEST_MS
    problem = screening.counter.problem()
    assert problem is not None
    assert "hides your input" in problem

    video.close()
    screening.wait_for_idleness()
    assert screening.counter.problem() is None
    assert screening.watch.look(710_000).last_input_ms == 10_000 + LONGEST_MS, "the end of a video is no input"
    screening.press_key_at(720_000)
    assert screening.watch.look(720_000).last_input_ms == 720_000


def test_a_video_that_begins_while_the_person_is_away_is_no_input(screening: Screening) -> None:
    screening.start()
    screening.now_ms = 700_000
    video = Video(screening.compositor)
    video.play()
    assert screening.watch.look(700_000).last_input_ms == 1_000
    video.close()
    screening.press_key_at(800_000)
    assert screening.watch.look(800_000).last_input_ms == 800_000
