"""What the tortured tracker does, step by step from a seed, and what its buffer must then hold.

Each step is one transaction of the real store that also keeps the step's number, so that a buffer says how far it came;
`Expected` plays the same steps in plain Python and knows nothing of SQLite.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from tests.fakes.clock import NOON_MS
from tracker.domain.clock import Moment
from tracker.domain.errors import TrackerError
from tracker.domain.events import TakeAway, Worked
from tracker.domain.segment import Interval, segment_start_ms, split
from tracker.domain.session import Phase, State
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.journal import Measured
from tracker.sync.sealer import Sealer
from wire.diary import Picture
from wire.sync import Accepted
from wire.words import MINUTE_MS, ActivitySource, Kind, SnapshotStatus

KEY = bytes(range(32))
DEVICE = UUID(int=77)
CONTRACTS = tuple(UUID(int=number) for number in range(1, 4))
LONGEST_TICK_MS = 5000
_MARKER = "torture_step"
_HOLD_MS = 20_000

Span = tuple[str, int, int, str]  # contract, start, end (UTC ms), memo


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do at an instant; what of the fields counts depends on `does`."""

    number: int
    does: str
    at_ms: int
    contract: UUID
    end_ms: int = 0
    memo: str = ""
    keys: int = 0
    content: bytes = b""


@dataclass(slots=True)
class Taken:
    """A snapshot that is not sealed yet."""

    contract: str
    at_ms: int
    status: str
    leaves_ms: int | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Everything in a buffer that the script put there, in one comparable form."""

    spans: tuple[Span, ...]
    keys: tuple[tuple[str, int, int], ...]
    running_ms: int | None
    snapshots: tuple[tuple[str, int, str, bool, tuple[str, ...]], ...]  # True: not decided on
    revisions: tuple[tuple[int, str, int, int, str], ...]
    uploads: tuple[tuple[str, str, int, bool], ...]

    def differences(self, other: "View") -> list[str]:
        """Say what the other has in excess and what it lacks."""
        found = []
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine == theirs:
                continue
            if not isinstance(mine, tuple):
                found.append(f"{name}: {mine} expected, {theirs} found")
                continue
            lost = [one for one in mine if one not in theirs]
            new = [one for one in theirs if one not in mine]
            found.append(f"{name}: lost {_few(lost)}; invented or doubled {_few(new)}; {len(mine)}→{len(theirs)}")
        return found


@dataclass(slots=True)
class Expected:
    """The buffer's content after so many steps, kept without a database."""

    steps: int = 0
    at_ms: int = NOON_MS
    memo: str = "memo"
    contract: UUID = CONTRACTS[0]
    running_ms: int | None = None
    unsealed: list[Span] = field(default_factory=list)
    unsealed_keys: dict[tuple[str, int], int] = field(default_factory=dict)  # by contract and tick
    snapshots: list[Taken] = field(default_factory=list)
    sealed: list[Span] = field(default_factory=list)
    sealed_keys: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))  # and minute
    sealed_names: defaultdict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    revisions: list[tuple[int, str, int, int, str]] = field(default_factory=list)
    uploads: dict[tuple[str, str, int], bool] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        """Play a step."""
        self.steps = step.number
        self.contract, self.memo = step.contract, step.memo
        self.at_ms = max(step.at_ms, step.end_ms)
        contract = str(step.contract)
        match step.does:
            case "tick":
                piece = Interval(step.contract, step.at_ms, step.end_ms, Kind.TRACKED, step.memo)
                self.unsealed += [(contract, one.start_ms, one.end_ms, step.memo) for one in split(piece)]
                self.unsealed_keys[contract, step.at_ms] = step.keys
                self.running_ms = step.end_ms
            case "idle":
                self._take_away(step.at_ms - step.keys, step.at_ms)
            case "snapshot":
                leaves_ms = step.at_ms + _HOLD_MS
                self.snapshots.append(Taken(contract, step.at_ms, SnapshotStatus.HELD, leaves_ms, _names(step.content)))
            case "blur":
                self.snapshots[-1].status, self.snapshots[-1].names = SnapshotStatus.BLURRED, _names(step.content)
            case "withhold":
                last = self.snapshots[-1]
                last.status, last.names, last.leaves_ms = SnapshotStatus.WITHHELD, (), None
            case "seal":
                self._seal(step.at_ms)
            case "settle":
                self._settle()

    def view(self) -> View:
        """Give what must be in the buffer."""
        keys = defaultdict(int, self.sealed_keys)
        for (contract, at_ms), count in self.unsealed_keys.items():
            keys[contract, at_ms // MINUTE_MS] += count
        return View(
            spans=joined([*self.sealed, *self.unsealed]),
            keys=nonzero(keys),
            running_ms=self.running_ms,
            snapshots=tuple(
                sorted(
                    (one.contract, one.at_ms, one.status, one.leaves_ms is not None, one.names)
                    for one in self.snapshots
                )
            ),
            revisions=tuple(self.revisions),
            uploads=tuple(sorted((*key, is_sent) for key, is_sent in self.uploads.items())),
        )

    def names(self) -> set[str]:
        """Give the pictures that must have a file."""
        return {name for one in self.snapshots for name in one.names} | {sha256 for _, sha256, _ in self.uploads}

    def _take_away(self, from_ms: int, now_ms: int) -> None:
        kept = [one for one in self.unsealed if one[1] < from_ms]
        self.unsealed = [(one[0], one[1], min(one[2], from_ms), one[3]) for one in kept]
        self.unsealed_keys = {key: count for key, count in self.unsealed_keys.items() if key[1] < from_ms}
        self.snapshots = [one for one in self.snapshots if not from_ms <= one.at_ms <= now_ms]
        self.running_ms = None

    def _seal(self, now_ms: int) -> None:
        self.running_ms = None
        for start_ms, contract in sorted({(segment_start_ms(one[1]), one[0]) for one in self.unsealed}):

            def belongs(of: str, at_ms: int, *, to: tuple[int, str] = (start_ms, contract)) -> bool:
                return (segment_start_ms(at_ms), of) == to

            taken = [one for one in self.snapshots if belongs(one.contract, one.at_ms)]
            if any(one.leaves_ms is not None and one.leaves_ms > now_ms for one in taken):
                continue
            self.sealed += [one for one in self.unsealed if belongs(one[0], one[1])]
            self.unsealed = [one for one in self.unsealed if not belongs(one[0], one[1])]
            for key in [key for key in self.unsealed_keys if belongs(*key)]:
                self.sealed_keys[contract, key[1] // MINUTE_MS] += self.unsealed_keys.pop(key)
            self.snapshots = [one for one in self.snapshots if one not in taken]
            names = self.sealed_names[contract, start_ms]
            names += [name for one in taken for name in one.names]
            number = 1 + sum(one[1:3] == (contract, start_ms) for one in self.revisions)
            link = len(self.revisions)
            sent = {key[:2] for key, is_sent in self.uploads.items() if is_sent}
            self.revisions.append((link, contract, start_ms, number, "waiting"))
            self.uploads.update({(contract, name, link): (contract, name) in sent for name in names})

    def _settle(self) -> None:
        waiting = [one[0] for one in self.revisions if one[4] == "waiting"][:1]
        self.revisions = [(*one[:4], "accepted") if one[0] in waiting else one for one in self.revisions]
        accepted = {one[0] for one in self.revisions if one[4] == "accepted"}
        ready = [(link, sha256, contract) for (contract, sha256, link), sent in self.uploads.items()
                 if not sent and link in accepted]  # fmt: skip
        if ready:
            _, sha256, contract = min(ready)
            self.uploads = {key: sent or key[:2] == (contract, sha256) for key, sent in self.uploads.items()}


@dataclass(frozen=True, slots=True)
class Script:
    """The steps of a seed. A large one writes memos that need pages of their own."""

    seed: str
    is_large: bool = False

    def next(self, expected: Expected) -> Step:
        """Give the step that comes after what is expected so far."""
        number = expected.steps + 1
        chance = random.Random(f"{self.seed} {number}")
        does = chance.choices(
            ("tick", "idle", "snapshot", "blur", "withhold", "seal", "settle"), (70, 4, 10, 3, 3, 5, 5)
        )[0]
        is_held = bool(expected.snapshots) and expected.snapshots[-1].leaves_ms is not None
        if does in {"blur", "withhold"} and not is_held:
            does = "tick"
        at_ms, contract, memo = expected.at_ms, expected.contract, expected.memo
        if does == "tick":
            if chance.random() < 0.1:
                memo = f"memo {number} " + "x" * chance.choice((0, 0, 40, 7000 if self.is_large else 900))
            if chance.random() < 0.05:
                contract = chance.choice(CONTRACTS)
            if chance.random() < 0.04:
                at_ms += chance.randrange(700_000)
        else:
            at_ms += 1  # two pictures never share an instant
        if does == "seal" and chance.random() < 0.7:
            at_ms += _HOLD_MS
        return Step(
            number=number,
            does=does,
            at_ms=at_ms,
            contract=contract,
            end_ms=at_ms + chance.randint(50, LONGEST_TICK_MS) if does == "tick" else 0,
            memo=memo,
            keys=chance.randrange(20_000) if does == "idle" else chance.randrange(30),
            content=chance.randbytes(chance.choice((40, 900, 9000))) if does in {"snapshot", "blur"} else b"",
        )

    def run(self, buffer: Buffer, expected: Expected) -> Step:
        """Do the next step, and expect it once the store says that it is done."""
        step = self.next(expected)
        perform(buffer, step)
        expected.take(step)
        return step


def perform(buffer: Buffer, step: Step) -> None:
    """Do a step on the real store, as the tracker does it: pictures first, then the rows that name them."""
    kept: list[str] = []
    try:
        pictures = _keep(buffer, step.content, kept) if step.content else ()
        with buffer.database.transaction():
            _write(buffer, step, pictures)
            buffer.settings.put(_MARKER, str(step.number))
    except TrackerError:
        with suppress(TrackerError, OSError):  # the failure itself is what is told; as Snapshotter does
            buffer.snapshots.discard(kept)
        raise


def reached(buffer: Buffer) -> int:
    """Give the number of the last step that a buffer holds."""
    return int(buffer.settings.get_text(_MARKER) or 0)


def open_tortured(folder: Path, *, vfs: str | None = None) -> Buffer:
    """Open the script's buffer."""
    return open_buffer(folder, KEY, vfs=vfs)


def _write(buffer: Buffer, step: Step, pictures: tuple[Picture, ...]) -> None:
    now = Moment(max(step.at_ms, step.end_ms), 0, 0, clock_offset_ms=0, is_provisional=False)
    does: dict[str, Callable[[], object]] = {
        "tick": lambda: _tick(buffer, step, now),
        "idle": lambda: buffer.journal.write(
            State(), (TakeAway(step.at_ms - step.keys, now.utc_ms),), None, now=now, policy_version=1
        ),
        "snapshot": lambda: _snapshot(buffer, step, pictures),
        "blur": lambda: buffer.snapshots.blur(_last(buffer), pictures),
        "withhold": lambda: buffer.snapshots.withhold(_last(buffer)),
        "seal": lambda: _seal(buffer, now),
        "settle": lambda: _settle(buffer, now),
    }
    does[step.does]()


def _tick(buffer: Buffer, step: Step, now: Moment) -> None:
    state = State(phase=Phase.TRACKING, contract=step.contract, counted=now)
    worked = Worked(Interval(step.contract, step.at_ms, step.end_ms, Kind.TRACKED, step.memo))
    measured = Measured(
        step.contract, step.at_ms, ActivitySource.COUNTS, keys=step.keys, clicks=0, scrolls=0, moved=False
    )
    buffer.journal.write(state, (worked,), measured, now=now, policy_version=1)


def _snapshot(buffer: Buffer, step: Step, pictures: tuple[Picture, ...]) -> None:
    start_ms = segment_start_ms(step.at_ms)
    buffer.snapshots.draw(step.contract, start_ms, (step.at_ms - start_ms,))
    leaves_ms = step.at_ms + _HOLD_MS
    buffer.snapshots.add(step.contract, step.at_ms, drawn_ms=step.at_ms, pictures=pictures, leaves_ms=leaves_ms)


def _seal(buffer: Buffer, now: Moment) -> None:
    buffer.journal.write(State(), (), None, now=now, policy_version=1)
    Sealer(buffer.database, buffer.journal, buffer.snapshots, buffer.outbox).seal(DEVICE, State(), now)


def _settle(buffer: Buffer, now: Moment) -> None:
    for revision in buffer.outbox.next_batch(1):
        buffer.outbox.settle(revision.link, Accepted(received_ms=now.utc_ms))
    for contract, sha256 in buffer.outbox.uploads(1):
        buffer.outbox.mark_sent(contract, sha256)


def _last(buffer: Buffer) -> int:
    newest = buffer.snapshots.newest()
    return 0 if newest is None else newest.id


def _keep(buffer: Buffer, content: bytes, kept: list[str]) -> tuple[Picture, ...]:
    image, thumbnail = content, content[:30]
    for one in (image, thumbnail):
        kept.append(buffer.pictures.put(one))  # noqa: PERF401 (those so far, if one cannot be put)
    return (
        Picture(
            monitor=0, width=1, height=1, sha256=kept[0], size=len(image), thumbnail_sha256=kept[1],
            thumbnail_size=len(thumbnail),
        ),
    )  # fmt: skip


def _names(content: bytes) -> tuple[str, ...]:
    return tuple(hashlib.sha256(one).hexdigest() for one in (content, content[:30]))


def joined(spans: list[Span]) -> tuple[Span, ...]:
    """Join what continues within a segment; what overlaps stays apart, so that a doubled span shows."""
    result: list[Span] = []
    for contract, start_ms, end_ms, memo in sorted(spans):
        last = result[-1] if result else None
        is_one = last is not None and (last[0], last[2], last[3]) == (contract, start_ms, memo)
        if last is not None and is_one and segment_start_ms(last[1]) == segment_start_ms(start_ms):
            result[-1] = (contract, last[1], end_ms, memo)
        else:
            result.append((contract, start_ms, end_ms, memo))
    return tuple(result)


def nonzero(keys: dict[tuple[str, int], int]) -> tuple[tuple[str, int, int], ...]:
    """Bring counts by contract and minute into the form in which they are compared."""
    return tuple(sorted((*key, count) for key, count in keys.items() if count))


def _few(rows: list[object]) -> str:
    text = ", ".join(str(row)[:150] for row in rows[:3])
    return f"{len(rows)} [{text}]"
