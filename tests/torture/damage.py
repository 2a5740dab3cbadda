"""Damaged files: each must be told when the buffer is opened, checked or read, and none may come up emptied.

Free pages are exempt: damage is done to pages that hold something.
"""

import random
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.torture.checking import examine, losses_told, read
from tests.torture.kill import FAST_FOLDER
from tests.torture.parts import Part, Result
from tests.torture.script import Expected, Script, open_tortured
from tracker.domain.errors import TrackerError
from tracker.store.buffer import Buffer, database_path, new_key, open_buffer

FILES = 50
PAGE = 4096
_STEPS_CLOSED, _STEPS_IN_WAL = 220, 40
_TOLD = ("told at opening", "told by a check", "told at reading")


@dataclass(frozen=True, slots=True)
class _Base:
    """A buffer to damage.

    `closed` are its files after an orderly end; `died` are those of a process that died, with all later work still in
    the WAL. Each comes with what is expected in it.
    """

    script: Script
    closed: tuple[dict[str, bytes], Callable[[], Expected]]
    died: tuple[dict[str, bytes], Callable[[], Expected]]
    live_pages: tuple[int, ...]

    @property
    def has_commit_number(self) -> bool:
        """Whether the store keeps the number of the last commit beside the file."""
        return any(path.endswith(".commits") for path in self.died[0])


@dataclass(frozen=True, slots=True)
class _Damage:
    """One way to damage a buffer's files.

    `may_be_mended` says that nothing is lost by it, so that opening with all there is as good as telling. Where
    `needs_commit_number`, SQLite itself sees nothing wrong: only a number kept beside the file can tell. One that
    `must_open` is no damage at all, and telling it would be a false alarm.
    """

    does: Callable[[Path, _Base, random.Random], object]
    has_died: bool = False
    may_be_mended: bool = False
    takes_wrong_key: bool = False
    needs_commit_number: bool = False
    must_open: bool = False


def _file(folder: Path) -> Path:
    return database_path(folder)


def _truncate(folder: Path, base: _Base, chance: random.Random) -> None:
    end = max(base.live_pages) * PAGE
    size = chance.choice((chance.randrange(1, end), chance.randrange(1, end // PAGE) * PAGE))
    _change(_file(folder), lambda content: content[:size])


def _empty(folder: Path, _base: _Base, _chance: random.Random) -> None:
    _file(folder).write_bytes(b"")


def _remove(folder: Path, _base: _Base, _chance: random.Random) -> None:
    _file(folder).unlink()


def _remove_fingerprint(folder: Path, _base: _Base, _chance: random.Random) -> None:
    _file(folder).with_suffix(".key-id").unlink()


def _flip(folder: Path, base: _Base, chance: random.Random) -> None:
    at = (chance.choice(base.live_pages) - 1) * PAGE + chance.randrange(PAGE)
    _flip_bit(_file(folder), at, chance)


def _overwrite(folder: Path, base: _Base, chance: random.Random) -> None:
    """Put zeros, rubbish or another page in place of one to three pages."""
    for page in chance.sample(base.live_pages, chance.randint(1, 3)):
        content = _file(folder).read_bytes()
        other = chance.choice([one for one in base.live_pages if one != page])
        put = chance.choice((bytes(PAGE), bytes(PAGE), chance.randbytes(PAGE), _page(content, other)))
        _file(folder).write_bytes(content[: (page - 1) * PAGE] + put + content[page * PAGE :])


def _wal(folder: Path) -> Path:
    path = _file(folder)
    return path.with_name(path.name + "-wal")


def _damage_wal(folder: Path, _: _Base, chance: random.Random) -> None:
    wal = _wal(folder)
    size = wal.stat().st_size
    at, kind = chance.randrange(size), chance.choice(("flip", "cut", "zero", "gone"))
    if kind == "flip":
        _flip_bit(wal, at, chance)
    elif kind == "cut":
        _change(wal, lambda content: content[:at])
    elif kind == "zero":
        _change(wal, lambda content: content[:at] + bytes(len(content[at : at + PAGE])) + content[at + PAGE :])
    else:
        wal.unlink()


def _damage_side_file(suffix: str) -> Callable[[Path, _Base, random.Random], None]:
    def damage(folder: Path, _: _Base, chance: random.Random) -> None:
        path = _file(folder).with_suffix(suffix)
        if not path.exists():
            return
        content = path.read_bytes()
        kind = chance.choice(("gone", "empty", "short", "flip"))
        if kind == "gone":
            path.unlink()
        elif kind == "flip":
            _flip_bit(path, chance.randrange(len(content)), chance)
        else:
            path.write_bytes(content[: len(content) // 2] if kind == "short" else b"")

    return damage


def _damage_picture(folder: Path, _: _Base, chance: random.Random) -> None:
    path = chance.choice(sorted((folder / "pictures").glob("*.picture")))
    size = path.stat().st_size
    kind = chance.choice(("gone", "cut", "flip"))
    if kind == "gone":
        path.unlink()
    elif kind == "cut":
        _change(path, lambda content: content[: chance.randrange(size)])
    else:
        _flip_bit(path, chance.randrange(size), chance)


def _nothing(_folder: Path, _base: _Base, _chance: random.Random) -> None:
    """Leave the files as they are."""


DAMAGES = {
    "truncated": _Damage(_truncate),
    "emptied": _Damage(_empty),
    "removed": _Damage(_remove, needs_commit_number=True),
    "bit flipped in a live page": _Damage(_flip),
    "live pages overwritten": _Damage(_overwrite),
    "live pages overwritten beside a WAL": _Damage(_overwrite, has_died=True, may_be_mended=True),
    "WAL damaged": _Damage(_damage_wal, has_died=True, needs_commit_number=True),
    "undamaged": _Damage(_nothing, must_open=True),
    "wrong key": _Damage(_nothing, takes_wrong_key=True),
    "wrong key and no fingerprint": _Damage(_remove_fingerprint, takes_wrong_key=True),
    "fingerprint damaged": _Damage(_damage_side_file(".key-id"), may_be_mended=True),
    "commit number damaged": _Damage(_damage_side_file(".commits"), may_be_mended=True),
    "picture damaged": _Damage(_damage_picture),
}
_WEIGHTS = (8, 2, 2, 10, 8, 4, 8, 2, 2, 2, 4, 4, 4)


def run(seed: str, unit: int) -> Result:
    """Damage so many copies of one buffer."""
    result = Result()
    chance = random.Random(f"damage {seed} {unit}")
    with tempfile.TemporaryDirectory(prefix="daybook-damage-", dir=FAST_FOLDER) as name:
        folder = Path(name) / "data"
        base = _make(folder, f"damage {seed} {unit}")
        for number in range(FILES):
            kind = chance.choices(tuple(DAMAGES), _WEIGHTS)[0]
            damage = DAMAGES[kind]
            verdict = _judge(folder, base, damage, chance)
            result.counts["files"] += 1
            if damage.must_open:
                result.counts["undamaged for comparison"] += 1
                if verdict != "nothing is missing":
                    result.failures.append(f"damage, buffer {unit}, file {number}, undamaged: {verdict}")
            elif verdict in _TOLD:
                result.counts[verdict] += 1
            elif damage.may_be_mended and verdict == "nothing is missing":
                result.counts["without loss"] += 1
            elif damage.needs_commit_number and not base.has_commit_number:
                result.counts[f"NOT TOLD, for want of a commit number: {kind}"] += 1
            else:
                result.counts[f"NOT TOLD: {kind}"] += 1
                result.failures.append(f"damage, buffer {unit}, file {number}, {kind}: not told; {verdict}")
    return result


def _make(folder: Path, seed: str) -> _Base:
    script, expected = Script(seed, is_large=True), Expected()

    def work(buffer: Buffer, steps: int) -> None:
        while expected.steps < steps:
            script.run(buffer, expected)

    with closing((buffer := open_tortured(folder)).database):
        work(buffer, _STEPS_CLOSED)
        live = tuple(int(row[0]) for row in buffer.database.rows("SELECT pageno FROM dbstat"))
    closed = _files(folder)
    with closing((buffer := open_tortured(folder)).database):
        work(buffer, _STEPS_CLOSED + _STEPS_IN_WAL)
        died = _files(folder)

    def expect(steps: int) -> Callable[[], Expected]:
        def play() -> Expected:
            played = Expected()
            while played.steps < steps:
                played.take(script.next(played))
            return played

        return play

    return _Base(script, (closed, expect(_STEPS_CLOSED)), (died, expect(expected.steps)), live)


def _judge(folder: Path, base: _Base, damage: _Damage, chance: random.Random) -> str:
    """Damage a copy, open it as the tracker does, and say how it was told, or what then is missing."""
    files, expect = base.died if damage.has_died else base.closed
    shutil.rmtree(folder)
    for path, content in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)
    damage.does(folder, base, chance)
    before = _files(folder)
    try:
        buffer = open_buffer(folder, new_key()) if damage.takes_wrong_key else open_tortured(folder)
    except TrackerError:
        now = _files(folder)
        changed = [Path(path).name for path, content in before.items() if now.get(path) != content]
        return f"it was told at opening, but {changed} changed" if changed else _TOLD[0]
    with closing(buffer.database):
        return _judge_open(buffer, base.script, expect())


def _judge_open(buffer: Buffer, script: Script, expected: Expected) -> str:
    """Say how an open buffer tells of its damage, or what is missing in it."""
    if losses_told(buffer):
        return _judge_mended(buffer)
    try:
        if buffer.database.rows("PRAGMA quick_check") != [("ok",)]:
            return _TOLD[1]
    except TrackerError:
        return _TOLD[1]
    try:
        problems = examine(buffer, script, expected).problems
    except TrackerError:
        return _TOLD[2]
    if problems and all("is missing or damaged" in one or "have no file" in one for one in problems):
        return _TOLD[2]
    return "; ".join(problems)[:500] or "nothing is missing"


def _judge_mended(buffer: Buffer) -> str:
    """Hold what a restored buffer gives to the journal's rules: it may have less, but no time twice."""
    problems: list[str] = []
    with suppress(TrackerError):
        read(buffer, problems)
    wrong = [one for one in problems if "overlap" in one or "grid" in one]
    return f"it was told and restored, but {wrong[:3]}" if wrong else _TOLD[0]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _page(content: bytes, page: int) -> bytes:
    return content[(page - 1) * PAGE : page * PAGE]


def _change(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def _flip_bit(path: Path, at: int, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


PART = Part(
    name="damage",
    does="damaged files",
    thing="files",
    total=1_000,
    size=FILES,
    run=run,
)
