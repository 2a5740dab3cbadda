"""The virtual environment `.venv`: made from the lock, kept in step with it, made anew where it cannot be trusted.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import ast
import enum
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = Path("requirements/all.txt")
INPUTS = (LOCK, Path("pyproject.toml"))
STAMP = Path(".venv/daybook-stamp.json")
PYTHON = Path(".venv/bin/python")


class CannotPrepareError(Exception):
    """The virtual environment cannot be made; the text says why and what to do."""


class State(enum.Enum):
    """What has to be done to the virtual environment, and why."""

    READY = ""
    ABSENT = "Making the virtual environment .venv"
    UNFINISHED = "Making .venv anew (its last installation did not finish)"
    MOVED = "Making .venv anew (the folder has moved or its Python has gone)"
    OUTDATED = "Bringing .venv up to date"


def state(root: Path) -> State:
    """Return what the stamp says, which is written only once an installation is complete."""
    if not (root / ".venv").exists():
        return State.ABSENT
    try:
        stamp = json.loads((root / STAMP).read_text())
    except (OSError, ValueError):
        return State.UNFINISHED
    if stamp["place"] != str(root) or stamp["python"] != _version_of(root / PYTHON):
        return State.MOVED
    return State.READY if stamp["inputs"] == _digest(root) else State.OUTDATED


def ensure(root: Path) -> None:
    """Make or update `.venv` under `root` so that it holds exactly the lock and the project.

    Raises:
        CannotPrepareError: It cannot be made.
    """
    with _alone(root):
        found = state(root)
        if found is State.READY:
            return
        digest = _digest(root)
        with step(found.value):
            (root / STAMP).unlink(missing_ok=True)
            if found is not State.OUTDATED:
                _run(root, [sys.executable, "-m", "venv", "--clear", ".venv"])
                print(f"Installing what {LOCK} pins, each package checked against its hash …", flush=True)
            _install(root)
        stamp = {"place": str(root), "python": _version_of(root / PYTHON), "inputs": digest}
        (root / STAMP).write_text(json.dumps(stamp))


def _install(root: Path) -> None:
    """Install the lock and then the project, with uv where it can be had and with pip where not."""
    environment = uv_environment(root)
    uv = root / ".venv/bin/uv"
    is_uv_here = uv.exists() or _install_uv(root)
    sync = [str(uv), "pip", "sync", "--quiet", "--python", str(PYTHON), "--require-hashes", str(LOCK)]
    if is_uv_here and _succeeds(root, sync, environment):
        project = [str(uv), "pip", "install", "--quiet", "--python", str(PYTHON)]
    else:
        print("  uv cannot be used here; pip installs instead, which takes a minute or two …", flush=True)
        project = [str(PYTHON), "-m", "pip", "install", "--quiet"]
        _run(root, [*project, "--require-hashes", "-r", str(LOCK)])
    # Without isolation the locked setuptools builds it, so that nothing unlocked is fetched.
    _run(root, [*project, "--no-deps", "--no-build-isolation", "-e", "."], environment)


def _install_uv(root: Path) -> bool:
    """Install uv alone by pip; on a platform that it has no wheel for this fails, and pip goes on alone."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as lines:
        lines.write(lines_of("uv", (root / LOCK).read_text()))
        lines.flush()
        pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        return _succeeds(root, [*pip, "--only-binary", ":all:", "--require-hashes", "-r", lines.name])


def lines_of(name: str, lock: str) -> str:
    """Return a package's own lines of the lock: its version and its hashes."""
    match = re.search(rf"^{name}==[^\n]*\n(?:[ \t].*\n?)*", lock, re.MULTILINE)
    if match is None:
        raise CannotPrepareError(f"{LOCK} does not pin {name}, which the set-up needs: restore it from git.")
    return match.group()


def uv_environment(root: Path) -> dict[str, str]:
    """Return the environment in which uv follows the person's pip configuration, which it does not read itself.

    What the person set for uv wins. Any index may serve any package: the hashes say what is right.
    """
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], cwd=root, capture_output=True, text=True)  # noqa: PLW1510 (an unreadable configuration is reported by the installation that follows)
    return from_pip(listed.stdout) | os.environ


def from_pip(listed: str) -> dict[str, str]:
    """Translate what `pip config list` prints into uv's environment variables.

    pip lists by name, and reads the general settings, then those for `install`, then PIP_… variables.
    """
    settings = {}
    for section in ("global", "install", ":env:"):
        for name, value in re.findall(rf"^{section}\.([a-z-]+)=(.*)$", listed, re.MULTILINE):
            settings[name] = str(ast.literal_eval(value))
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "no-index": "UV_NO_INDEX",
        "trusted-host": "UV_INSECURE_HOST",
        "proxy": "ALL_PROXY",
        "cert": "SSL_CERT_FILE",
    }
    translated = {names[name]: " ".join(value.split()) for name, value in settings.items() if name in names}
    if "UV_FIND_LINKS" in translated:
        translated["UV_FIND_LINKS"] = translated["UV_FIND_LINKS"].replace(" ", ",")
    return translated | {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "true", "UV_NO_PROGRESS": "1"}


def _digest(root: Path) -> str:
    digest = hashlib.sha256()
    for path in INPUTS:
        digest.update((root / path).read_bytes())
    return digest.hexdigest()


def _version_of(python: Path) -> str | None:
    """Return the major and minor version of a Python, or None where it does not run."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def _succeeds(root: Path, command: list[str], environment: dict[str, str] | None = None) -> bool:
    return subprocess.run(command, check=False, cwd=root, env=environment).returncode == 0


def _run(root: Path, command: list[str], environment: dict[str, str] | None = None) -> None:
    if not _succeeds(root, command, environment):
        raise CannotPrepareError(f"The set-up failed (see above) at: {' '.join(command)}")


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep two commands in one checkout from installing at the same time."""
    with (root / LOCK).open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another command that is preparing this folder …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def step(sentence: str) -> Iterator[None]:
    """Say what is being done, and at its end how long it took."""
    print(f"{sentence} …", flush=True)
    begin_s = time.monotonic()
    yield
    print(f"  done in {time.monotonic() - begin_s:.0f} s", flush=True)
