"""Kill -9 of the store's process, over and over on one buffer, and what the next process finds in it.

In memory, where there is such a folder: what a killed process has written is there for the next one either way, and the
disk's own time would be most of a cycle's. What a disk loses with its power is the business of `power`.
"""

import os
import random
import select
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.torture.checking import examine
from tests.torture.parts import Part, Result
from tests.torture.script import LONGEST_TICK_MS, Expected, Script, open_tortured

CYCLES = 25
FAST_FOLDER = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 (folders of our own in it)
_PATIENCE_S = 30.0


def run(seed: str, unit: int) -> Result:
    """Kill the store's process so many times on one buffer."""
    result = Result()
    chance = random.Random(f"kill {seed} {unit}")
    script, expected = Script(f"kill {seed} {unit}"), Expected()
    with tempfile.TemporaryDirectory(prefix="daybook-kill-", dir=FAST_FOLDER) as folder:
        while result.counts["kills after an acknowledged write"] < CYCLES and not result.failures:
            paced_s = 0.05 if chance.random() < 0.05 else 0.0
            acknowledged = _cycle(Path(folder) / "data", script, expected, chance, paced_s, result)
            result.counts["kills after an acknowledged write" if acknowledged else "kills before one"] += 1
            result.counts["acknowledged writes"] += acknowledged
        if not result.failures:
            _last_look(Path(folder) / "data", script, expected, result)
    result.failures = [f"kill, life {unit}: {failure}" for failure in result.failures]
    return result


def _cycle(
    folder: Path, script: Script, expected: Expected, chance: random.Random, paced_s: float, result: Result
) -> int:
    """Start a process, kill it, take in what it had acknowledged, and give how many writes those were."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        _die_with(lambda: _work(folder, script, expected, paced_s, writes))
    os.close(writes)
    wanted = chance.randint(1, 4) if paced_s else chance.randint(1, 40)
    if chance.random() < 0.1:
        wanted = 0  # killed while it opens or examines
    with os.fdopen(reads, "rb", buffering=0) as pipe:
        said = _listen(pipe.fileno(), wanted) if wanted else b""
        time.sleep(chance.random() * (paced_s or (0.002 if wanted else 0.01)))
        os.kill(child, signal.SIGKILL)
        while more := pipe.read():
            said += more
    os.waitpid(child, 0)
    return _take_in(said, script, expected, result)


def _work(folder: Path, script: Script, expected: Expected, paced_s: float, pipe: int) -> None:
    """Open, look whether all is there, and go on until killed; a line for each thing done."""
    buffer = open_tortured(folder)
    acknowledged = expected.steps
    finding = examine(buffer, script, expected, is_thorough=False)
    problems = "; ".join(finding.problems).replace("\n", " ") or "ok"
    os.write(pipe, f"found {finding.step - acknowledged} {finding.orphans} {problems}\n".encode())
    while not finding.problems:
        script.run(buffer, expected)
        os.write(pipe, b"done\n")
        time.sleep(paced_s)


def _listen(pipe: int, wanted: int) -> bytes:
    """Read until so many lines are there, or the child says nothing more."""
    said = b""
    deadline = time.monotonic() + _PATIENCE_S
    while said.count(b"\n") <= wanted and time.monotonic() < deadline:
        if select.select([pipe], [], [], 1)[0]:
            more = os.read(pipe, 65536)
            if not more:
                break
            said += more
    return said


def _take_in(said: bytes, script: Script, expected: Expected, result: Result) -> int:
    lines = said.decode().split("\n")[:-1]  # what follows the last line's end was cut off
    for text in lines:
        if text == "done":
            expected.take(script.next(expected))
            continue
        word, step, orphans, problems = text.split(" ", 3)
        if word != "found" or problems != "ok":
            result.failures.append(f"after step {expected.steps}: {problems}")
            return 0
        _count_found(int(step), int(orphans), script, expected, result)
    return lines.count("done")


def _count_found(ahead: int, orphans: int, script: Script, expected: Expected, result: Result) -> None:
    """Count what a start found; a step under way at the kill is there or not, but never more than one."""
    result.counts["examinations of all rows"] += 1
    result.counts["orphan pictures found"] += orphans
    result.reach("orphan pictures in one buffer", orphans)
    step = script.next(expected)
    if ahead:
        expected.take(step)
        result.counts["steps under way that were kept"] += 1
    elif step.does == "tick":
        result.reach("ms of time lost", step.end_ms - step.at_ms)
    if result.most.get("ms of time lost", 0) > LONGEST_TICK_MS:
        result.failures.append("more than 5 s of time were lost")


def _last_look(folder: Path, script: Script, expected: Expected, result: Result) -> None:
    buffer = open_tortured(folder)
    finding = examine(buffer, script, expected)
    buffer.database.close()
    result.failures += finding.problems


def _die_with(action: Callable[[], None]) -> None:
    """Run a child's work, and end without what the parent would do at its end."""
    try:
        action()
    except BaseException as error:  # noqa: BLE001 (the parent sees the end of the pipe and this line)
        os.write(2, f"child: {error!r}\n".encode())
    finally:
        os._exit(1)


PART = Part(
    name="kill",
    does="kill -9 of the store's process at random moments",
    thing="kills",
    total=10_000,
    size=CYCLES,
    run=run,
)
