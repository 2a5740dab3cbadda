"""What every screen must do, whatever the platform."""

import abc
from collections.abc import Callable

import pytest

from stage.waiting import until
from tests.fakes.quartz import FakeQuartz
from tests.fakes.screen import FakeScreen
from tests.fakes.wayland import Compositor, KWin, Sway
from tests.fakes.win32 import FakeWin32
from tests.fakes.xserver import XServer
from tracker.capture.picture import is_blank
from tracker.capture.screen.macos import MacScreen
from tracker.capture.screen.port import Frame, NullScreen, Screen, ScreenUnavailableError
from tracker.capture.screen.wayland import Way, WaylandScreen
from tracker.capture.screen.wayland_kwin import KWinScreenshot
from tracker.capture.screen.wayland_portal import PortalScreenshot
from tracker.capture.screen.wayland_screencopy import Screencopy
from tracker.capture.screen.windows import WindowsScreen
from tracker.capture.screen.x11 import X11Screen
from tracker.clock import monotonic_ms
from tracker.domain.errors import MachineError


class Rig(abc.ABC):
    screen: Screen

    @abc.abstractmethod
    def paint(self, bgr: bytes) -> None: ...

    @abc.abstractmethod
    def lose(self) -> None: ...

    @abc.abstractmethod
    def restore(self) -> None: ...


class FakeRig(Rig):
    def __init__(self) -> None:
        self.screen: FakeScreen = FakeScreen((64, 36), (20, 10))

    def paint(self, bgr: bytes) -> None:
        self.screen.paint(bgr)

    def lose(self) -> None:
        self.screen.lost = "The fake display is gone. Bring it back."

    def restore(self) -> None:
        self.screen.lost = None


class X11Rig(Rig):
    def __init__(self, server: XServer) -> None:
        self._server = server
        self.screen = X11Screen(server.display)

    def paint(self, bgr: bytes) -> None:
        self._server.fill(int.from_bytes(bgr, "little"))

    def lose(self) -> None:
        self._server.kill()

    def restore(self) -> None:
        self._server.revive()


class WaylandRig(Rig):
    """A Wayland desktop through one of its ways; a picture shows what is painted once the compositor has drawn it."""

    def __init__(self, desktop: Compositor, way: Way) -> None:
        self._desktop = desktop
        self.screen = WaylandScreen([way], monotonic_ms, "Mend it.")

    def paint(self, bgr: bytes) -> None:
        self._desktop.paint(int.from_bytes(bgr, "little"))
        until(lambda: _first_pixel(self.screen.grab()[0]) == bgr, "the colour on the screen", poll_s=0.02)

    def lose(self) -> None:
        self._desktop.kill()

    def restore(self) -> None:
        self._desktop.revive()


class PortalRig(WaylandRig):
    """The real portal, which has to be started anew with its desktop."""

    def __init__(self, sway: Sway) -> None:
        way = PortalScreenshot(sway.bus_address, sway.runtime / sway.display, monotonic_ms)
        super().__init__(sway, way)
        sway.start_portal("wlr")
        way.ask(60_000)  # the rest of it starts slowly

    def restore(self) -> None:
        super().restore()
        self._desktop.start_portal("wlr")


class WindowsRig(Rig):
    """The real logic above Windows's calls, which this machine has not."""

    def __init__(self) -> None:
        self._windows = FakeWin32()
        self.screen = WindowsScreen(self._windows.load, self._windows.open_mss, self._windows.last_error)

    def paint(self, bgr: bytes) -> None:
        self._windows.bgr = bgr

    def lose(self) -> None:
        self._windows.own_desktop_shown = False

    def restore(self) -> None:
        self._windows.own_desktop_shown = True


class MacRig(Rig):
    """The real logic above macOS's calls, which this machine has not."""

    def __init__(self) -> None:
        self._quartz = FakeQuartz()
        self.screen = MacScreen(self._quartz.load)

    def paint(self, bgr: bytes) -> None:
        self._quartz.bgr = bgr

    def lose(self) -> None:
        self._quartz.images_fail = True

    def restore(self) -> None:
        self._quartz.images_fail = False


def _screencopy_rig(sway: Sway) -> Rig:
    return WaylandRig(sway, Screencopy(sway.runtime / sway.display, monotonic_ms))


def _kwin_rig(kwin: KWin) -> Rig:
    return WaylandRig(kwin, KWinScreenshot(kwin.bus_address, kwin.runtime / kwin.display, monotonic_ms))


_SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("kwin", "portal")]


@pytest.fixture(params=["fake", "x11", "screencopy", "windows", "macos", *_SLOW])
def rig(request: pytest.FixtureRequest) -> Rig:
    rigs: dict[str, Callable[[], Rig]] = {
        "fake": FakeRig,
        "x11": lambda: X11Rig(request.getfixturevalue("x_server")),
        "screencopy": lambda: _screencopy_rig(request.getfixturevalue("sway")),
        "kwin": lambda: _kwin_rig(request.getfixturevalue("kwin")),
        "portal": lambda: PortalRig(request.getfixturevalue("sway_with_portals")),
        "windows": WindowsRig,
        "macos": MacRig,
    }
    return rigs[request.param]()


def _first_pixel(frame: Frame) -> bytes:
    return bytes(frame.bgrx[:3])


def test_a_grab_is_every_monitor_whole_and_unpadded(rig: Rig) -> None:
    frames = rig.screen.grab()

    assert [frame.monitor for frame in frames] == list(range(len(frames)))
    assert len(frames) >= 1
    assert all(len(frame.bgrx) == frame.width * frame.height * 4 for frame in frames)


def test_each_grab_shows_what_is_there_now(rig: Rig) -> None:
    rig.paint(b"\x11\x22\x33")
    before = rig.screen.grab()
    rig.paint(b"\x77\x88\x99")

    assert _first_pixel(rig.screen.grab()[0]) == b"\x77\x88\x99"
    assert _first_pixel(before[0]) == b"\x11\x22\x33", "a frame must not change under its holder"


def test_one_colour_is_told_from_content(rig: Rig) -> None:
    rig.paint(b"\0\0\0")

    assert all(is_blank(frame) for frame in rig.screen.grab())


def test_a_lost_display_is_one_sentence_each_time(rig: Rig) -> None:
    rig.screen.grab()
    rig.lose()

    for _ in range(3):
        with pytest.raises(ScreenUnavailableError) as caught:
            rig.screen.grab()
        assert isinstance(caught.value, MachineError)
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)


def test_a_display_that_returns_is_grabbed_again(rig: Rig) -> None:
    rig.lose()
    with pytest.raises(ScreenUnavailableError):
        rig.screen.grab()
    rig.restore()
    rig.paint(b"\x01\x02\x03")

    assert _first_pixel(rig.screen.grab()[0]) == b"\x01\x02\x03"


def test_the_null_screen_gives_its_reason() -> None:
    with pytest.raises(ScreenUnavailableError, match=r"^There is none here\.$"):
        NullScreen("There is none here.").grab()
