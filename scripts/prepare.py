"""Prepare the machine for one of `make`'s commands: `python3 -m scripts.prepare "make demo" window desktop browser`."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts import browser, environment, system_packages


def main(command: str, purposes: list[str]) -> int:
    """Install what is missing and return the exit code; a failure is one clear text, never a traceback."""
    root = Path(__file__).resolve().parent.parent
    if sys.version_info < (3, 11):  # noqa: UP036 (a person's python3 may well be older; this is what tells them)
        print(
            f"Daybook needs Python 3.11 or newer, and this one is {sys.version.split()[0]}. "
            f"Install a newer one and name it: {command} PYTHON=python3.11",
            file=sys.stderr,
        )
        return 1
    try:
        system_packages.ensure(command, purposes)
        environment.ensure(root)
        if "browser" in purposes:
            browser.ensure(root)
    except (system_packages.CannotInstallError, environment.CannotPrepareError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the next command starts the set-up anew.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
