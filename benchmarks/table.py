"""Figures beside their targets, as a table on the terminal or a page of the documentation."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stage.processes import ROOT

_SECTION = "\n## "


@dataclass(frozen=True)
class Figure:
    """One measured figure: what, its target's upper bound and itself in `unit`, and how it was come by."""

    what: str
    target: float
    measured: float
    unit: str
    how: str

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.measured <= self.target


def as_text(figures: Sequence[Figure]) -> str:
    """Draw the table for a terminal."""
    width = max(len(figure.what) for figure in figures)
    lines = [f"{'':{width}}  {'at most':>10}  {'measured':>10}"]
    lines += [
        f"{one.what:{width}}  {_number(one.target, one.unit):>10}  {_number(one.measured, one.unit):>10}"
        f"  {'met' if one.is_met else 'MISSED'}"
        for one in figures
    ]
    return "\n".join(lines)


def write_page(figures: Sequence[Figure], day: str, file: Path) -> None:
    """Write the documentation's page, with the machine, the day (YYYY-MM-DD) and the command; its sections stay."""
    _, mark, sections = file.read_text(encoding="utf-8").partition(_SECTION)
    rows = "\n".join(
        f"| {one.what} | {_number(one.target, one.unit)} | {_number(one.measured, one.unit)} | {one.how} |"
        for one in figures
    )
    file.write_text(
        f"# What the tracker costs\n\nMeasured by `make bench` on {day}, commit {_commit()}, on {_machine()}.\n\n"
        "Other machines give other figures: compare before and after on one machine. `.venv/bin/python -m benchmarks "
        f"--write` measures again and writes this page.\n\n| what | at most | measured | how |\n|---|---|---|---|\n"
        f"{rows}\n{mark}{sections}",
        encoding="utf-8",
    )


def put_section(file: Path, title: str, text: str) -> None:
    """Put a section of its own onto the documentation's page, in place of an older one of that title."""
    first, *sections = file.read_text(encoding="utf-8").split(_SECTION)
    others = [section for section in sections if not section.startswith(f"{title}\n")]
    file.write_text(_SECTION.join([first, *others, f"{title}\n\n{text}"]), encoding="utf-8")


def _number(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}"


def _commit() -> str:
    answer = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or "unknown"


def _machine() -> str:
    release = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return f"{os.cpu_count()} cores ({platform.machine()}, shared), {release}, Python {platform.python_version()}"
