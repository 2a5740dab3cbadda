"""A system's own Chromium comes first; without one Playwright's is downloaded, and a failure is a clear line."""

import subprocess
from pathlib import Path

import pytest

from scripts import browser
from scripts.environment import PYTHON, CannotPrepareError


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout on a machine without a chromium; its Python writes down what it was asked, and names a browser."""
    monkeypatch.setenv("PATH", "/nonexistent")
    python(tmp_path, "exit 0")
    return tmp_path


def python(root: Path, download: str) -> None:
    path = root / PYTHON
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"#!/bin/sh\n[ $1 = -c ] && echo {root}/chrome && exit 0\n"
        f'echo "$@ $PLAYWRIGHT_BROWSERS_PATH" >> "{root}/asked"\n{download}\n'
    )
    path.chmod(0o755)


def test_without_a_chromium_one_is_downloaded_into_the_environment(checkout: Path) -> None:
    browser.ensure(checkout)
    assert (checkout / "asked").read_text() == f"-m playwright install --no-shell chromium {checkout}/.venv/browsers\n"
    assert (checkout / browser.PROGRAM).readlink() == checkout / "chrome"


def test_a_browser_that_is_there_is_not_downloaded_again(checkout: Path) -> None:
    (checkout / "chrome").touch()
    browser.ensure(checkout)
    browser.ensure(checkout)
    assert len((checkout / "asked").read_text().splitlines()) == 1


def test_the_systems_own_chromium_is_enough(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    (checkout / "chromium").touch(mode=0o755)
    browser.ensure(checkout)
    assert not (checkout / "asked").exists()


def test_a_download_that_fails_says_why_and_what_to_do(checkout: Path) -> None:
    python(checkout, "echo 'Error: no such host'; echo '    at line 3'; echo 'Error: no such host'; exit 1")
    with pytest.raises(CannotPrepareError, match=r"^Error: no such host\nChromium could not be downloaded") as raised:
        browser.ensure(checkout)
    assert "at line 3" not in str(raised.value)
    assert not (checkout / browser.PROGRAM).is_symlink()


def test_make_looks_for_the_systems_programs_first() -> None:
    root = Path(__file__).resolve().parents[2]
    asked = ["make", "--no-print-directory", "-f", "-", "show"]
    makefile = f"{(root / 'Makefile').read_text()}\nshow:\n\t@echo $$PATH\n"
    answer = subprocess.run(
        asked, input=makefile, cwd=root, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == f"/usr/bin:/bin:{root}/.venv/bin"
