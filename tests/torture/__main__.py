"""`python -m tests.torture`: run the parts, or what is left of them, and end with 1 if one failed."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.torture import copies, damage, faults, kill, kill_program, power
from tests.torture.parts import Standing, guarded, line, run_part

PARTS = (kill.PART, kill_program.PART, power.PART, power.CONTROL, faults.PART, damage.PART, copies.PART)


def main(argv: Sequence[str] | None = None) -> int:
    """Torture as the words say and give the exit code."""
    said = _parser().parse_args(argv)
    chosen = [part for part in PARTS if not said.only or part.name in said.only]
    if said.fresh:
        shutil.rmtree(said.state, ignore_errors=True)
    is_bad = False
    for part in chosen:
        if said.unit is not None:
            standing = Standing(said.seed, 1, 0, guarded(part, said.seed, said.unit))
            for failure in standing.result.failures:
                _say(f"FAILED {failure}")
            _say(line(part, standing))
        else:
            standing = run_part(
                part, seed=said.seed, total=said.count or part.total, state=said.state, jobs=said.jobs, say=_say
            )
        is_bad |= bool(standing.result.failures)
    return 1 if is_bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture",
        description="Try to make the buffer lose, double or invent something.",
        epilog="Parts: " + "; ".join(f"{part.name}: {part.total:,} × {part.does}" for part in PARTS),
    )
    parser.add_argument("--only", action="append", choices=[part.name for part in PARTS], help="this part; repeatable")
    parser.add_argument("--count", type=int, help="so many instead of a full run")
    parser.add_argument("--seed", default="1", help="another seed makes other runs (default: %(default)s)")
    parser.add_argument("--unit", type=int, help="run one unit again, as a failure's replay says")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: %(default)s)")
    parser.add_argument(
        "--state", type=Path, default=Path(".torture"), help="keeps how far each part came (default: %(default)s)"
    )
    parser.add_argument("--fresh", action="store_true", help="begin anew instead of going on")
    return parser


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
