"""Reads a whole buffer and compares it with what must be in it."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from tests.torture.script import DEVICE, Expected, Script, Span, View, joined, nonzero, reached
from tracker.domain.errors import TrackerError
from tracker.domain.segment import segment_start_ms
from tracker.store.buffer import Buffer
from wire import canonical, chain
from wire.diary import Segment
from wire.words import MINUTE_MS, SEGMENT_MS


@dataclass(slots=True)
class Finding:
    """What a buffer was found to hold: its last step, what is wrong, and files that no row names."""

    step: int
    problems: list[str] = field(default_factory=list)
    orphans: int = 0


def examine(buffer: Buffer, script: Script, expected: Expected, *, is_thorough: bool = True) -> Finding:
    """Compare a buffer with what was acknowledged, or with one step more: that one was under way.

    `expected` is taken on by that step where the buffer has it.
    """
    step = reached(buffer)
    finding = Finding(step, losses_told(buffer))
    is_repaired = _repair_pictures(buffer)
    if step == expected.steps + 1:
        expected.take(script.next(expected))
    elif step != expected.steps:
        finding.problems.append(f"step {expected.steps} was acknowledged, step {step} is the buffer's last")
        return finding
    if is_thorough and (said := buffer.database.rows("PRAGMA integrity_check")) != [("ok",)]:
        finding.problems.append(f"integrity_check: {said[:3]}")
    finding.problems += expected.view().differences(read(buffer, finding.problems))
    kept, named = buffer.pictures.names(), expected.names()
    finding.orphans = len(kept - named)
    if is_repaired and finding.orphans:
        finding.problems.append(f"{finding.orphans} orphan pictures are left after the repair")
    if missing := named - kept:
        finding.problems.append(f"{len(missing)} of {len(named)} pictures have no file")
    for name in named & kept:
        try:
            buffer.pictures.get(name)
        except TrackerError as error:
            finding.problems.append(str(error))
    return finding


def losses_told(buffer: Buffer) -> list[str]:
    """Give what the store says that it lost; nothing while it keeps no count of its commits."""
    told = [f"a loss was told: {lost}"] if (lost := getattr(buffer.database, "lost", None)) is not None else []
    report = getattr(buffer, "recovery_report", None)
    return [*told, f"a recovery was told: {text}"] if report is not None and (text := report()) else told


def _repair_pictures(buffer: Buffer) -> bool:
    """Do what a start does about pictures that a crash left, where the store can; tell whether it can."""
    destruction = getattr(buffer, "destruction", None)
    if destruction is None:
        return False
    destruction.carry_out()
    destruction.sweep()
    return True


def read(buffer: Buffer, problems: list[str]) -> View:
    """Read what a buffer holds, whichever table it is in; what breaks its rules becomes a problem."""
    rows = buffer.database.rows
    spans: list[Span] = list(rows("SELECT contract, start_ms, end_ms, memo FROM worked"))
    problems += [f"a row crosses the grid: {one}" for one in spans if one[2] > segment_start_ms(one[1]) + SEGMENT_MS]
    keys: defaultdict[tuple[str, int], int] = defaultdict(int)
    for contract, at_ms, count in rows("SELECT contract, at_ms, keys FROM activity"):
        keys[contract, at_ms // MINUTE_MS] += count
    for segment in _newest(buffer, problems):
        contract, start_ms = str(segment.contract), segment.start_s * 1000
        spans += [(contract, start_ms + one.start_ms, start_ms + one.end_ms, one.memo) for one in segment.intervals]
        for minute in segment.activity.minutes:
            keys[contract, start_ms // MINUTE_MS + minute.minute] += minute.keys
    in_time = sorted((one[1], one[2]) for one in spans)
    problems += [f"{one} and {other} overlap" for one, other in pairwise(in_time) if one[1] > other[0]]
    running = rows("SELECT counted_to_ms FROM running")
    named: defaultdict[int, list[str]] = defaultdict(list)
    for snapshot, *names in rows("SELECT snapshot, sha256, thumbnail_sha256 FROM picture ORDER BY snapshot, monitor"):
        named[snapshot] += names
    return View(
        spans=joined(spans),
        keys=nonzero(keys),
        running_ms=running[0][0] if running else None,
        snapshots=tuple(
            sorted(
                (contract, at_ms, status, leaves_ms is not None, tuple(named[snapshot]))
                for snapshot, contract, at_ms, status, leaves_ms in rows(
                    "SELECT id, contract, at_ms, status, leaves_ms FROM snapshot"
                )
            )
        ),
        revisions=tuple(rows("SELECT link, contract, start_ms, revision, state FROM revision ORDER BY link")),
        uploads=tuple(
            sorted((*row[:3], bool(row[3])) for row in rows("SELECT contract, sha256, link, is_sent FROM upload"))
        ),
    )


def _newest(buffer: Buffer, problems: list[str]) -> list[Segment]:
    """Give the newest revision of each segment; the chain is followed from its beginning."""
    head = chain.genesis(DEVICE)
    newest: dict[tuple[str, int], Segment] = {}
    revisions = buffer.database.rows("SELECT link, link_hash, digest, salt, content FROM revision ORDER BY link")
    for link, link_hash, digest, salt, content in revisions:
        head = chain.extend(head, (digest,))
        if head.length != link + 1 or head.hash != link_hash or chain.digest(salt, content) != digest:
            problems.append(f"the chain breaks at link {link}")
        segment = canonical.decode(content, Segment)
        newest[str(segment.contract), segment.start_s] = segment
    return list(newest.values())
