"""Lost commits are noticed, migrations leave the old file where they fail, and no false alarm is given."""

import shutil
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

from tests.tracker.store.conftest import KEY
from tracker.domain.errors import BugError, MachineError
from tracker.store import database as module
from tracker.store import keyed
from tracker.store.commits import CommitFile, Mark
from tracker.store.database import Database, WrongKeyError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "buffer.db"


def _put(database: Database, name: str) -> None:
    with database.transaction():
        database.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, x'00')", (name,))


def _begin(path: Path, commits: int = 3) -> Mark:
    """Make a buffer with so many commits."""
    database = Database(path, KEY)
    for number in range(commits):
        _put(database, str(number))
    mark = database.mark
    database.close()
    return mark


def test_every_commit_raises_the_number_beside_the_file(path: Path) -> None:
    database = Database(path, KEY)
    side = CommitFile(path.with_suffix(".commits"))
    for number in range(5):
        before = database.mark.number
        _put(database, str(number))
        assert database.mark.number == before + 1
        assert side.read() == database.mark
    with database.transaction():
        database.rows("SELECT 1")
    assert side.read() == database.mark
    database.close()
    reopened = Database(path, KEY)
    assert (reopened.lost, reopened.mark) == (None, side.read())
    reopened.close()


def test_a_transaction_rolled_back_raises_nothing(path: Path) -> None:
    database = Database(path, KEY)
    before = database.mark

    def fail() -> None:
        with database.transaction():
            database.execute("INSERT INTO setting (name, value) VALUES ('a', x'00')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert database.mark == before == CommitFile(path.with_suffix(".commits")).read()
    database.close()


def test_commits_that_a_damaged_wal_dropped_are_told_once(path: Path, tmp_path: Path) -> None:
    _begin(path)
    database = Database(path, KEY)
    for number in range(4):
        _put(database, f"later {number}")
    end = database.mark
    for name in ("buffer.db", "buffer.db-wal", "buffer.commits", "buffer.key-id"):
        (tmp_path / "cut").mkdir(exist_ok=True)
        shutil.copy(tmp_path / name, tmp_path / "cut" / name)
    database.close()
    wal = tmp_path / "cut" / "buffer.db-wal"
    content = bytearray(wal.read_bytes())
    content[-3000] ^= 0xFF
    wal.write_bytes(content)
    cut = Database(tmp_path / "cut" / "buffer.db", KEY)
    assert cut.lost is not None
    assert cut.lost.number == end.number
    assert len(cut.rows("SELECT name FROM setting WHERE name LIKE 'later%'")) < 4
    _put(cut, "goes on")
    assert cut.mark.number == end.number + 1
    cut.close()
    again = Database(tmp_path / "cut" / "buffer.db", KEY)
    assert again.lost is None
    again.close()


@pytest.mark.parametrize("place", [0, 512])
def test_a_torn_write_of_the_side_file_is_no_alarm(path: Path, place: int) -> None:
    end = _begin(path)
    side = path.with_suffix(".commits")
    content = bytearray(side.read_bytes())
    content[place + 3] ^= 0xFF
    side.write_bytes(content)
    read = CommitFile(side).read()
    assert read is not None
    assert read.number in {end.number, end.number - 1}
    database = Database(path, KEY)
    assert database.lost is None
    database.close()


def test_a_side_file_that_cannot_be_written_is_told_and_the_commit_stands(path: Path) -> None:
    database = Database(path, KEY)
    database._commits.close()
    path.with_suffix(".commits").unlink()
    path.with_suffix(".commits").mkdir()
    _put(database, "a")
    assert "is saved" in (database.trouble or "")
    path.with_suffix(".commits").rmdir()
    _put(database, "b")
    assert not database.trouble
    assert database.rows("SELECT count(*) FROM setting WHERE name IN ('a', 'b')") == [(2,)]
    database.close()


def test_a_database_that_went_away_is_noticed(path: Path) -> None:
    end = _begin(path)
    path.unlink()
    database = Database(path, KEY)
    assert database.lost == end
    database.close()


# The key's fingerprint


def test_a_damaged_fingerprint_refuses_no_right_key_and_is_mended(path: Path) -> None:
    _begin(path)
    fingerprint = path.with_suffix(".key-id")
    whole = fingerprint.read_bytes()
    fingerprint.write_bytes(b"nonsense")
    database = Database(path, KEY)
    database.close()
    assert fingerprint.read_bytes() == whole
    with pytest.raises(WrongKeyError):
        Database(path, bytes(32))


# Migrations


def _old(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a buffer as the first version left it, with a row in it."""
    steps = module._steps()
    monkeypatch.setattr(module, "_steps", lambda: steps[:1])
    monkeypatch.setattr(Database, "_counted", lambda _: Mark(0, 0))
    database = Database(path, KEY)
    _put(database, "kept")
    database.close()
    monkeypatch.undo()


def test_a_migration_makes_a_copy_first_that_goes_with_the_next_good_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _old(path, monkeypatch)
    path.with_suffix(".commits").unlink()
    database = Database(path, KEY)
    copy = path.parent / "copies" / "before-version-1.db"
    assert copy.exists()
    assert database.rows("SELECT name FROM setting") == [("kept",)]
    database.close()
    kept = keyed.connect(copy, KEY, read_only=True)
    assert kept.pragma("user_version") == 1
    assert kept.execute("SELECT name FROM setting").fetchall() == [("kept",)]
    kept.close()
    assert b"SQLite format" not in copy.read_bytes()
    Database(path, KEY).close()
    assert list(copy.parent.iterdir()) == []


def test_a_migration_that_fails_leaves_the_old_file(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begin(path)
    bad = tmp_path / "0003_bad.sql"
    bad.write_text("CREATE TABLE fine (a); INSERT INTO nowhere VALUES (1);", encoding="ascii")
    steps: list[Traversable] = [*module._steps(), bad]
    before = path.read_bytes()
    monkeypatch.setattr(module, "_steps", lambda: steps)
    with pytest.raises(BugError, match="Nothing was changed"):
        Database(path, KEY)
    monkeypatch.undo()
    assert path.read_bytes() == before
    database = Database(path, KEY)
    assert database.rows("SELECT count(*) FROM sqlite_schema WHERE name = 'fine'") == [(0,)]
    database.close()


def test_a_newer_buffer_keeps_every_byte(path: Path) -> None:
    database = Database(path, KEY)
    database.rows("PRAGMA user_version = 999")
    database.close()
    before = {one.name: one.read_bytes() for one in path.parent.iterdir() if one.is_file()}
    with pytest.raises(MachineError, match="newer Daybook"):
        Database(path, KEY)
    assert {name: (path.parent / name).read_bytes() for name in before} == before
