"""Start the built tracker on a virtual desktop and let it prove itself: `python -m scripts.check_package PROGRAM`.

A build that PyInstaller calls complete can still lack a module that is imported by name; only running it shows.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from stage import screen
from stage.desktop import Desktop, virtual_desktop
from stage.processes import StageError, started
from stage.waiting import until

ANSWERS_WITHIN_S = 60
_WORKING = {"screen", "input", "idle", "keyring"}


class BrokenPackageError(Exception):
    """The built program does not do what it must; the text says what."""


def ask(program: Path, *arguments: str, environment: Mapping[str, str], codes: tuple[int, ...] = (0,)) -> str:
    """Run the program and return what it prints.

    Raises:
        BrokenPackageError: It does not end, or not with one of the exit codes.
    """
    try:
        answer = subprocess.run(
            [program, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWERS_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BrokenPackageError(f"`daybook {' '.join(arguments)}` gave no answer in {ANSWERS_WITHIN_S} s.") from None
    if answer.returncode not in codes:
        said = (answer.stdout + answer.stderr).strip()
        raise BrokenPackageError(f"`daybook {' '.join(arguments)}` ended with {answer.returncode}:\n{said}")
    return answer.stdout


def check_version(printed: str, version: str) -> None:
    """Raise BrokenPackageError unless what `--version` printed names the project's version."""
    if version not in printed.split():
        raise BrokenPackageError(f"`daybook --version` should name {version} and says: {printed.strip()!r}")


def check_findings(printed: str) -> list[str]:
    """Return doctor's findings as lines for people.

    Raises:
        BrokenPackageError: What a virtual desktop has does not work; doctor takes a real test picture of its screen.
    """
    try:
        findings = json.loads(printed)["findings"]
        lines = [f"  {'works' if one['works'] else 'FAILS'}  {one['port']}: {one['sentence']}" for one in findings]
        works = {one["port"] for one in findings if one["works"]}
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenPackageError(f"`daybook doctor --json` gave no findings ({error}): {printed.strip()!r}") from None
    if not works >= _WORKING:
        raise BrokenPackageError("\n".join(["Something that must work in the built program does not:", *lines]))
    return lines


def check_window(program: Path, desktop: Desktop) -> None:
    """Open the program's window and end it again as a person would.

    Raises:
        BrokenPackageError: No window comes, or the program does not end well.
    """
    log = desktop.folder / "run.log"
    try:
        with started([str(program), "run"], environment=desktop.environment, log=log) as process:
            until(lambda: screen.window_of(desktop.display, process.pid), "the built program's window")
            ask(program, "quit", environment=desktop.environment)
            code = process.wait(ANSWERS_WITHIN_S)
    except StageError as error:
        raise BrokenPackageError(f"{error}\n{log.read_text().strip()}") from None
    if code != 0:
        raise BrokenPackageError(f"`daybook run` ended with {code}:\n{log.read_text().strip()}")


def main(program: Path) -> int:
    """Try the built program and return the exit code."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    size_mb = sum(path.stat().st_size for path in program.parent.rglob("*") if not path.is_symlink()) / 1e6
    print(f"{program.parent}: {size_mb:.0f} MB. Starting it on a virtual desktop …", flush=True)
    with tempfile.TemporaryDirectory() as folder, virtual_desktop(Path(folder)) as desktop:
        try:
            check_version(ask(program, "--version", environment=desktop.environment), project["version"])
            # Exit code 2 says that some part does not work: a virtual desktop has no logind, and that is no fault.
            found = ask(program, "doctor", "--json", environment=desktop.environment, codes=(0, 2))
            lines = check_findings(found)
            check_window(program, desktop)
        except BrokenPackageError as error:
            print(error, file=sys.stderr)
            return 1
    print("\n".join([*lines, f"The built program answers, took a screenshot and opened its window: {program}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
