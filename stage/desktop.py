"""A desktop that nobody sits at: X server, window manager with a tray, session bus and unlocked keyring."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stage import screen
from stage.processes import Process, StageError, program, started
from stage.waiting import until

_JWMRC = """<?xml version="1.0"?>
<JWM>
  <Tray x="0" y="-1" height="28" autohide="off"><TaskList maxwidth="220"/><Dock/><Clock format="%H:%M"/></Tray>
  <WindowStyle decorations="flat">
    <Font>DejaVu Sans-9:bold</Font><Width>4</Width><Height>28</Height><Corner>6</Corner>
    <Foreground>#5b6472</Foreground><Background>#dfe4ea</Background><Outline>#b6bec9</Outline>
    <Active><Foreground>#ffffff</Foreground><Background>#33404f</Background><Outline>#26303b</Outline></Active>
  </WindowStyle>
  <TrayStyle decorations="flat">
    <Font>DejaVu Sans-9</Font><Foreground>#e8edf2</Foreground><Background>#26303b</Background>
    <Active><Foreground>#ffffff</Foreground><Background>#3d4b5c</Background></Active>
  </TrayStyle>
  <Desktops width="1" height="1"><Background type="gradient">#3f5f6e:#7fa3a0</Background></Desktops>
  <FocusModel>click</FocusModel><SnapMode distance="0">none</SnapMode><MoveMode>opaque</MoveMode>
</JWM>
"""
_KEYRING_PASSWORD = b"stage"


@dataclass(frozen=True)
class Desktop:
    """A desktop to work at: the environment that its programs need, and a folder for what they leave behind."""

    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    is_virtual: bool

    @property
    def display(self) -> str:
        """The X display's name."""
        return self.environment["DISPLAY"]


def real_desktop(folder: Path) -> Desktop | None:
    """Give the desktop this person sits at, or None where there is none that can be recorded with counts.

    A Wayland session is none: it shows other programs neither its screen nor its input (FINDINGS, "Wayland").
    """
    name = os.environ.get("DISPLAY", "")
    if not name or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("XDG_SESSION_TYPE") == "wayland":
        return None
    return Desktop(dict(os.environ), folder, is_virtual=False) if screen.answers(name) else None


@contextmanager
def virtual_desktop(folder: Path, *, width: int = 1280, height: int = 800) -> Iterator[Desktop]:
    """Run a whole desktop for as long as the block lasts.

    Args:
        folder: an empty folder for its home, its keyring and its logs.
        width: of the one monitor, in pixels.
        height: likewise.

    Raises:
        StageError: a program is missing or did not start.
    """
    home = _make_home(folder)
    environment = _plain_environment(home, folder)
    with ExitStack() as stack:
        environment["DISPLAY"] = stack.enter_context(_x_server(environment, folder, width, height))
        environment["DBUS_SESSION_BUS_ADDRESS"] = stack.enter_context(_session_bus(environment, folder))
        stack.enter_context(_keyring(environment, folder))
        stack.enter_context(started([program("jwm")], environment=environment, log=folder / "jwm.log"))
        until(lambda: screen.has_tray(environment["DISPLAY"]), "the window manager's tray")
        yield Desktop(environment, folder, is_virtual=True)


def without_display(desktop: Desktop) -> dict[str, str]:
    """Give the desktop's environment as a program sees it that was started outside it (over ssh, by cron)."""
    return {name: value for name, value in desktop.environment.items() if name != "DISPLAY"}


def without_keyring(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Give an environment in which no session bus and so no keyring can be found."""
    runtime = folder / "no-bus"
    runtime.mkdir(mode=0o700, exist_ok=True)
    rest = {name: value for name, value in environment.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
    return {**rest, "XDG_RUNTIME_DIR": str(runtime)}


def _make_home(folder: Path) -> Path:
    home = folder / "home"
    for part in ("", ".local/share", ".config", ".cache"):
        (home / part).mkdir(parents=True, exist_ok=True)
    (home / ".jwmrc").write_text(_JWMRC, encoding="utf-8")
    return home


def _plain_environment(home: Path, folder: Path) -> dict[str, str]:
    """Give an environment in which nothing of the person's own session is left."""
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "VIRTUAL_ENV") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_SESSION_TYPE": "x11",
        "XDG_CURRENT_DESKTOP": "JWM",
        "NO_AT_BRIDGE": "1",
    }


@contextmanager
def _x_server(environment: Mapping[str, str], folder: Path, width: int, height: int) -> Iterator[str]:
    reader, writer = os.pipe()
    command = [program("Xvfb"), "-displayfd", str(writer), "-screen", "0", f"{width}x{height}x24"]
    # Without -noreset the server forgets everything whenever its last window closes.
    command += ["-noreset", "-nolisten", "tcp", "-dpi", "96"]
    with (folder / "Xvfb.log").open("ab") as log:
        server = subprocess.Popen(
            command, env=dict(environment), stdout=log, stderr=log, pass_fds=[writer], start_new_session=True
        )
    os.close(writer)
    try:
        with os.fdopen(reader) as answer:
            number = answer.readline().strip()
        if not number:
            raise StageError(f"Xvfb did not start: {(folder / 'Xvfb.log').read_text().strip()}")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _session_bus(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    address = f"unix:path={folder / 'run' / 'bus'}"
    command = [program("dbus-daemon"), "--session", "--nofork", "--nopidfile", f"--address={address}"]
    with started(command, environment=environment, log=folder / "dbus.log") as bus:
        until(lambda: _still_runs(bus, "dbus-daemon") and (folder / "run" / "bus").exists(), "the session bus")
        yield address


@contextmanager
def _keyring(environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    command = [program("gnome-keyring-daemon"), "--foreground", "--unlock", "--components=secrets"]
    with (folder / "keyring.log").open("ab") as log:
        daemon = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
    try:
        if daemon.stdin is not None:
            daemon.stdin.write(_KEYRING_PASSWORD)
            daemon.stdin.close()
        until(lambda: _owns_secrets(environment), "the keyring")
        yield
    finally:
        daemon.terminate()
        daemon.wait()


def _owns_secrets(environment: Mapping[str, str]) -> bool:
    question = [program("dbus-send"), "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"]
    question += ["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"]
    answer = subprocess.run(question, env=dict(environment), capture_output=True, text=True, check=False)
    return "boolean true" in answer.stdout


def _still_runs(process: Process, name: str) -> bool:
    if process.exit_code is not None:
        raise StageError(f"{name} ended at once: {process.output().strip()}")
    return True
