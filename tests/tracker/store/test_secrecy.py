"""Nothing that the person wrote or did can be read off the disk without the key."""

from collections.abc import Iterable
from pathlib import Path

import apsw
import pytest

from tests.fakes.clock import NOON_MS
from tests.fakes.terms import contract
from tests.tracker.store.conftest import KEY
from tracker.domain.clock import Moment
from tracker.domain.events import Worked
from tracker.domain.segment import Interval
from tracker.domain.session import State
from tracker.store.buffer import Buffer, open_buffer
from wire.words import Kind

MEMO = "a memo that nobody else may read"
PICTURE = b"a picture that nobody else may see " * 200


def _found_in(needle: bytes, folder: Path) -> list[str]:
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file() and (needle in path.read_bytes() or needle in path.name.encode())
    )


def _fill(buffer: Buffer) -> None:
    now = Moment(NOON_MS, 0, 0, 0, is_provisional=False)
    worked = Worked(Interval(contract().id, NOON_MS, NOON_MS + 5000, Kind.TRACKED, MEMO))
    for _ in range(3):
        buffer.journal.write(State(), (worked,), None, now=now, policy_version=1)
    buffer.pictures.put(PICTURE)


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_memo_and_a_picture_are_in_no_file(tmp_path: Path, is_closed: bool) -> None:
    buffer = open_buffer(tmp_path, KEY)
    _fill(buffer)
    if is_closed:
        buffer.database.close()
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert ("buffer.db-wal" in names) is not is_closed
    assert any(name.endswith(".picture") for name in names)
    for needle in _needles():
        assert _found_in(needle, tmp_path) == []
    buffer.database.close()


def _needles() -> Iterable[bytes]:
    return MEMO.encode(), PICTURE[:35], b"SQLite format 3", b"CREATE TABLE worked"


def test_the_same_search_finds_them_where_nothing_is_encrypted(tmp_path: Path) -> None:
    """The negative control: the search sees what is there, in the main file and in the WAL."""
    connection = apsw.Connection(str(tmp_path / "plain.db"))
    connection.execute("PRAGMA journal_mode = WAL; CREATE TABLE worked (memo TEXT)").fetchall()
    connection.execute("INSERT INTO worked VALUES (?)", (MEMO,))
    (tmp_path / "plain.picture").write_bytes(PICTURE)
    assert _found_in(MEMO.encode(), tmp_path) == ["plain.db-wal"]
    assert _found_in(PICTURE[:35], tmp_path) == ["plain.picture"]
    connection.close()
    assert _found_in(MEMO.encode(), tmp_path) == ["plain.db"]


def test_the_folder_is_the_persons_alone(tmp_path: Path) -> None:
    buffer = open_buffer(tmp_path / "data", KEY)
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    assert (tmp_path / "data" / "pictures").stat().st_mode & 0o077 == 0
    buffer.database.close()
