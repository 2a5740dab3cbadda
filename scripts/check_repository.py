"""What the repository promises about itself: its commands are as the documents say, and it names no machine or index.

`python -m scripts.check_repository` prints one line for each broken promise and exits 1 if there is any.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = "requirements/all.txt"

_TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"(?<![\w./-])make((?: +[A-Z_]+=\S+)*) +([a-z][a-z-]*)")
_MACHINE_PATH = re.compile(r"(?:^|[^A-Za-z0-9_./-])/(?:work|root|farm)/")
_INDEX = re.compile(r"https?://[^\s'\"`)]*(?:/simple\b|pythonhosted\.|registry\.npmjs\.)")


def targets_of(makefile: str) -> set[str]:
    """Return the targets that a Makefile defines."""
    return set(_TARGET.findall(makefile))


def unknown_commands(document: str, targets: set[str]) -> list[str]:
    """Return the `make …` commands in a document's code that no target answers to."""
    named = [match.group(2) for code in _CODE.findall(document) for match in _MAKE.finditer(code)]
    return [f"make {name}" for name in dict.fromkeys(named) if name not in targets]


def unlisted_targets(help_text: str, targets: set[str]) -> list[str]:
    """Return the targets that `make help` does not list."""
    listed = set(re.findall(r"^ +make ([a-z-]+) +\S", help_text, re.MULTILINE))
    return sorted(targets - listed)


def machine_lines(text: str) -> list[str]:
    """Return the lines that name a path of one machine or the address of a package index."""
    return [line for line in text.splitlines() if _MACHINE_PATH.search(line) or _INDEX.search(line)]


def foreign_lock_lines(lock: str) -> list[str]:
    """Return what a lock file holds beyond names, versions, hashes and who wants what: addresses and pip's options."""
    return [line for line in lock.splitlines() if "://" in line or line.startswith("-")]


def unlocked(project: str, lock: str) -> list[str]:
    """Return the dependencies in pyproject.toml that the lock does not satisfy."""
    pinned = {
        canonicalize_name(name): version for name, version in re.findall(r"^(\S+?)==([^\s;]+)", lock, re.MULTILINE)
    }
    table = tomllib.loads(project)["project"]
    extras = table.get("optional-dependencies", {}).values()
    wanted = [Requirement(text) for texts in (table["dependencies"], *extras) for text in texts]
    return [
        str(one)
        for one in wanted
        if canonicalize_name(one.name) not in pinned
        or not one.specifier.contains(pinned[canonicalize_name(one.name)], prereleases=True)
    ]


def broken_promises(root: Path) -> list[str]:
    """Return a sentence for each promise that the repository under `root` breaks."""
    makefile = (root / "Makefile").read_text()
    targets = targets_of(makefile)
    help_text = _output(root, "make", "--no-print-directory", "help")
    lock = (root / LOCK).read_text()
    found = [f"make help does not list {name}" for name in unlisted_targets(help_text, targets)]
    found += [f"{LOCK} holds more than names, versions and hashes: {line}" for line in foreign_lock_lines(lock)]
    found += [
        f"{LOCK} does not satisfy {one} of pyproject.toml: run make lock"
        for one in unlocked((root / "pyproject.toml").read_text(), lock)
    ]
    for name in _output(root, "git", "ls-files", "-z").split("\0"):
        path = root / name
        if not name or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or another binary
        found += [f"{name} names a machine's path or an index: {line.strip()[:120]}" for line in machine_lines(text)]
        if path.suffix == ".md":
            found += [f"{name} names a command that is not there: {one}" for one in unknown_commands(text, targets)]
    return found


def _output(root: Path, *command: str) -> str:
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def main() -> int:
    """Print what is broken and return the exit code."""
    try:
        found = broken_promises(Path(__file__).resolve().parent.parent)
    except subprocess.CalledProcessError as error:  # git refuses a folder of another owner, for one
        found = [f"{' '.join(error.cmd)} failed: {error.stderr.strip()}"]
    for sentence in found:
        print(sentence)
    if not found:
        print("The repository keeps its promises: commands, lock, no machine's paths.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
