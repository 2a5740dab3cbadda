"""Power cuts: a workload's calls are recorded, and the disk is cut off after any of them."""

import copy
import enum
import random
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.torture.checking import examine
from tests.torture.crash import Disk
from tests.torture.disk import VFS, Call, observed
from tests.torture.kill import FAST_FOLDER
from tests.torture.parts import Part, Result
from tests.torture.script import Expected, Script, open_tortured
from tracker.domain.errors import TrackerError

CUTS = 100
_GENERATIONS = 4  # each goes on from a crash of the one before, so that recovery is cut off, too
_KEPT = "steps under way that were kept"


class Missing(enum.Enum):
    """The protection that a negative control takes away."""

    NOTHING = "nothing"
    SQLITE_SYNCS = "synchronous=FULL"
    PICTURE_SYNCS = "the pictures' fsync"


class _Recorder:
    """Writes down the calls that succeeded and change the disk."""

    def __init__(self, missing: Missing) -> None:
        self.calls: list[Call] = []
        self._missing = missing

    def before(self, call: Call) -> None:
        """Refuse nothing."""

    def after(self, call: Call) -> None:
        """Keep a call."""
        is_missing = "sync" in call.does and not call.is_sqlite and self._missing is Missing.PICTURE_SYNCS
        if call.changes and not is_missing:
            self.calls.append(call)


@dataclass(frozen=True, slots=True)
class _Recording:
    """A workload's calls, and after how many of them which step was acknowledged."""

    before: Disk
    calls: list[Call]
    acknowledged: list[tuple[int, int]]


def run(seed: str, unit: int) -> Result:
    """Cut the power so many times in one workload."""
    result = _cut(f"power {seed} {unit}", Missing.NOTHING)
    result.failures = [f"power, workload {unit}, {failure}" for failure in result.failures]
    return result


def run_control(seed: str, unit: int) -> Result:
    """The negative control: with `synchronous=OFF`, or pictures that are not synced, something must get lost."""
    missing = Missing.PICTURE_SYNCS if unit % 2 else Missing.SQLITE_SYNCS
    found = _cut(f"power {seed} {unit}", missing)
    cuts = found.counts["power cuts"]
    result = Result()
    result.counts[f"workloads without {missing.value}"] = 1
    if found.failures:
        result.counts["found out"] = 1
        result.reach("cuts until all were found out", cuts)
    else:
        result.failures.append(f"control, workload {unit}: without {missing.value} nothing was lost in {cuts} cuts")
    return result


def _cut(seed: str, missing: Missing) -> Result:
    """Record a workload in a few generations, and cut each off at random moments, until one does harm."""
    result, chance, script, expected = Result(), random.Random(seed), Script(seed), Expected()
    with tempfile.TemporaryDirectory(prefix="daybook-power-", dir=FAST_FOLDER) as name:
        folder = Path(name) / "data"
        _lay_out({}, folder)
        for generation in range(_GENERATIONS):
            recording = _record(folder, script, copy.deepcopy(expected), chance, missing)
            result.counts["recorded calls"] += len(recording.calls)
            files: dict[str, bytes] = {}
            done = 0
            for moment in sorted(chance.randint(0, len(recording.calls)) for _ in range(CUTS // _GENERATIONS)):
                for call in recording.calls[done:moment]:
                    recording.before.take(call)
                done = moment
                _expect(script, expected, recording, moment)
                files = recording.before.crash(chance)
                _lay_out(files, folder)
                goes_on = chance.random() < 0.2
                problems = _look(folder, script, copy.deepcopy(expected), result, goes_on=goes_on)
                result.counts["power cuts"] += 1
                if problems:
                    where = f"generation {generation}, call {moment} of {len(recording.calls)}"
                    result.failures.append(f"{where}: {'; '.join(problems)}")
                    return result
            _lay_out(files, folder)
    return result


def _record(folder: Path, script: Script, expected: Expected, chance: random.Random, missing: Missing) -> _Recording:
    """Open what is there, work on it, and write down what the disk was asked for."""
    recorder = _Recorder(missing)
    recording = _Recording(Disk.holding(folder), recorder.calls, [])
    with observed(folder, recorder):
        buffer = open_tortured(folder, vfs=VFS)
        pages = chance.choice((5, 20, 60, 1000))  # how soon the WAL is carried over
        buffer.database.rows(f"PRAGMA wal_autocheckpoint = {pages}")
        if missing is Missing.SQLITE_SYNCS:
            buffer.database.rows("PRAGMA synchronous = OFF")
        examine(buffer, script, expected)
        recording.acknowledged.append((len(recorder.calls), expected.steps))
        for _ in range(chance.randint(10, 60)):
            script.run(buffer, expected)
            recording.acknowledged.append((len(recorder.calls), expected.steps))
        if chance.random() < 0.3:
            buffer.database.close()
    buffer.database.close()  # one that was not closed under the recorder died at work
    return recording


def _expect(script: Script, expected: Expected, recording: _Recording, moment: int) -> None:
    """Take the expectation on to what had been acknowledged at a moment."""
    steps = max((steps for calls, steps in recording.acknowledged if calls <= moment), default=0)
    while expected.steps < steps:
        expected.take(script.next(expected))


def _look(folder: Path, script: Script, expected: Expected, result: Result, *, goes_on: bool) -> list[str]:
    """Open what the crash left as the tracker would, and compare it with what was acknowledged."""
    steps = expected.steps
    try:
        with closing((buffer := open_tortured(folder)).database):
            finding = examine(buffer, script, expected)
            result.counts["orphan pictures found"] += finding.orphans
            result.counts[_KEPT] += finding.step - steps if not finding.problems else 0
            if goes_on and not finding.problems:
                script.run(buffer, expected)
                finding.problems += examine(buffer, script, expected).problems
            return finding.problems
    except TrackerError as error:
        return [f"after step {steps}: {error}"]


def _lay_out(files: dict[str, bytes], folder: Path) -> None:
    """Put a crash's files in place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pictures").mkdir(parents=True)
    for path, content in files.items():
        Path(path).write_bytes(content)


PART = Part(
    name="power",
    does="power cuts that drop, tear and reorder unsynced writes",
    thing="power cuts",
    total=50_000,
    size=CUTS,
    run=run,
)
CONTROL = Part(
    name="power-control",
    does="workloads with synchronous=OFF or unsynced pictures, each to be found out",
    thing="workloads",
    total=50,
    size=1,
    run=run_control,
)
