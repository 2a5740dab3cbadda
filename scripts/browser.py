"""A Chromium of the checkout's own, where the system has none that a program can steer: Playwright's, in `.venv`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from scripts.environment import PYTHON, CannotPrepareError, step

FOLDER = Path(".venv/browsers")
# The Makefile puts this folder at the end of PATH, so a system's own chromium comes first.
PROGRAM = Path(".venv/bin/chromium")

_ASK = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"


def ensure(root: Path) -> None:
    """Make sure that there is a `chromium`, downloading one into `.venv` if there is none.

    Raises:
        CannotPrepareError: It cannot be downloaded.
    """
    if shutil.which("chromium") or (root / PROGRAM).exists():
        return
    environment = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(root / FOLDER)}
    with step("This system has no Chromium that a program can steer; downloading Playwright's into .venv"):
        download = [str(root / PYTHON), "-m", "playwright", "install", "--no-shell", "chromium"]
        answer = subprocess.run(
            download, env=environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if answer.returncode != 0:
            reasons = dict.fromkeys(line for line in answer.stdout.splitlines() if "Error:" in line)
            raise CannotPrepareError(
                f"{' '.join(reasons)}\nChromium could not be downloaded (see above). Put one on PATH as `chromium`, or "
                "mend the connection, and run the command again."
            )
        asked = subprocess.run([root / PYTHON, "-c", _ASK], env=environment, check=True, capture_output=True, text=True)
        (root / PROGRAM).unlink(missing_ok=True)
        (root / PROGRAM).symlink_to(asked.stdout.strip())
