"""Transactions, and a sentence for every way in which a file can be unusable."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from tests.tracker.store.conftest import KEY
from tracker.domain.errors import BugError, MachineError, RefusedError
from tracker.store.database import BufferDamagedError, BufferInUseError, Database, WrongKeyError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "buffer.db"


@contextmanager
def _open(path: Path, key: bytes = KEY) -> Iterator[Database]:
    database = Database(path, key)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with _open(path) as opened:
        yield opened


def _put(database: Database, name: str) -> None:
    database.execute("INSERT INTO setting (name, value) VALUES (?, x'00')", (name,))


def _names(database: Database) -> list[str]:
    return [name for (name,) in database.rows("SELECT name FROM setting ORDER BY name")]


class _BrokenError(Exception):
    """What goes wrong in the middle of a transaction."""


def _roll_back(database: Database, *work: Callable[[], None]) -> None:
    """Do work in a transaction that fails at its end."""

    def fail() -> None:
        with database.transaction():
            for one in work:
                one()
            raise _BrokenError

    with pytest.raises(_BrokenError):
        fail()


# Transactions


def test_what_is_committed_is_there_after_reopening(path: Path) -> None:
    with _open(path) as database, database.transaction():
        _put(database, "a")
    with _open(path) as database:
        assert _names(database) == ["a"]


def test_an_error_rolls_everything_back(database: Database) -> None:
    _roll_back(database, lambda: _put(database, "a"))
    assert _names(database) == []
    with database.transaction():
        _put(database, "b")
    assert _names(database) == ["b"]


def test_a_nested_transaction_is_part_of_the_outer(database: Database) -> None:
    def inner() -> None:
        with database.transaction():
            _put(database, "inner")

    _roll_back(database, inner)
    assert _names(database) == []


def test_actions_run_after_the_commit_alone(database: Database) -> None:
    seen: list[str] = []
    with database.transaction():
        _put(database, "a")
        with database.transaction():
            database.after_commit(lambda: seen.append("done"))
        assert seen == []
    assert seen == ["done"]
    _roll_back(database, lambda: database.after_commit(lambda: seen.append("never")))
    with database.transaction():
        _put(database, "b")
    assert seen == ["done"]


def test_writing_outside_a_transaction_is_a_bug(database: Database) -> None:
    with pytest.raises(BugError):
        _put(database, "a")
    with pytest.raises(BugError):
        database.after_commit(lambda: None)
    assert _names(database) == []


def test_threads_take_turns(database: Database) -> None:
    inside, leave = threading.Event(), threading.Event()
    seen: list[list[str]] = []

    def hold() -> None:
        with database.transaction():
            _put(database, "a")
            inside.set()
            leave.wait(10)
            _put(database, "b")

    holder = threading.Thread(target=hold)
    reader = threading.Thread(target=lambda: seen.append(_names(database)))
    holder.start()
    assert inside.wait(10)
    reader.start()
    assert seen == []
    leave.set()
    holder.join(10)
    reader.join(10)
    assert seen == [["a", "b"]]


def test_commits_are_synced_and_temporary_data_stays_in_memory(database: Database) -> None:
    """Settings without which power cuts, swap files or deleted rows would tell another story."""
    pragmas = ("journal_mode", "synchronous", "temp_store", "secure_delete", "foreign_keys", "locking_mode")
    assert [database.rows(f"PRAGMA {name}")[0][0] for name in pragmas] == ["wal", 2, 2, 1, 1, "exclusive"]


# Opening


def test_a_second_process_is_refused(database: Database, path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tracker.store.database import *\n"
        "try: Database(Path(sys.argv[1]), bytes.fromhex(sys.argv[2]))\n"
        "except BufferInUseError as error: print(error); sys.exit(error.exit_code)\n"
    )
    with database.transaction():
        _put(database, "a")
    second = subprocess.run(
        [sys.executable, "-c", program, str(path), KEY.hex()], capture_output=True, text=True, check=False
    )
    assert second.returncode == RefusedError.exit_code, second.stderr
    assert "daybook quit" in second.stdout
    assert _names(database) == ["a"]


def test_a_second_opening_in_the_same_process_is_refused(database: Database, path: Path) -> None:
    with pytest.raises(BufferInUseError):
        Database(path, KEY)
    assert _names(database) == []


def test_another_key_is_told_from_damage_and_changes_nothing(path: Path) -> None:
    with _open(path) as database, database.transaction():
        _put(database, "a")
    before = path.read_bytes()
    with pytest.raises(WrongKeyError, match="another key"):
        Database(path, bytes(32))
    assert path.read_bytes() == before
    with _open(path) as database:
        assert _names(database) == ["a"]


def test_a_key_without_its_fingerprint_is_refused_too(path: Path) -> None:
    with _open(path):
        pass
    path.with_suffix(".key-id").unlink()
    before = path.read_bytes()
    with pytest.raises(BufferDamagedError, match="damaged"):
        Database(path, bytes(32))
    assert path.read_bytes() == before
    assert not path.with_suffix(".key-id").exists()


def test_the_fingerprint_is_written_once_and_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies while writing it must not leave half of one: it would refuse the right key for ever."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tracker.store.durable.os.fsync", die)
    with pytest.raises(KeyboardInterrupt):
        Database(path, KEY)
    monkeypatch.undo()
    assert not path.with_suffix(".key-id").exists()
    with _open(path):
        written = path.with_suffix(".key-id").stat()
    with _open(path):
        assert path.with_suffix(".key-id").stat().st_mtime_ns == written.st_mtime_ns
        assert path.with_suffix(".key-id").stat().st_ino == written.st_ino


@pytest.mark.usefixtures("database")
def test_the_fingerprint_does_not_give_the_key_away(path: Path) -> None:
    assert KEY.hex()[:16] not in path.with_suffix(".key-id").read_text(encoding="ascii")


@pytest.mark.parametrize("at", [0, 16, 100, 4095])
def test_a_damaged_first_page_is_told(path: Path, at: int) -> None:
    with _open(path):
        pass
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(BufferDamagedError, match="damaged and was left as it is"):
        Database(path, KEY)
    assert path.read_bytes() == content


def test_a_damaged_later_page_is_told_when_it_is_read(path: Path) -> None:
    with _open(path) as database, database.transaction():
        database.execute_many(
            "INSERT INTO setting (name, value) VALUES (?, zeroblob(3000))", [(str(number),) for number in range(50)]
        )
    content = bytearray(path.read_bytes())
    for page in range(len(content) // 4096 - 20, len(content) // 4096):
        content[page * 4096 + 2000] ^= 0xFF
    path.write_bytes(content)
    with _open(path) as database, pytest.raises(BufferDamagedError):
        database.rows("SELECT name, value FROM setting")


def test_text_instead_of_a_database_is_told(path: Path) -> None:
    path.write_text("not a database " * 500, encoding="ascii")
    with pytest.raises(BufferDamagedError):
        Database(path, KEY)


def test_an_emptied_file_is_not_taken_for_a_new_buffer(path: Path) -> None:
    with _open(path):
        pass
    path.write_bytes(b"")
    with pytest.raises(BufferDamagedError):
        Database(path, KEY)
    assert path.read_bytes() == b""


def test_a_buffer_moved_away_is_begun_anew(path: Path) -> None:
    """As the sentence about damage advises."""
    with _open(path) as database, database.transaction():
        _put(database, "a")
    path.rename(path.with_name("damaged.db"))
    with _open(path) as database:
        assert _names(database) == []


def test_a_newer_buffer_is_refused_and_left_alone(path: Path) -> None:
    with _open(path) as database:
        database.rows("PRAGMA user_version = 999")
    with pytest.raises(MachineError, match="newer Daybook"):
        Database(path, KEY)
    with pytest.raises(MachineError, match="newer Daybook"):
        Database(path, KEY)


def test_a_folder_instead_of_a_file_is_told(path: Path) -> None:
    path.mkdir()
    with pytest.raises(MachineError, match="cannot be read or written"):
        Database(path, KEY)


def test_a_failed_opening_lets_go_of_the_file(path: Path) -> None:
    with _open(path) as database:
        version = database.rows("PRAGMA user_version")[0][0]
        database.rows("PRAGMA user_version = 999")
    with pytest.raises(MachineError):
        Database(path, KEY)
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA key = 'raw:{KEY.hex()}'")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with _open(path):
        pass


# A disk that fails


_UNTIL_FULL = """
import resource, sys
from pathlib import Path
from tracker.domain.errors import MachineError
from tracker.store.database import Database
database = Database(Path(sys.argv[1]), bytes.fromhex(sys.argv[2]))
if sys.argv[3] != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
number = 0
try:
    while number < 5000:
        with database.transaction():
            database.execute("INSERT INTO setting (name, value) VALUES (?, zeroblob(4000))", (f"{number:06}",))
        number += 1
except MachineError as error:
    print(number)
    print(error)
    assert [row[0] for row in database.rows("SELECT count(*) FROM setting")] == [number]
"""


def _until_full(path: Path, limit: int) -> tuple[int, str]:
    """Write until it fails; give the number of commits that were acknowledged, and the sentence."""
    child = subprocess.run(
        [sys.executable, "-c", _UNTIL_FULL, str(path), KEY.hex(), str(limit)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    number, sentence = child.stdout.splitlines()
    return int(number), sentence


def test_writes_that_fail_are_told_and_nothing_acknowledged_is_missing(path: Path) -> None:
    """A limit on the file's size stands for a disk that refuses writes (EIO)."""
    number, sentence = _until_full(path, 2_000_000)
    assert number > 0
    assert "cannot be read or written" in sentence
    with _open(path) as database:
        assert len(_names(database)) == number


def test_a_full_disk_is_told_and_nothing_acknowledged_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        number, sentence = _until_full(folder / "buffer.db", 0)
        assert number > 0
        assert "is full, so this was not saved" in sentence
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        with _open(copy / "buffer.db") as database:
            assert len(_names(database)) == number
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
