"""A built program that does not do what it must is refused, with what it said."""

import json
from pathlib import Path

import pytest

from scripts import check_package
from scripts.check_package import BrokenPackageError


def findings(*failing: str) -> str:
    """Give the findings of a virtual desktop, which has no logind."""
    ports = ("screen", "input", "idle", "keyring", "power")
    return json.dumps(
        {"findings": [{"port": one, "works": one not in {"power", *failing}, "sentence": "Said."} for one in ports]}
    )


def test_what_a_virtual_desktop_can_show_passes() -> None:
    assert check_package.check_findings(findings())[0] == "  works  screen: Said."


@pytest.mark.parametrize("port", ["screen", "input", "idle", "keyring"])
def test_what_must_work_and_fails_is_refused_with_its_reason(port: str) -> None:
    with pytest.raises(BrokenPackageError, match=rf"(?s)must work.*FAILS  {port}: Said"):
        check_package.check_findings(findings(port))


@pytest.mark.parametrize("printed", ["", "no JSON", "{}", "[]", '{"findings": [1]}', '{"findings": []}'])
def test_an_answer_that_says_nothing_of_the_screen_is_refused(printed: str) -> None:
    with pytest.raises(BrokenPackageError):
        check_package.check_findings(printed)


def test_the_version_must_be_the_projects() -> None:
    check_package.check_version("daybook 0.1.0\n", "0.1.0")
    with pytest.raises(BrokenPackageError, match=r"should name 0\.1\.0"):
        check_package.check_version("daybook 0.1.01\n", "0.1.0")


def test_a_program_that_fails_is_refused_with_what_it_said(tmp_path: Path) -> None:
    program = tmp_path / "daybook"
    program.write_text("#!/bin/sh\necho ModuleNotFoundError >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(BrokenPackageError, match=r"(?s)doctor --json` ended with 1.*ModuleNotFoundError"):
        check_package.ask(program, "doctor", "--json", environment={})
