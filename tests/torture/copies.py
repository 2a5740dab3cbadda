"""Damaged buffers with rolling copies of several ages: what recovery gives back, tells, and must not bring back.

The buffer is damaged in the ways of `damage`, and up to all of its copies too. What must then be there: everything of
the newest good copy that was not removed since, and every row that the damaged file still gives; nothing that neither
had, nothing twice, nothing destroyed. The chain is whole, or its head told as unknown; the figures told are true.
"""

import random
import re
import shutil
import tempfile
from bisect import bisect_right
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apsw

from tests.fakes.clock import NOON_MS
from tests.torture import damage
from tests.torture.checking import losses_told, read
from tests.torture.damage import DAMAGES
from tests.torture.kill import FAST_FOLDER
from tests.torture.parts import Part, Result
from tests.torture.script import KEY, Expected, Script, Span, Step, View, joined, open_tortured, reached
from tracker.domain.errors import TrackerError
from tracker.store import keyed
from tracker.store.buffer import Buffer, database_path
from tracker.store.copies import EVERY_MS, copies_in
from tracker.store.database import BufferDamagedError
from wire.words import MINUTE_MS

FILES = 40
_STEPS = (60, 90, 120, 150)  # a copy is made after each; what comes later is in no copy
_STEPS_LATER = 60
_DESTROYED = b"a memo that was destroyed"
_KINDS = (
    "truncated", "emptied", "removed", "bit flipped in a live page", "live pages overwritten",
    "live pages overwritten beside a WAL", "WAL damaged", "commit number damaged", "undamaged",
)  # fmt: skip
_WEIGHTS = (6, 2, 3, 8, 10, 6, 4, 1, 1)
_DAMAGED_COPIES = (0, 0, 0, 1, 1, 2, 9)


@dataclass(frozen=True, slots=True)
class _Story:
    """A buffer and its copies; what was `ever` worked and counted stands there whether or not it was kept."""

    base: damage._Base
    copies: dict[str, int]  # the script's last step in each, by name
    ever: "_Spans"
    counted: dict[tuple[str, int], int]  # by contract and minute
    hashes: dict[int, bytes]  # of the chain's links
    destroyed: frozenset[str]  # pictures that no step may bring back

    def expect(self, steps: int) -> Expected:
        """Play the script so far."""
        played = Expected()
        while played.steps < steps:
            played.take(self.base.script.next(played))
        return played


def run(seed: str, unit: int) -> Result:
    """Damage one buffer so many times, its copies too, and judge what recovery makes of it."""
    result = Result()
    chance = random.Random(f"copies {seed} {unit}")
    with tempfile.TemporaryDirectory(prefix="daybook-copies-", dir=FAST_FOLDER) as name:
        folder = Path(name) / "data"
        story = _make(folder, f"copies {seed} {unit}")
        result.reach("copies kept", len(story.copies))
        for number in range(FILES):
            kind = chance.choices(_KINDS, _WEIGHTS)[0]
            verdict, problems = _judge(folder, story, DAMAGES[kind], chance)
            result.counts["files"] += 1
            result.counts[verdict] += 1
            result.failures += [f"copies, buffer {unit}, file {number}, {kind}: {one}" for one in problems]
    return result


def _make(folder: Path, seed: str) -> _Story:
    script, expected = _CalmLater(seed, is_large=True), Expected()
    copies: dict[str, int] = {}
    counted: defaultdict[tuple[str, int], int] = defaultdict(int)
    names, spans = set[str](), list[Span]()

    def work(buffer: Buffer, steps: int) -> None:
        while expected.steps < steps:
            step = script.run(buffer, expected)
            names.update(expected.names())
            if step.does == "tick":
                counted[str(step.contract), step.at_ms // MINUTE_MS] += step.keys
                spans.append((str(step.contract), step.at_ms, step.end_ms, step.memo))

    with closing((buffer := open_tortured(folder)).database):
        for number, steps in enumerate(_STEPS):
            work(buffer, steps)
            if number == 1:
                _destroy_a_memo(buffer)
            while buffer.upkeep._copies.step(NOON_MS + number * EVERY_MS, 0):
                pass
            copies[copies_in(folder)[0].path.name] = steps
        work(buffer, _STEPS[-1] + _STEPS_LATER)
        live = tuple(int(row[0]) for row in buffer.database.rows("SELECT pageno FROM dbstat"))
    closed, closed_steps = damage._files(folder), expected.steps
    with closing((buffer := open_tortured(folder)).database):
        work(buffer, closed_steps + _STEPS_LATER // 2)
        died = damage._files(folder)
        hashes = {link: bytes(kept) for link, kept in buffer.database.rows("SELECT link, link_hash FROM revision")}
    kept = {copy.path.name for copy in copies_in(folder)}
    story = _Story(
        damage._Base(script, (closed, Expected), (died, Expected), live),
        {name: steps for name, steps in copies.items() if name in kept},
        _by_memo(joined(spans)),
        counted,
        hashes,
        frozenset(),
    )
    return replace(story, destroyed=frozenset(names - story.expect(closed_steps).names() - expected.names()))


class _CalmLater(Script):
    """A script that destroys nothing after the second copy: each destruction would do away with all older copies."""

    def next(self, expected: Expected) -> Step:
        step = super().next(expected)
        from_ms = step.at_ms - (step.keys if step.does == "idle" else 0)
        is_calm = step.does not in {"idle", "blur", "withhold"}
        if (
            is_calm
            or step.number <= _STEPS[1]
            or (step.does == "idle" and not any(from_ms <= one.at_ms <= step.at_ms for one in expected.snapshots))
        ):
            return step
        return replace(step, does="tick", end_ms=step.at_ms + 1000, keys=1, content=b"")


def _destroy_a_memo(buffer: Buffer) -> None:
    """Record a memo and destroy it, as a deletion does."""
    buffer.settings.put("destroyed", _DESTROYED * 400)  # pages of its own
    with buffer.database.transaction():
        buffer.database.execute("DELETE FROM setting WHERE name = 'destroyed'")
        buffer.database.destroys()


def _judge(folder: Path, story: _Story, kind: damage._Damage, chance: random.Random) -> tuple[str, list[str]]:
    """Damage a buffer, open it as the tracker does, and give what became of it and what is wrong with that."""
    files, _ = story.base.died if kind.has_died else story.base.closed
    shutil.rmtree(folder)
    for path, content in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
    kind.does(folder, story.base, chance)
    good = _damage_copies(folder, chance)
    before = damage._files(folder)
    steps = _STEPS[-1] + _STEPS_LATER + (_STEPS_LATER // 2 if kind.has_died else 0)
    try:
        buffer = open_tortured(folder)
    except TrackerError:
        after = damage._files(folder)
        changed = [Path(path).name for path, content in before.items() if after.get(path) != content]
        problems = [f"it was refused, but {changed} changed"] if changed else []
        return "refused, nothing left to restore", problems + ([f"{good} is good"] if good else [])
    with closing(buffer.database):
        if (refusal := _find(buffer)) is not None:
            return "refused, nothing left to restore", [f"{good} is good, but {refusal}"] if good else []
        now = story.expect(steps).view()
        problems = []
        found = read(buffer, problems)
        problems = [one for one in problems if "the chain breaks" not in one]  # a gap; links are compared below
        told = losses_told(buffer)
        if not told:
            return "nothing was missing", problems + now.differences(found)
        copy = story.expect(story.copies[good]).view() if good else None
        problems += _wrong(buffer, story, now, copy, found)
        problems += _wrongly_told(buffer, found)
        problems += _came_back(buffer, story)
        problems += _cannot_go_on(buffer)
        return f"restored from {'a copy and ' if good else ''}itself", problems


def _damage_copies(folder: Path, chance: random.Random) -> str | None:
    """Damage so many of the newest copies, and name the newest that is good."""
    found = [copy.path for copy in copies_in(folder)]
    count = chance.choice(_DAMAGED_COPIES)
    for path in found[:count]:
        content = bytearray(path.read_bytes())
        at = chance.randrange(len(content))
        content[at] ^= 0xFF
        path.write_bytes(bytes(content[: at + 1] if chance.random() < 0.3 else content))
    return next((path.name for path in found[count:]), None)


def _find(buffer: Buffer) -> str | None:
    """Look for damage as the tracker's upkeep does, and let it be mended; gives why it could not be."""
    try:
        buffer.database.check(is_thorough=True)
    except BufferDamagedError as error:
        try:
            return None if buffer.mend(NOON_MS) is not None else str(error)
        except TrackerError as refusal:
            return str(refusal)
    return None


def _wrong(buffer: Buffer, story: _Story, now: View, copy: View | None, found: View) -> list[str]:
    """Hold what is there to what the copy had, what the damaged file gives and what ever was."""
    problems = []
    there, then, before = _by_memo(found.spans), _by_memo(now.spans), _by_memo(copy.spans if copy else ())
    for key in there.keys() | then.keys() | before.keys():
        cuts = sorted({ms for spans in (there, then, before, story.ever) for span in spans[key] for ms in span})
        for start_ms in cuts:
            is_there, was_now, was_before = (_covers(spans[key], start_ms) for spans in (there, then, before))
            if is_there and not _covers(story.ever[key], start_ms):
                problems.append(f"{key} at {start_ms} was invented")
            if was_now and was_before and not is_there:
                problems.append(f"{key} at {start_ms} was in the copy and is lost")
    for contract, minute, count in found.keys:
        if count > story.counted[contract, minute]:
            problems.append(f"{count} keys in minute {minute}, {story.counted[contract, minute]} were ever counted")
    links = {one[0]: one[:4] for one in now.revisions}
    problems += [f"link {one[0]} is not what it was" for one in found.revisions if links.get(one[0]) != one[:4]]
    for link, kept in buffer.database.rows("SELECT link, link_hash FROM revision"):
        if bytes(kept) != story.hashes.get(link):
            problems.append(f"link {link} has another hash")
    is_whole = [one[0] for one in found.revisions] == list(links)
    if not is_whole and not buffer.outbox.is_head_unknown() and found.revisions[-1:] != now.revisions[-1:]:
        problems.append(f"the chain ends at {len(found.revisions)} of {len(links)} links, and its head is not unknown")
    lacking = {one[0] for one in copy.revisions if copy} - {one[0] for one in found.revisions} if copy else set()
    problems += [f"link {link} was in the copy and is lost" for link in lacking]
    return problems + _not_taken_over(buffer, there, {one[0] for one in found.revisions})


def _not_taken_over(buffer: Buffer, there: "_Spans", links: set[int]) -> list[str]:
    """Read the file in quarantine plainly, and say what it gives that the restored buffer lacks."""
    problems = []
    for path in (buffer.folder / "quarantine").glob("*/buffer.db"):
        with tempfile.TemporaryDirectory() as name:  # SQLite would change what it opens
            aside = Path(name) / "data"
            shutil.copytree(path.parent, aside)
            for contract, start_ms, end_ms, memo in _rows(aside, "SELECT contract, start_ms, end_ms, memo FROM worked"):
                if not all(_covers(there[contract, memo], ms) for ms in (start_ms, end_ms - 1)):
                    problems.append(f"{contract} {start_ms} is in quarantine alone")
            states = ("waiting", "accepted", "rejected")  # damage can make of a row what no row can be
            given = {row[0] for row in _rows(aside, "SELECT * FROM revision") if row[11] in states}
            problems += [f"link {link} is in quarantine alone" for link in given - links]
    return problems


def _rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Take the rows up to the first that cannot be read."""
    rows = list[tuple[Any, ...]]()
    if not database_path(folder).stat().st_size:
        return rows
    connection = keyed.connect(database_path(folder), KEY)
    try:
        rows.extend(connection.execute(f"{query} NOT INDEXED"))
    except (apsw.Error, UnicodeDecodeError):
        return rows  # what came before it counts
    finally:
        keyed.close_untouched(connection)
    return rows


def _wrongly_told(buffer: Buffer, found: View) -> list[str]:
    """Hold the figures told to those found."""
    told = buffer.recovery_report() or ""
    figures = re.search(r"(\d+) sealed segments and (\d+) minutes not sealed", told)
    if figures is None:
        return [] if "changes to the buffer were lost" in told else [f"it does not say how much: {told!r}"]
    minutes = (buffer.database.rows("SELECT ifnull(sum(end_ms - start_ms), 0) FROM worked")[0][0] + 30_000) // 60_000
    said = tuple(map(int, figures.groups()))
    return [] if said == (len(found.revisions), minutes) else [f"{said} were told"]


def _came_back(buffer: Buffer, story: _Story) -> list[str]:
    """Look for what was destroyed: pictures by their files, the memo in the bytes of every database."""
    buffer.destruction.carry_out()
    buffer.destruction.sweep()
    back = buffer.pictures.names() & story.destroyed
    problems = [f"{len(back)} destroyed pictures have a file"] if back else []
    if _DESTROYED in (buffer.database._connection.serialize("main") or b""):
        problems.append("a destroyed memo is in the restored buffer")
    for path in [*buffer.folder.glob("copies/*.db"), *buffer.folder.glob("quarantine/*/buffer.db")]:
        with tempfile.TemporaryDirectory() as name:
            shutil.copytree(path.parent, Path(name) / "data")
            connection = keyed.connect(Path(name) / "data" / path.name, KEY)
            try:
                content = connection.serialize("main") or b""
            except apsw.Error:
                content = b""  # too damaged to be read at all
            finally:
                keyed.close_untouched(connection)
            if _DESTROYED in content:
                problems.append(f"a destroyed memo is in {path.parent.name}/{path.name}")
    return problems


def _cannot_go_on(buffer: Buffer) -> list[str]:
    """Say what keeps a restored buffer from being worked in."""
    try:
        buffer.settings.put("after", str(reached(buffer)))
        buffer.database.check(is_thorough=True)
    except TrackerError as error:
        return [f"it cannot be worked in: {error}"]
    broken = buffer.database.rows("PRAGMA foreign_key_check")
    return [f"foreign keys break: {broken[:3]}"] if broken else []


_Spans = defaultdict[tuple[str, str], list[tuple[int, int]]]


def _by_memo(spans: tuple[Span, ...]) -> _Spans:
    found: _Spans = defaultdict(list)
    for contract, start_ms, end_ms, memo in sorted(spans):
        found[contract, memo].append((start_ms, end_ms))
    return found


def _covers(spans: list[tuple[int, int]], at_ms: int) -> bool:
    index = bisect_right(spans, (at_ms, 2**62)) - 1
    return index >= 0 and spans[index][0] <= at_ms < spans[index][1]


PART = Part(
    name="copies",
    does="damaged files with rolling copies, damaged too",
    thing="files",
    total=1_000,
    size=FILES,
    run=run,
)
