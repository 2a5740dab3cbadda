"""A built program that does not do what it must is refused, with what it said."""

import json
from pathlib import Path

import pytest

from scripts import check_package
from scripts.check_package import BrokenPackageError


def findings(*, screen_works: bool) -> str:
    screen = {"port": "screen", "back_end": "x11", "works": screen_works, "sentence": "It is 2 by 1.", "remedy": None}
    other = {**screen, "port": "input", "works": True}
    return json.dumps({"findings": [screen, other]})


def test_a_screen_that_works_passes() -> None:
    assert check_package.check_findings(findings(screen_works=True))[0] == "  works  screen: It is 2 by 1."


def test_a_screen_that_fails_is_refused_with_its_reason() -> None:
    with pytest.raises(BrokenPackageError, match=r"(?s)no screenshot.*FAILS  screen: It is 2 by 1"):
        check_package.check_findings(findings(screen_works=False))


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
