"""Each promise is kept by a small repository, and breaking it is found."""

import subprocess
from pathlib import Path

import pytest

from scripts import check_repository

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = 'help: ## list\n\t@printf "  make help  list\\n  make test  prove\\n"\ntest: ## prove\n\ttrue\n'
PROJECT = '[project]\nname = "x"\ndependencies = ["msgspec>=0.19"]\noptional-dependencies.dev = ["Pytest_Qt>=4"]\n'
LOCK = "msgspec==0.20.0 \\\n    --hash=sha256:00\n    # via x\npytest-qt==4.5.0 ; sys_platform == 'linux' \\\n"
MACHINE_PATH = "/" + "work/main/x.py"
INDEX = "https://index.example.org" + "/simple"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that keeps every promise."""
    files = {
        "Makefile": MAKEFILE,
        "pyproject.toml": PROJECT,
        check_repository.LOCK: LOCK,
        "README.md": "Run `PYTEST_ARGS=-x make test`, and make sure to look.\n\n```\nmake help\n```\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\xfe")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    return tmp_path


def test_a_good_repository_breaks_no_promise(repository: Path) -> None:
    assert check_repository.broken_promises(repository) == []


@pytest.mark.parametrize(
    ("file", "addition", "sentence"),
    [
        ("README.md", "`make tea`", "README.md names a command that is not there: make tea"),
        ("README.md", "```\nDEMO_SECONDS=60 make demonstration\n```", "make demonstration"),
        ("Makefile", "bench: ## measure\n\ttrue", "make help does not list bench"),
        ("Makefile", f"# {MACHINE_PATH}", "Makefile names a machine's path or an index"),
        ("README.md", INDEX, "README.md names a machine's path or an index"),
        (check_repository.LOCK, "--find-links wheels", "holds more than names, versions and hashes: --find-links"),
        (check_repository.LOCK, "x @ file://x", "holds more than names, versions and hashes: x @"),
        ("pyproject.toml", 'optional-dependencies.more = ["attrs"]', "does not satisfy attrs"),
        ("pyproject.toml", 'optional-dependencies.more = ["msgspec>=0.21"]', "does not satisfy msgspec>=0.21"),
    ],
)
def test_a_broken_promise_is_found(repository: Path, file: str, addition: str, sentence: str) -> None:
    path = repository / file
    path.write_text(f"{path.read_text()}\n{addition}\n")
    found = check_repository.broken_promises(repository)
    assert len(found) == 1
    assert sentence in found[0]


def test_untracked_files_promise_nothing(repository: Path) -> None:
    (repository / "notes.txt").write_text(MACHINE_PATH)
    assert check_repository.broken_promises(repository) == []


def test_make_alone_lists_the_commands() -> None:
    printed = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = check_repository.targets_of((ROOT / "Makefile").read_text())
    assert {"demo", "test", "test-all", "check", "package", "bench", "lock", "clean"} <= targets
    assert check_repository.unlisted_targets(printed, targets) == []
