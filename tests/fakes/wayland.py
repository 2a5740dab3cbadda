"""Real Wayland compositors without a screen, each a test's own: painted, hung, killed and brought back at will.

sway stands for the desktops made with wlroots, KWin for KDE's. Both refuse to run as root, so then an ordinary user
runs them; their sockets let root in all the same.
"""

import abc
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from stage.processes import StageError, program, started
from stage.waiting import until

NOBODY = 65534

_SERVICES = Path("/usr/share/dbus-1/services")
_PORTALS = Path("/usr/share/xdg-desktop-portal/portals")

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow user="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""


def as_ordinary_user() -> list[str]:
    """Give the words that run a command as nobody where the tests run as root, else none."""
    if os.geteuid() != 0:
        return []
    return [program("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


class Compositor(abc.ABC):
    """A compositor in a folder of its own, with its own session bus.

    Args:
        environ: set for it and for what its bus starts, over what every session has.
        portals: which of the installed desktop portals its bus starts when they are called, such as "wlr".
    """

    display: str
    """The socket's name in XDG_RUNTIME_DIR."""
    desktop: str
    """What XDG_CURRENT_DESKTOP says."""

    def __init__(self, environ: Mapping[str, str], portals: Sequence[str] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wayland-"))
        self.folder.chmod(0o755)
        self.runtime = self.folder / "run"
        self.home = self.folder / "home"
        for path in (self.runtime, self.home):
            path.mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        self.bus_address = f"unix:path={self.folder / 'bus'}"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_SESSION_TYPE": "wayland",
            "XDG_CURRENT_DESKTOP": self.desktop,
            "WAYLAND_DISPLAY": self.display,
            "DBUS_SESSION_BUS_ADDRESS": self.bus_address,
            "XDG_DATA_DIRS": f"{self.folder / 'share'}:/usr/local/share:/usr/share",
            "XDG_DESKTOP_PORTAL_DIR": str(self.folder / "portals"),
            **environ,
        }
        """What a program of the session has in its environment."""
        self._process: subprocess.Popen[bytes] | None = None
        self._painter: subprocess.Popen[bytes] | None = None
        self._bus: subprocess.Popen[bytes] | None = None
        try:
            self._install(portals)
            self._bus = self._start_bus()
            self.revive()
        except BaseException:
            self.close()
            raise

    def revive(self) -> None:
        """Start it, under the same name as before; it can be connected to when this returns."""
        with (self.folder / "compositor.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*as_ordinary_user(), *self._command()],
                env={name: value for name, value in self.environ.items() if name != "WAYLAND_DISPLAY"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(lambda: self._runs() and self._is_ready(), f"{type(self).__name__}'s desktop", poll_s=0.02)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for socket in (self.runtime / self.display, self.runtime / f"{self.display}.lock"):
            socket.unlink(missing_ok=True)

    def hang(self) -> None:
        """Stop it, so that it answers nothing until `wake`."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it and all that runs in its session."""
        self.kill()
        for process in (self._painter, self._bus):
            if process is not None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder)

    def start_portal(self, name: str) -> None:
        """Start one of the portals before it is called.

        xdg-desktop-portal-wlr overlooks a call that comes while it starts, until the next one.
        """
        words = ["--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.StartServiceByName"]
        words += [f"string:org.freedesktop.impl.portal.desktop.{name}", "uint32:0"]
        call = [program("dbus-send"), f"--bus={self.bus_address}", *words]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL)

    def paint(self, rgb: int) -> None:
        """Begin to fill all monitors with one colour, 0xRRGGBB; it shows some frames later."""
        self._repaint("-c", f"#{rgb:06x}")

    def hang_up(self, picture: Path) -> None:
        """Begin to show a picture on each monitor, stretched to its size."""
        self._repaint("-m", "stretch", "-i", str(picture))

    def _repaint(self, *words: str) -> None:
        last = self._painter
        self._painter = subprocess.Popen(
            [program("swaybg"), *words], env=self.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if last is not None:
            last.kill()
            last.wait()

    @abc.abstractmethod
    def _command(self) -> Sequence[str]: ...

    def _is_ready(self) -> bool:
        return (self.runtime / self.display).exists()

    def _runs(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "compositor.log").read_text()
        return True

    def _install(self, portals: Sequence[str]) -> None:
        """Let the bus start these portals alone: others that are installed would wait for desktops that do not run."""
        for name in ("services", "portals"):
            (self.folder / name).mkdir()
        for name in portals:
            if not (_PORTALS / f"{name}.portal").exists():
                package = f"xdg-desktop-portal-{name}"
                raise StageError(f"{package} is missing. Install it with: sudo apt-get install {package}")
            shutil.copy(_PORTALS / f"{name}.portal", self.folder / "portals")
        always = ("portal.Desktop", "impl.portal.PermissionStore") if portals else ()
        for name in (*always, *(f"impl.portal.desktop.{one}" for one in portals)):
            shutil.copy(_SERVICES / f"org.freedesktop.{name}.service", self.folder / "services")

    def _start_bus(self) -> subprocess.Popen[bytes]:
        config = self.folder / "bus.conf"
        config.write_text(_BUS.format(socket=self.folder / "bus", services=self.folder / "services"))
        reader, writer = os.pipe()
        with os.fdopen(reader) as answer, (self.folder / "bus.log").open("wb") as log:
            bus = subprocess.Popen(
                [program("dbus-daemon"), f"--config-file={config}", "--nofork", f"--print-address={writer}"],
                env=self.environ,
                pass_fds=[writer],
                stderr=log,
            )
            os.close(writer)
            assert answer.readline().startswith(self.bus_address), (self.folder / "bus.log").read_text()
        (self.folder / "bus").chmod(0o777)
        return bus


class Sway(Compositor):
    """sway with monitors that exist in memory alone.

    Args:
        outputs: how many monitors, 1280 × 720 each; `tell` changes them.
        environ: set over what every session has.
        portals: which desktop portals can be started.
    """

    display = "wayland-1"
    desktop = "sway"

    def __init__(self, outputs: int = 1, environ: Mapping[str, str] | None = None, portals: Sequence[str] = ()) -> None:
        self._outputs = outputs
        super().__init__(environ or {}, portals)

    @property
    def socket(self) -> Path:
        return self.runtime / "sway.sock"

    def tell(self, *words: str) -> str:
        """Give it a command, such as `output HEADLESS-1 scale 2` or `seat - cursor move 5 5`, and its answer."""
        answer = subprocess.run(
            [program("swaymsg"), "--socket", str(self.socket), "--raw", *words],
            check=False,
            capture_output=True,
            text=True,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def seen(self, output: str | None = None) -> bytes:
        """Give what it shows as grim sees it, a PPM picture: a second witness of every picture taken."""
        words = ["-o", output] if output else []
        grim = [program("grim"), "-t", "ppm", *words, "-"]
        return subprocess.run(grim, env=self.environ, check=True, capture_output=True).stdout

    def shows(self, rgb: int) -> bool:
        """Tell whether the first pixel of the first monitor has this colour."""
        return self.seen("HEADLESS-1").split(b"\n", 3)[3][:3] == rgb.to_bytes(3)

    def point(self, left: int, top: int) -> None:
        """Move the pointer there."""
        self.tell("seat", "-", "cursor", "set", str(left), str(top))

    def kill(self) -> None:
        super().kill()
        self.socket.unlink(missing_ok=True)

    def _command(self) -> Sequence[str]:
        config = self.folder / "sway.conf"
        config.write_text("xwayland disable\n")
        environ = {
            "WLR_BACKENDS": "headless",
            "WLR_LIBINPUT_NO_DEVICES": "1",
            "WLR_RENDERER": "pixman",
            "WLR_HEADLESS_OUTPUTS": str(self._outputs),
            "SWAYSOCK": str(self.socket),
        }
        settings = [f"{name}={value}" for name, value in environ.items()]
        return [program("env"), *settings, program("sway"), "-c", str(config)]

    def _is_ready(self) -> bool:
        return super()._is_ready() and self.socket.exists()


@contextmanager
def pipewire(desktop: Compositor) -> Iterator[None]:
    """Run PipeWire in a session, without which xdg-desktop-portal-wlr does not start."""
    with started([program("pipewire")], environment=desktop.environ, log=desktop.folder / "pipewire.log"):
        until((desktop.runtime / "pipewire-0").exists, "PipeWire")
        yield


class KWin(Compositor):
    """KWin with monitors that exist in memory alone; Mesa draws without a graphics card.

    Args:
        outputs: how many monitors, side by side.
        width: of each, in pixels.
        height: likewise.
        scale: of all.
        environ: set over what every session has; KWIN_WAYLAND_NO_PERMISSION_CHECKS=1 lets every program use its
            restricted Wayland interfaces (fake input), KWIN_SCREENSHOT_NO_PERMISSION_CHECKS=1 its pictures.
    """

    display = "wayland-9"
    desktop = "KDE"

    def __init__(
        self,
        outputs: int = 1,
        width: int = 640,
        height: int = 480,
        scale: int = 1,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._words = [f"--output-count={outputs}", f"--width={width}", f"--height={height}", f"--scale={scale}"]
        super().__init__(environ or {})

    def _command(self) -> Sequence[str]:
        # The installed program carries a capability that containers refuse; a copy does not. It must keep its name,
        # by which KWin knows itself.
        copy = self.folder / "kwin_wayland"
        if not copy.exists():
            shutil.copyfile(program("kwin_wayland"), copy)
            copy.chmod(0o755)
        quiet = ["--no-lockscreen", "--no-global-shortcuts", "--no-kactivities"]
        return [str(copy), "--virtual", f"--socket={self.display}", *quiet, *self._words]

    def _is_ready(self) -> bool:
        return super()._is_ready() and self._offers_pictures()

    def _offers_pictures(self) -> bool:
        """Tell whether the part that takes pictures is loaded, which is the last to be."""
        words = ["--print-reply", "--dest=org.kde.KWin", "/org/kde/KWin/ScreenShot2"]
        words += ["org.freedesktop.DBus.Properties.Get", "string:org.kde.KWin.ScreenShot2", "string:Version"]
        question = [program("dbus-send"), f"--bus={self.bus_address}", *words]
        return subprocess.run(question, check=False, capture_output=True).returncode == 0
