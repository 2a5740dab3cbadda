"""KWin's own interface on a real KWin: real pixels of each monitor, and nothing for a program that it does not know."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import jeepney
import pytest
from PIL import Image

import tracker
from stage.waiting import until
from tests.fakes.login1 import PrivateBus, Service
from tests.fakes.wayland import KWin, as_ordinary_user
from tracker.capture.screen.port import Frame
from tracker.capture.screen.wayland import NoWayError
from tracker.capture.screen.wayland_kwin import KWinScreenshot
from tracker.clock import monotonic_ms

WITHIN_MS = 10_000
COLOUR = 0x336699

_PROGRAM = """
import pathlib
from tracker.capture.screen.wayland_kwin import KWinScreenshot
from tracker.clock import monotonic_ms
frames = KWinScreenshot({bus!r}, pathlib.Path({socket!r}), monotonic_ms).take(10_000)
print(*(f"{{frame.width}}x{{frame.height}}:{{bytes(frame.bgrx[:3]).hex()}}" for frame in frames))
"""
_DESKTOP_FILE = """[Desktop Entry]
Type=Application
Name=Daybook
Exec={program}
X-KDE-DBUS-Restricted-Interfaces={interfaces}
"""


@pytest.fixture
def fine_kwin() -> Iterator[KWin]:
    desktop = KWin(outputs=2, scale=2, environ={"KWIN_SCREENSHOT_NO_PERMISSION_CHECKS": "1"})
    yield desktop
    desktop.close()


@pytest.fixture
def kwin() -> Iterator[KWin]:
    desktop = KWin()
    yield desktop
    desktop.close()


def _way(desktop: KWin) -> KWinScreenshot:
    return KWinScreenshot(desktop.bus_address, desktop.runtime / desktop.display, monotonic_ms)


def _image(frame: Frame) -> Image.Image:
    return Image.frombytes("RGB", (frame.width, frame.height), bytes(frame.bgrx), "raw", "BGRX")


@pytest.mark.slow
def test_each_monitor_is_a_frame_at_its_real_pixels(fine_kwin: KWin) -> None:
    fine_kwin.paint(COLOUR)

    def frames() -> tuple[Frame, ...] | None:
        seen = _way(fine_kwin).take(WITHIN_MS)
        return seen if all(_image(one).getpixel((0, 0)) == (0x33, 0x66, 0x99) for one in seen) else None

    first, second = until(frames, "the colour on both monitors")
    assert (first.monitor, first.width, first.height) == (0, 1280, 960), "scale 2 shows 640 × 480 in 1280 × 960"
    assert (second.monitor, second.width, second.height) == (1, 1280, 960)


@pytest.mark.slow
def test_a_program_that_it_does_not_know_gets_nothing(kwin: KWin) -> None:
    with pytest.raises(NoWayError, match=r"KWin does not give one.*not authorized") as caught:
        _way(kwin).take(WITHIN_MS)

    assert not caught.value.is_final, "the portal may still do it"


@pytest.mark.slow
@pytest.mark.parametrize("interfaces", ["org.kde.KWin.ScreenShot2", "org.kde.kwin.Nothing"])
def test_a_desktop_file_that_asks_for_it_opens_it(kwin: KWin, interfaces: str) -> None:
    program = _install(kwin, interfaces)
    kwin.paint(COLOUR)
    source = _PROGRAM.format(bus=kwin.bus_address, socket=str(kwin.runtime / kwin.display))

    def run() -> subprocess.CompletedProcess[str]:
        # KWin reads which executable it is from /proc, which it may for its own user's programs alone.
        environ = {**kwin.environ, "PYTHONHOME": str(program.parent), "LD_LIBRARY_PATH": str(program.parent)}
        return subprocess.run(
            [*as_ordinary_user(), str(program), "-c", source], env=environ, capture_output=True, text=True, check=False
        )

    if interfaces.endswith("ScreenShot2"):
        until(lambda: run().stdout.strip() == "640x480:996633", "the colour, by KWin's leave")
    else:
        assert "not authorized" in run().stderr


def _install(kwin: KWin, interfaces: str) -> Path:
    """Give a copy of Python, which then is a program of its own, all that it needs, and a desktop file.

    The ordinary user who runs it may be kept out of the folder where this Python and the checkout are.
    """
    folder = kwin.folder / "program"
    library = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    surplus = shutil.ignore_patterns("site-packages", "dist-packages", "test", "idlelib", "config-*", "__pycache__")
    shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=surplus)
    for package in (tracker, jeepney):
        shutil.copytree(Path(str(package.__file__)).parent, library / package.__name__)
    for shared in Path(sysconfig.get_config_var("LIBDIR")).glob("libpython3.*.so*"):
        shutil.copy(shared, folder)
    program = folder / "daybook"
    shutil.copy(Path(sys.executable).resolve(), program)
    applications = kwin.folder / "share" / "applications"
    applications.mkdir(parents=True)
    (applications / "daybook.desktop").write_text(_DESKTOP_FILE.format(program=program, interfaces=interfaces))
    return program


@pytest.mark.slow
def test_a_kwin_that_dies_is_told(fine_kwin: KWin) -> None:
    _way(fine_kwin).take(WITHIN_MS)
    fine_kwin.kill()

    with pytest.raises(NoWayError, match="the compositor is not KWin"):
        _way(fine_kwin).take(WITHIN_MS)


def test_another_desktop_is_told_from_it(tmp_path: Path) -> None:
    bus = PrivateBus(tmp_path)
    with pytest.raises(NoWayError, match="the compositor is not KWin") as caught:
        KWinScreenshot(bus.address, tmp_path / "no-wayland", monotonic_ms).take(WITHIN_MS)
    assert not caught.value.is_final

    named = Service(bus.address, "org.kde.KWin")
    with pytest.raises(NoWayError, match="does not answer") as gone:
        KWinScreenshot(bus.address, tmp_path / "no-wayland", monotonic_ms).take(WITHIN_MS)
    named.close()
    bus.kill()
    assert gone.value.is_final

    with pytest.raises(NoWayError, match="the session bus does not answer"):
        KWinScreenshot(bus.address, tmp_path / "no-wayland", monotonic_ms).take(WITHIN_MS)
