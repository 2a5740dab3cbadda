"""A disk that is full, broken or read-only from any of the first calls on, until somebody mends it.

SQLite passes over errors of the checkpoint that it makes by itself after a commit, and of the one at closing; a VFS in
Python cannot be passed over, because apsw raises what it raised. So checkpoints are made by a statement of their own
here, and an error at closing is no finding: what counts is what the next opening finds.
"""

import copy
import errno
import random
import shutil
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import apsw

from tests.torture.checking import examine
from tests.torture.disk import VFS, Call, observed
from tests.torture.kill import FAST_FOLDER
from tests.torture.parts import Part, Result
from tests.torture.script import Expected, Script, open_tortured, perform, reached
from tracker.domain.errors import BugError, TrackerError
from tracker.store.buffer import Buffer

CALLS = 10
_KINDS = {"full": errno.ENOSPC, "broken": errno.EIO, "read-only": errno.EROFS}
_STEPS_BEFORE_REOPENING = 50
_STEPS_AFTER = 6
_CHECKPOINT_EVERY = 8  # steps
_FULL_REFUSES = {"create", "write"}


class _Faulty:
    """Refuses calls of a kind from a numbered one on, until it is mended."""

    def __init__(self, kind: str, first: int, lasts: int) -> None:
        self._kind = kind
        self._first = first
        self._lasts = lasts  # calls that are refused, if nobody mends it before
        self.made = 0
        self.refused: list[str] = []
        self.is_mended = False

    @property
    def has_begun(self) -> bool:
        """Whether the numbered call has come."""
        return self.made > self._first

    def before(self, call: Call) -> None:
        """Count a call, and refuse it if its disk would."""
        self.made += 1
        if self.has_begun and not self.is_mended and len(self.refused) < self._lasts and self._hits(call):
            self.refused.append(f"{call.does} {Path(call.path).name[-20:]}")
            raise OSError(_KINDS[self._kind], f"torture: {self._kind}")

    def after(self, call: Call) -> None:
        """Nothing is kept of it."""

    def _hits(self, call: Call) -> bool:
        if self._kind == "full":
            return call.does in _FULL_REFUSES
        return self._kind == "broken" or call.changes


class _Session:
    """One run of the script on a faulty disk: what is refused is tried again, as the engine does a tick later."""

    def __init__(self, folder: Path, seed: str, disk: _Faulty, patience: int, result: Result) -> None:
        self._folder = folder
        self._script = Script(seed)
        self._expected = Expected()
        self._disk = disk
        self._patience = patience
        self._result = result
        self._refusals = 0
        self.problems: list[str] = []

    def run(self) -> None:
        """Work until some steps after the fault, then look at everything with the disk mended."""
        with observed(self._folder, self._disk):
            buffer = self._open()
            left = _STEPS_AFTER
            while left and not self.problems:
                self._step(buffer)
                left -= self._disk.has_begun
                if self._expected.steps % _CHECKPOINT_EVERY == 0:
                    self._checkpoint(buffer)
                if self._expected.steps == _STEPS_BEFORE_REOPENING:
                    self._close(buffer)
                    buffer = self._open()
            self._disk.is_mended = True
            if not self.problems:
                self._step(buffer)
            self._close(buffer)
        if self.problems:
            return
        buffer = open_tortured(self._folder)
        finding = examine(buffer, self._script, self._expected)
        buffer.database.close()
        self.problems += finding.problems
        self._result.counts["orphan pictures found"] += finding.orphans

    def _open(self) -> Buffer:
        while True:
            try:
                buffer = open_tortured(self._folder, vfs=VFS)
                with suppress(TrackerError):
                    buffer.database.rows("PRAGMA wal_autocheckpoint = 0")
            except TrackerError as error:
                self._refuse(error, None)
            else:
                return buffer

    def _step(self, buffer: Buffer) -> None:
        step = self._script.next(self._expected)
        while not self.problems:
            try:
                perform(buffer, step)
                for name in [*self._expected.names()][:1]:
                    with suppress(TrackerError):
                        buffer.pictures.get(name)
            except TrackerError as error:
                self._refuse(error, buffer)
            else:
                self._expected.take(step)
                return

    def _refuse(self, error: TrackerError, buffer: Buffer | None) -> None:
        """Hold a refusal to the promises: a sentence for the person, and nothing of it saved or lost."""
        self._refusals += 1
        self._result.counts["refusals told"] += 1
        if isinstance(error, BugError):
            self.problems.append(f"a bug of ours: {error}")
        if not str(error).endswith((".", "daybook quit", "daybook run")) or "Traceback" in str(error):
            self.problems.append(f"no sentence: {error}")
        self._disk.is_mended = self._disk.is_mended or self._refusals >= self._patience
        if self._refusals > self._patience + 3:
            self.problems.append(f"it goes on after the disk was mended: {error}")
        if buffer is not None and self._refusals == 1:
            self._die_here()
        if buffer is not None and self._disk.is_mended:
            self._look_back(buffer, error)

    def _die_here(self) -> None:
        """See what a start would find on a mended disk, had the process died at this refusal."""
        left = self._folder.with_name("left")
        shutil.copytree(self._folder, left)
        with closing((buffer := open_tortured(left)).database):
            finding = examine(buffer, self._script, copy.deepcopy(self._expected))
        shutil.rmtree(left)
        self._result.counts["deaths at a refusal"] += 1
        self.problems += [f"had it died at the refusal: {problem}" for problem in finding.problems]

    def _look_back(self, buffer: Buffer, error: TrackerError) -> None:
        """See what a refused step left in the open buffer."""
        try:
            ahead = reached(buffer) - self._expected.steps
        except TrackerError as again:
            self.problems.append(f"after {error} the mended disk is not read: {again}")
            return
        if ahead == 1:
            self._result.counts["steps told as not saved that were saved"] += 1
        elif ahead:
            self.problems.append(f"{ahead} steps after a refusal")

    def _close(self, buffer: Buffer) -> None:
        with suppress(apsw.Error):
            buffer.database.close()

    def _checkpoint(self, buffer: Buffer) -> None:
        try:
            buffer.database.rows("PRAGMA wal_checkpoint(PASSIVE)")
        except TrackerError as error:
            self._refuse(error, buffer)


def run(seed: str, unit: int) -> Result:
    """Begin each kind of fault at each of a unit's calls."""
    result = Result()
    for call in range(unit * CALLS, (unit + 1) * CALLS):
        result.counts["calls"] += 1
        for kind in _KINDS:
            chance = random.Random(f"faults {seed} {call} {kind}")
            lasts = chance.choice((1, 1, 3, 20)) if kind == "broken" else 1_000_000
            disk = _Faulty(kind, call, lasts)
            folder = Path(tempfile.mkdtemp(prefix="daybook-faults-", dir=FAST_FOLDER))
            session = _Session(folder / "data", f"faults {seed}", disk, chance.randint(1, 3), result)
            try:
                session.run()
            except Exception as error:  # noqa: BLE001 (whatever is not a TrackerError would end the tracker)
                session.problems.append(f"it crashed: {error!r}")
            shutil.rmtree(folder, ignore_errors=True)
            result.counts["faults"] += 1
            result.counts["refused calls"] += len(disk.refused)
            result.counts["faults that met no call"] += not disk.refused
            result.failures += [
                f"faults, {kind} from call {call} (refused: {', '.join(disk.refused[:5])}): {problem}"
                for problem in session.problems
            ]
    return result


PART = Part(
    name="faults",
    does="I/O calls from which on the disk is full, broken or read-only for a while",
    thing="calls",
    total=2_000,
    size=CALLS,
    run=run,
)
