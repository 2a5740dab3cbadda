"""The programs that the stage starts, and how it ends them: those alone, each by its own handle."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "Xvfb": "xvfb",
    "chromium": "chromium",
    "dbus-daemon": "dbus-daemon",
    "dbus-send": "dbus-bin",
    "gnome-keyring-daemon": "gnome-keyring",
    "kwin_wayland": "kwin-wayland",
    "setpriv": "util-linux",
    "swaymsg": "sway",
}


class StageError(Exception):
    """The stage cannot be set or the play went wrong; the text is a sentence for people."""


def program(name: str) -> str:
    """Find a program on PATH.

    Raises:
        StageError: it is not installed; the sentence names the Debian package.
    """
    path = shutil.which(name)
    if path is None:
        package = PACKAGES.get(name, name)
        raise StageError(f"The program {name} is missing. Install it with: sudo apt-get install {package}")
    return path


def console_script(name: str) -> list[str]:
    """Give the command of one of our own programs, from the environment that runs this.

    Raises:
        StageError: the project is not installed there.
    """
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise StageError(f"The command {name} is not installed beside {sys.executable}. Run it through make.")
    return [str(path)]


class Process:
    """A program that was started here, its output in a file."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            # A session of its own keeps Ctrl-C in the terminal from ending it before its guests.
            self._popen = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, None while it runs; minus the signal's number if one ended it."""
        return self._popen.poll()

    def output(self) -> str:
        """Give what it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, within_s: float | None = None) -> int:
        """Wait for its end, for ever if no time is given, and give the exit code.

        Raises:
            StageError: it still runs after that time.
        """
        try:
            return self._popen.wait(within_s)
        except subprocess.TimeoutExpired:
            raise StageError(f"{self._popen.args!r} has not ended within {within_s:g} s.") from None

    def stop(self, *, within_s: float = 10.0) -> None:
        """End it: asked first, then by force."""
        if self._popen.poll() is not None:
            return
        self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, nothing asked."""
        self._popen.kill()
        self._popen.wait()


@contextmanager
def started(command: Sequence[str], *, environment: Mapping[str, str], log: Path) -> Iterator[Process]:
    """Run a program for as long as the block lasts."""
    process = Process(command, environment=environment, log=log)
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def ends_cleanly_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an ordinary exit, so that every block above ends what it started."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
