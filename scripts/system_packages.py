"""The Debian packages that a command needs: which, why, which are missing, and how they come.

They are the only thing that Daybook's commands install outside the checkout, so the person reads what and why first,
and nothing that is there already is touched. Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from typing import NamedTuple


class CannotInstallError(Exception):
    """Packages are missing and cannot be installed; the text says which and what to do."""


class Purpose(NamedTuple):
    """Packages that are wanted for one reason."""

    reason: str
    packages: tuple[str, ...]


PURPOSES = {
    "window": Purpose(
        "for Qt, which draws the tracker's window",
        (
            "libgl1",
            "libegl1",
            "libfontconfig1",
            "libxkbcommon0",
            "libdbus-1-3",
            "libglib2.0-0",
            "libx11-xcb1",
            "libxcb-cursor0",
            "libxcb-icccm4",
            "libxcb-keysyms1",
            "libxcb-shape0",
            "libxcb-xkb1",
            "libxkbcommon-x11-0",
            "fonts-dejavu-core",
            "fonts-liberation",
        ),
    ),
    "desktop": Purpose(
        "for a virtual desktop with real input",
        ("xvfb", "xdotool", "wtype", "jwm", "xterm", "dbus-daemon", "dbus-bin", "gnome-keyring"),
    ),
    "wayland": Purpose("for a Wayland desktop without a screen", ("sway", "swaybg", "grim")),
    # Ten times as large, so only the slow tests have them.
    "wayland-rest": Purpose(
        "for KDE's desktop and the desktop portals",
        ("kwin-wayland", "pipewire", "xdg-desktop-portal", "xdg-desktop-portal-gtk", "xdg-desktop-portal-wlr"),
    ),
    "browser": Purpose("for the client's browser", ("chromium", "libatomic1")),
}

# Ubuntu's package of this name only asks for a snap, which other programs cannot steer; see scripts/browser.py.
UBUNTUS_BROWSER = Purpose(
    "for the client's browser",
    tuple(
        f"lib{name}"
        for name in (
            *(
                "asound2t64",
                "atk-bridge2.0-0",
                "atk1.0-0",
                "atomic1",
                "atspi2.0-0",
                "cairo2",
                "cups2",
                "dbus-1-3",
                "drm2",
            ),
            *("gbm1", "glib2.0-0", "nspr4", "nss3", "pango-1.0-0", "x11-6", "xcb1", "xcomposite1", "xdamage1", "xext6"),
            *("xfixes3", "xkbcommon0", "xrandr2"),
        )
    ),
)


def needed(purposes: list[str]) -> list[Purpose]:
    """Return the packages for the purposes, with those that the running Python itself lacks.

    Debian splits Python: making a virtual environment needs another package, and so does PyInstaller, which carries
    the shared libpython along.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = []
    if importlib.util.find_spec("ensurepip") is None:
        wanted.append(Purpose("for the virtual environment", (f"python{version}-venv",)))
    for name in purposes:
        if name == "packaging":
            libpython = (f"libpython{version}",) if sys.base_prefix == "/usr" else ()
            wanted.append(Purpose("for packaging the tracker", ("binutils", *libpython)))
        elif name == "browser" and is_ubuntu():
            wanted.append(UBUNTUS_BROWSER)
        else:
            wanted.append(PURPOSES[name])
    return wanted


def is_ubuntu() -> bool:
    """Return whether this is Ubuntu itself; systems made from it bring their own packages of Chromium."""
    try:
        return platform.freedesktop_os_release()["ID"] == "ubuntu"
    except OSError:
        return False


def installed() -> set[str]:
    """Return the names of the installed packages, with those that they provide (`libglib2.0-0t64` is libglib2.0-0)."""
    answer = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${db:Status-Status}\t${Package}, ${Provides}\n"],
        check=True,
        capture_output=True,
        text=True,
    )
    names: set[str] = set()
    for line in answer.stdout.splitlines():
        status, _, packages = line.partition("\t")
        if status == "installed":
            names.update(package.split("(")[0].strip() for package in packages.split(","))
    return names


def lacking(wanted: list[Purpose], present: set[str]) -> list[Purpose]:
    """Return what of `wanted` is not present; purposes that lack nothing fall out."""
    rest = [Purpose(one.reason, tuple(name for name in one.packages if name not in present)) for one in wanted]
    return [one for one in rest if one.packages]


def as_root() -> list[str] | None:
    """Return the words that run a command as root without asking for a password, or None."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def ensure(command: str, purposes: list[str]) -> None:
    """Install what `command` (as the person typed it) lacks; say so before doing it.

    Raises:
        CannotInstallError: Packages are missing and there is no way to install them.
    """
    if shutil.which("dpkg-query") is None:
        if purposes:
            counted_on = " ".join(name for one in needed(purposes) for name in one.packages)
            print(f"This system has no Debian packages; {command} counts on what Debian calls: {counted_on}")
        return
    missing = lacking(needed(purposes), installed())
    if not missing:
        return
    names = [name for one in missing for name in one.packages]
    print(f"{command} needs Debian packages that are not installed:")
    for one in missing:
        print(f"  {one.reason}: {' '.join(one.packages)}")
    root = as_root()
    if root is None:
        raise CannotInstallError(
            "They cannot be installed without root or a sudo that asks no password. Install them yourself, then run "
            f"{command} again:\n  sudo apt-get update && sudo apt-get install --no-install-recommends {' '.join(names)}"
        )
    print("Installing them with apt-get; nothing else is installed outside this folder …", flush=True)
    begin_s = time.monotonic()
    _install(root, names)
    print(f"  done in {time.monotonic() - begin_s:.0f} s", flush=True)


def _install(root: list[str], names: list[str]) -> None:
    """Refresh the package lists and install, quietly unless it fails."""
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=600"]
    update = _quietly([*apt, "update"])
    if update.returncode != 0:
        print("  the package lists could not be refreshed; trying with those that are here", flush=True)
    install = _quietly([*apt, "install", "--yes", "--no-install-recommends", *names])
    if install.returncode != 0:
        shown = install.stdout if update.returncode == 0 else update.stdout + install.stdout
        raise CannotInstallError(f"{shown}\napt-get could not install them (see above): {shlex.join(install.args)}")


def _quietly(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
