"""Measure everything and print one table: `make bench`; `--write` writes docs/benchmarks.md as well."""

import argparse
import datetime as dt
import sys
import tempfile
from pathlib import Path

from benchmarks import snapshot, tracker
from benchmarks.table import Figure, as_text, write_page
from stage.processes import ROOT, StageError, ends_cleanly_on_signals

_PAGE = ROOT / "docs" / "benchmarks.md"


def _snapshot() -> Figure:
    how = f"median of {snapshot.ROUNDS} of a screen full of text"
    return Figure("snapshot 1080p: grab, JPEG, thumbnail", snapshot.LIMIT_MS, snapshot.snapshot_cpu_ms(), "ms CPU", how)


def main() -> int:
    """Measure, print and perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what the tracker costs.")
    parser.add_argument("--write", action="store_true", help=f"write {_PAGE.relative_to(ROOT)} as well")
    said = parser.parse_args()
    try:
        with ends_cleanly_on_signals(), tempfile.TemporaryDirectory(prefix="daybook-bench-") as folder:
            print("Measuring on virtual desktops; this takes about three minutes.", flush=True)
            figures = [_snapshot(), *tracker.measure(Path(folder))]
    except StageError as error:
        print(error, file=sys.stderr)
        return 1
    print(as_text(figures))
    if sharing := tracker.others_with_qt():
        print(f"{sharing} other programs here use Qt too; they share its memory, so the tracker's reads lower.")
    if said.write:
        write_page(figures, dt.datetime.now(dt.UTC).date().isoformat(), _PAGE)
        print(f"Written to {_PAGE.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
