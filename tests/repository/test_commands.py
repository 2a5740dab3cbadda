"""What the Makefile and .ci/run do with the exit codes of what they call, tried with stand-ins for the programs."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(("pytest_code", "make_code"), [(0, 0), (5, 0), (1, 2), (2, 2)])
def test_no_slow_test_is_fine_and_a_failing_one_is_not(tmp_path: Path, pytest_code: int, make_code: int) -> None:
    program(tmp_path / ".venv/bin/python", f"exit {pytest_code}")
    answer = subprocess.run(
        ["make", "-f", ROOT / "Makefile", "test-rest", "PYTHON=true"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == make_code
    assert ("No test is marked slow" in answer.stdout) == (pytest_code == 5)


def run_ci(tmp_path: Path, failing: str) -> tuple[int, list[str]]:
    """Run .ci/run with a `make` that writes down its target and fails at one."""
    log = tmp_path / "log"
    program(tmp_path / "bin/make", f'echo "$1 ${{DEMO_SECONDS:-}}" >> "{log}"\n[ "$1" != "{failing}" ]')
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    answer = subprocess.run(
        ["bash", ROOT / ".ci/run"],
        env={**os.environ, "PATH": path, "DEMO_SECONDS": ""},
        check=False,
        capture_output=True,
    )
    return answer.returncode, [line.strip() for line in log.read_text().splitlines()]


def test_ci_calls_make_alone_and_the_main_job_last(tmp_path: Path) -> None:
    assert run_ci(tmp_path, failing="none") == (0, ["check", "test", "test-rest", "demo 60"])


def test_ci_ends_at_the_first_failure(tmp_path: Path) -> None:
    code, called = run_ci(tmp_path, failing="test")
    assert code != 0
    assert called == ["check", "test"]
