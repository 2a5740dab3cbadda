"""What all parts share: numbered units that can be run alone, added up, and gone on with after an interruption."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SAVE_EVERY_S = 2.0


@dataclass(slots=True)
class Result:
    """What one unit found; `counts` add up over units, of `most` the largest counts."""

    failures: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    most: dict[str, float] = field(default_factory=dict)

    def reach(self, name: str, value: float) -> None:
        """Keep the largest value of a name."""
        self.most[name] = max(value, self.most.get(name, value))

    def add(self, other: Result) -> None:
        """Take another unit's findings in."""
        self.failures += other.failures
        self.counts.update(other.counts)
        for name, value in other.most.items():
            self.reach(name, value)


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of torture.

    Args:
        name: as on the command line.
        does: what is tortured, in a line.
        thing: what is counted.
        total: how many of them a full run makes.
        size: how many of them one unit makes.
        run: runs the unit of a seed and number, of so many things.
    """

    name: str
    does: str
    thing: str
    total: int
    size: int
    run: Callable[[str, int], Result]

    def units(self, total: int) -> int:
        """Give how many units make so many things."""
        return -(-total // self.size)


@dataclass(slots=True)
class Standing:
    """How far a part has come; kept in a file after each few units."""

    seed: str
    units: int = 0
    seconds: float = 0.0
    result: Result = field(default_factory=Result)

    @classmethod
    def read(cls, file: Path, seed: str) -> Standing:
        """Go on from a file, or begin where there is none of this seed."""
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(seed)
        if kept["seed"] != seed:
            return cls(seed)
        result = Result(kept["failures"], Counter(kept["counts"]), kept["most"])
        return cls(seed, kept["units"], kept["seconds"], result)

    def write(self, file: Path) -> None:
        """Keep where it stands."""
        draft = file.with_suffix(".draft")
        kept = {
            "seed": self.seed, "units": self.units, "seconds": round(self.seconds, 1),
            "failures": self.result.failures, "counts": self.result.counts, "most": self.result.most,
        }  # fmt: skip
        draft.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        draft.replace(file)


def run_part(part: Part, *, seed: str, total: int, state: Path, jobs: int, say: Callable[[str], None]) -> Standing:
    """Run what is left of a part, and say how it goes."""
    state.mkdir(parents=True, exist_ok=True)
    file = state / f"{part.name}.json"
    standing = Standing.read(file, seed)
    units = part.units(total)
    if standing.units:
        say(f"{part.name}: goes on after {min(standing.units * part.size, total)} of {total} {part.thing}")
    began, before, said = time.monotonic(), standing.seconds, 0.0
    try:
        for result in _results(part, seed, range(standing.units, units), jobs):
            standing.units += 1
            standing.seconds = before + time.monotonic() - began
            standing.result.add(result)
            for failure in result.failures:
                say(f"FAILED {failure}\n  replay: {replay(part, seed, standing.units - 1)}")
            if time.monotonic() - said > _SAVE_EVERY_S:
                said = time.monotonic()
                standing.write(file)
                say(f"{part.name}: {min(standing.units * part.size, total)} of {total} {part.thing}")
    finally:
        standing.write(file)
    say(line(part, standing))
    return standing


def line(part: Part, standing: Standing) -> str:
    """Tell a part's result in one line with its figures."""
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(standing.result.counts.items()))
    most = "".join(f", {name} at most {value:,.4g}" for name, value in sorted(standing.result.most.items()))
    verdict = f"{len(standing.result.failures)} FAILURES" if standing.result.failures else "ok"
    return f"{part.name}: {verdict} — {counts}{most}; {standing.seconds:.0f} s, seed {standing.seed}"


def replay(part: Part, seed: str, unit: int) -> str:
    """Give the command that runs one unit again."""
    return f"python -m tests.torture --only {part.name} --seed {seed} --unit {unit}"


def guarded(part: Part, seed: str, unit: int) -> Result:
    """Run a unit; an error of the torture's own is a failure too."""
    try:
        return part.run(seed, unit)
    except Exception:  # noqa: BLE001 (told with its trace, and the other units go on)
        return Result(failures=[f"{part.name}, unit {unit}: {traceback.format_exc()}"])


def _results(part: Part, seed: str, units: range, jobs: int) -> Iterator[Result]:
    """Run units in order, in processes that are forked with everything imported; a single job needs none."""
    if jobs == 1:
        yield from map(_Unit(part, seed), units)
        return
    with multiprocessing.get_context("fork").Pool(jobs, _gently) as pool:
        yield from pool.imap(_Unit(part, seed), units)


@dataclass(frozen=True, slots=True)
class _Unit:
    part: Part
    seed: str

    def __call__(self, unit: int) -> Result:
        return guarded(self.part, self.seed, unit)


def _gently() -> None:
    os.nice(10)
