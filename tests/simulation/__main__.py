"""Run simulated timelines: `python -m tests.simulation --seeds 100000 --state build/simulation`.

With `--real` they drive the engine on the encrypted buffer, without it the timer's pure rules.
"""

import argparse
import json
import multiprocessing
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.simulation import real, timeline
from tests.simulation.timeline import Result

_CHUNK = 16
_REPORT_S = 5


@dataclass
class Progress:
    """What has been run; `next_seed` is the first that has not."""

    first: int
    next_seed: int
    days: float = 0.0
    worked_ms: int = 0
    lacking_ms: int = 0
    stretches: int = 0
    transitions: int = 0
    seconds: float = 0.0
    failed: list[int] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.next_seed = result.seed + 1
        self.days += result.days
        self.worked_ms += result.worked_ms
        self.lacking_ms += result.lacking_ms
        self.stretches += result.stretches
        self.transitions += result.transitions
        if result.problem is not None:
            self.failed.append(result.seed)

    def summary(self) -> str:
        done = self.next_seed - self.first
        return (
            f"{done:,} timelines, {self.days / 365:,.1f} years, {self.stretches:,} stretches of work,"
            f" {self.worked_ms / 3_600_000:,.0f} h recorded, {self.lacking_ms / 1000:,.0f} s lost to suspensions"
            f" without a signal, crashes and power cuts, {len(self.failed)} failed; {self.seconds:.0f} s,"
            f" {done / max(self.seconds, 0.001):.0f} timelines a second"
        )


def main(arguments: list[str] | None = None) -> int:
    """Run seeds over all cores; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--real", action="store_true", help="drive the engine on the encrypted buffer")
    parser.add_argument("--seeds", type=int, default=1000, help="how many timelines (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count(), help="default: one a core")
    parser.add_argument("--state", type=Path, help="folder of the state file; a run with the same --first goes on")
    chosen = parser.parse_args(arguments)
    path = (
        None
        if chosen.state is None
        else chosen.state / f"{'real' if chosen.real else 'simulation'}-{chosen.first}.json"
    )
    progress = Progress(chosen.first, chosen.first)
    if path is not None and path.exists():
        progress = Progress(**json.loads(path.read_text(encoding="utf-8")))
        _say(f"Going on at seed {progress.next_seed}.")
    end = chosen.first + chosen.seeds
    began, before_s, reported = time.monotonic(), progress.seconds, time.monotonic()
    run, chunk = (_run_real, 1) if chosen.real else (_run, _CHUNK)
    with multiprocessing.Pool(chosen.processes) as pool:
        for result in pool.imap(run, range(progress.next_seed, end), chunksize=chunk):
            progress.add(result)
            progress.seconds = before_s + time.monotonic() - began
            if result.problem is not None:
                _say(f"Seed {result.seed}: {result.problem}\n  again: {_replay(result.seed, is_real=chosen.real)}")
            if time.monotonic() - reported >= _REPORT_S:
                reported = time.monotonic()
                _say(f"{progress.next_seed - chosen.first:,} of {chosen.seeds:,}: {progress.summary()}")
                _keep(path, progress)
    _keep(path, progress)
    _say(progress.summary())
    for seed in progress.failed:
        _say(f"again: {_replay(seed, is_real=chosen.real)}")
    return 1 if progress.failed else 0


def _run(seed: int) -> Result:
    return _guarded(timeline.run, seed)


def _run_real(seed: int) -> Result:
    return _guarded(real.run, seed)


def _guarded(run: Callable[[int], Result], seed: int) -> Result:
    try:
        return run(seed)
    except Exception:  # noqa: BLE001 (whatever breaks, it is this seed's failure, and the others go on)
        return Result(seed, traceback.format_exc(), 0, 0, 0, 0, 0)


def _replay(seed: int, *, is_real: bool) -> str:
    return f"python -m tests.simulation{' --real' if is_real else ''} --seeds 1 --first {seed}"


def _keep(path: Path | None, progress: Progress) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(progress)), encoding="utf-8")
    new.replace(path)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
