"""Damaged, missing and outdated buffers: what can be read comes back, what cannot is told, and no chain is forked."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import apsw
import pytest

from tests.fakes.clock import NOON_MS
from tests.tracker.store.conftest import KEY
from tracker.domain.clock import Moment
from tracker.domain.events import Worked
from tracker.domain.segment import Interval
from tracker.domain.session import State
from tracker.store import keyed, recovery
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.copies import EVERY_MS, copies_in
from tracker.store.database import BufferDamagedError, WrongKeyError
from tracker.store.journal import Measured
from tracker.store.outbox import Sealing
from wire import chain
from wire.sync import Accepted
from wire.words import SEGMENT_MS, ActivitySource, Kind

ONE, DEVICE = UUID(int=1), UUID(int=9)
PAGE = 4096


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def reopened() -> Iterator[Callable[[Path], Buffer]]:
    opened = list[Buffer]()

    def reopen(folder: Path) -> Buffer:
        opened.append(open_buffer(folder, KEY, NOON_MS))
        return opened[-1]

    yield reopen
    for one in opened:
        one.database.close()


def _work(buffer: Buffer, number: int) -> None:
    """Record five minutes of the segment of a number."""
    start_ms = NOON_MS + number * SEGMENT_MS
    now = Moment(start_ms + 300_000, 0, 0, 0, is_provisional=False)
    worked = Worked(Interval(ONE, start_ms, start_ms + 300_000, Kind.TRACKED, f"memo {number} " * 20))
    buffer.journal.write(State(), (worked,), None, now=now, policy_version=1)


def _seal(buffer: Buffer, number: int) -> None:
    start_ms = NOON_MS + number * SEGMENT_MS
    content = f"content {number} ".encode() * 100
    buffer.outbox.append(
        DEVICE,
        Sealing(ONE, start_ms, 1, 300_000, start_ms + 300_000, bytes([number % 256] * 32), content, start_ms, ()),
    )
    buffer.journal.forget(ONE, start_ms)


def _copy(buffer: Buffer, at_ms: int = NOON_MS) -> None:
    while buffer.upkeep._copies.step(at_ms, 0):
        pass
    assert buffer.upkeep.trouble is None


def _rows(buffer: Buffer) -> list[object]:
    return [
        buffer.database.rows(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608 (names below)
        for table in ("worked", "activity", "snapshot", "picture", "revision", "upload")
    ]


def _damage(path: Path, *pages: int) -> None:
    content = bytearray(path.read_bytes())
    for page in pages:
        content[page * PAGE + 1000] ^= 0xFF
    path.write_bytes(content)


def _page_of(folder: Path, table: str) -> int:
    """Find a leaf page of a table."""
    connection = keyed.connect(folder / "buffer.db", KEY, read_only=False)
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchall()[0][0]
    connection.close()
    return int(str(root)) - 1


def test_a_first_page_that_is_damaged_gives_the_copy_back(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    for number in range(4):
        _work(buffer, number)
    _copy(buffer)
    before = _rows(buffer)
    buffer.database.close()
    _damage(folder / "buffer.db", 0)
    again = reopened(folder)
    assert _rows(again) == before
    report = again.recovery_report() or ""
    assert "its copy of 2026-11-23 12:00 UTC" in report
    assert "20 minutes" in report
    assert len(list((folder / "quarantine").glob("*/buffer.db"))) == 1
    assert not again.outbox.is_head_unknown()
    again.forget_report()
    again.database.close()
    assert reopened(folder).recovery_report() is None


def test_the_damaged_file_gives_what_is_newer_than_its_copy(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    """The journal is damaged, the chain is whole: what was sealed since the copy is there, and not in the journal."""
    buffer = reopened(folder)
    for number in range(6):
        _work(buffer, number)
    _copy(buffer)
    _seal(buffer, 0)
    _seal(buffer, 1)
    _work(buffer, 6)
    head = buffer.outbox.head(DEVICE)
    buffer.database.close()
    _damage(folder / "buffer.db", _page_of(folder, "worked"))
    again = reopened(folder)
    again.upkeep.step(NOON_MS, 0, is_provisional=False)
    if _is_damaged(again):
        again.mend(NOON_MS)
    assert again.outbox.head(DEVICE) == head
    assert not again.outbox.is_head_unknown()
    starts = [start for (start,) in again.database.rows("SELECT start_ms FROM worked ORDER BY start_ms")]
    assert starts == [NOON_MS + number * SEGMENT_MS for number in (2, 3, 4, 5)]
    assert "may be missing in part: time" in (again.recovery_report() or "")


def _is_damaged(buffer: Buffer) -> bool:
    try:
        buffer.database.check(is_thorough=False)
    except BufferDamagedError:
        return True
    return False


def test_links_that_are_gone_make_the_head_unknown(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    for number in range(3):
        _work(buffer, number)
        _seal(buffer, number)
    _copy(buffer)
    _work(buffer, 3)
    _seal(buffer, 3)
    buffer.database.close()
    _damage(folder / "buffer.db", 0)
    again = reopened(folder)
    assert again.outbox.head(DEVICE).length == 3
    assert again.outbox.is_head_unknown()
    assert "What was recorded after that copy is missing" in (again.recovery_report() or "")


def test_what_a_lost_link_had_sealed_is_open_again_from_the_copy(
    folder: Path, reopened: Callable[[Path], Buffer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal can be read and says that the segment is sealed; the chain's end, which holds it, cannot."""
    buffer = reopened(folder)
    for number in range(40):
        _work(buffer, number)
        _seal(buffer, number)
    _work(buffer, 40)
    _copy(buffer)
    _seal(buffer, 40)
    buffer.database.close()
    _damage(folder / "buffer.db", _page_of(folder, "revision"))
    read = recovery._read

    def without_the_end(damaged: apsw.Connection, name: str, key: str) -> recovery._Table:
        table = read(damaged, name, key)
        if name == "revision":
            table.rows, table.is_whole, table.before, table.after = [], False, None, None
        return table

    monkeypatch.setattr(recovery, "_read", without_the_end)
    mended = reopened(folder)
    assert [link for (link,) in mended.database.rows("SELECT link FROM revision")] == list(range(40))
    assert mended.database.rows("SELECT start_ms, end_ms FROM worked") == [
        (NOON_MS + 40 * SEGMENT_MS, NOON_MS + 40 * SEGMENT_MS + 300_000)
    ]
    assert mended.outbox.is_head_unknown()


def test_what_was_sealed_since_the_copy_is_counted_once(
    folder: Path, reopened: Callable[[Path], Buffer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts of a segment that is sealed now stand in the copy's journal, and the file's own cannot be read."""
    buffer = reopened(folder)
    _work(buffer, 0)
    with buffer.database.transaction():
        buffer.journal._measure(
            Measured(ONE, NOON_MS, ActivitySource.COUNTS, 7, 0, 0, moved=False),
            Moment(NOON_MS, 0, 0, 0, is_provisional=False),
        )
    buffer.snapshots.add(ONE, NOON_MS + 5, drawn_ms=NOON_MS + 5, leaves_ms=0)
    _copy(buffer)
    _seal(buffer, 0)
    buffer.snapshots.forget(ONE, NOON_MS)
    _work(buffer, 1)
    buffer.database.close()
    read = recovery._read

    def without_counts(damaged: apsw.Connection, name: str, key: str) -> recovery._Table:
        table = read(damaged, name, key)
        if name in {"activity", "snapshot"}:
            table.is_whole = False
        return table

    monkeypatch.setattr(recovery, "_read", without_counts)
    assert recovery.restore(folder / "buffer.db", KEY, NOON_MS)
    mended = reopened(folder)
    assert mended.database.rows("SELECT count(*) FROM revision") == [(1,)]
    assert mended.database.rows("SELECT * FROM activity") == []
    assert mended.database.rows("SELECT * FROM snapshot") == []
    assert mended.journal.worked_ms(0, 2 * NOON_MS) == {ONE: 300_000}


def test_a_copy_with_a_damaged_free_page_gives_way_to_an_older_one(
    folder: Path, reopened: Callable[[Path], Buffer]
) -> None:
    """SQLite's check says that it is good; it cannot be copied whole all the same."""
    buffer = reopened(folder)
    for number in range(60):
        _work(buffer, number)
    _copy(buffer)
    for number in range(60):
        buffer.journal.forget(ONE, NOON_MS + number * SEGMENT_MS)
    _work(buffer, 60)
    _copy(buffer, NOON_MS + EVERY_MS)
    buffer.database.close()
    newest = copies_in(folder)[0]
    whole = newest.path.read_bytes()
    for page in reversed(range(1, len(whole) // PAGE)):
        newest.path.write_bytes(whole)
        _damage(newest.path, page)
        if recovery._is_good(newest, KEY):
            break
    else:
        pytest.fail("The copy has no free page.")
    _damage(folder / "buffer.db", 0)
    mended = reopened(folder)
    assert mended.recovery_report() is not None
    assert mended.database.rows("SELECT count(*) FROM worked") == [(60,)]


def test_a_text_that_is_none_is_damage(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    for number in range(3):
        _work(buffer, number)
    with buffer.database.transaction():
        buffer.database.execute("UPDATE worked SET memo = CAST(x'c220' AS TEXT) WHERE id = 2")
    with pytest.raises(BufferDamagedError):
        buffer.database.rows("SELECT memo FROM worked")
    assert buffer.mend(NOON_MS) is not None
    assert buffer.database.rows("SELECT id FROM worked") == [(1,), (3,)]


def test_a_database_that_is_gone_is_told_where_no_copy_is_good(
    folder: Path, reopened: Callable[[Path], Buffer]
) -> None:
    buffer = reopened(folder)
    _work(buffer, 0)
    _seal(buffer, 0)
    _copy(buffer)
    buffer.database.close()
    (folder / "buffer.db").unlink()
    copy = copies_in(folder)[0].path
    copy.write_bytes(copy.read_bytes()[:1000])
    begun = reopened(folder)
    assert "changes to the buffer were lost" in (begun.recovery_report() or "")
    assert begun.outbox.is_head_unknown()


def test_a_database_that_is_gone_comes_back_from_its_copy(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    _work(buffer, 0)
    _copy(buffer)
    before = _rows(buffer)
    buffer.database.close()
    (folder / "buffer.db").unlink()
    assert _rows(reopened(folder)) == before


def test_an_older_file_that_was_put_back_is_told_and_forks_nothing(
    folder: Path, reopened: Callable[[Path], Buffer]
) -> None:
    buffer = reopened(folder)
    _work(buffer, 0)
    _seal(buffer, 0)
    buffer.database.close()
    shutil.copy(folder / "buffer.db", folder.parent / "old.db")
    buffer = reopened(folder)
    for number in (1, 2):
        _work(buffer, number)
        _seal(buffer, number)
    buffer.database.close()
    shutil.copy(folder.parent / "old.db", folder / "buffer.db")
    again = reopened(folder)
    assert "changes to the buffer were lost" in (again.recovery_report() or "")
    assert again.outbox.is_head_unknown()
    again.database.close()
    once = reopened(folder)
    assert once.database.lost is None


def test_an_older_file_gives_way_to_a_newer_copy(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    _work(buffer, 0)
    buffer.database.close()
    shutil.copy(folder / "buffer.db", folder.parent / "old.db")
    buffer = reopened(folder)
    _work(buffer, 1)
    _seal(buffer, 1)
    _copy(buffer)
    before = _rows(buffer)
    buffer.database.close()
    shutil.copy(folder.parent / "old.db", folder / "buffer.db")
    again = reopened(folder)
    assert _rows(again) == before
    assert not again.outbox.is_head_unknown()


def test_without_a_copy_what_can_be_read_is_kept(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    for number in range(3):
        _work(buffer, number)
        _seal(buffer, number)
    _work(buffer, 3)
    head = buffer.outbox.head(DEVICE)
    buffer.database.close()
    _damage(folder / "buffer.db", _page_of(folder, "activity"))
    again = reopened(folder)
    if _is_damaged(again):
        assert again.mend(NOON_MS) is not None
    assert again.outbox.head(DEVICE) == head
    assert again.database.rows("SELECT count(*) FROM worked") == [(1,)]
    assert "There was no copy" in (again.recovery_report() or "")


def test_where_nothing_is_left_nothing_is_changed(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    _work(buffer, 0)
    buffer.database.close()
    _damage(folder / "buffer.db", 0)
    before = (folder / "buffer.db").read_bytes()
    with pytest.raises(BufferDamagedError, match="left as it is"):
        open_buffer(folder, KEY, NOON_MS)
    assert (folder / "buffer.db").read_bytes() == before
    assert not (folder / "quarantine").exists()


def test_a_wrong_key_sets_nothing_aside(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    _work(buffer, 0)
    _copy(buffer)
    buffer.database.close()
    with pytest.raises(WrongKeyError):
        open_buffer(folder, bytes(32), NOON_MS)
    (folder / "buffer.key-id").unlink()
    with pytest.raises(BufferDamagedError):
        open_buffer(folder, bytes(32), NOON_MS)
    assert not (folder / "quarantine").exists()
    assert reopened(folder).database.rows("SELECT count(*) FROM worked") == [(1,)]


@pytest.mark.parametrize("dies_at", range(8))
def test_a_crash_while_restoring_is_made_good(
    folder: Path, reopened: Callable[[Path], Buffer], monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    buffer = reopened(folder)
    for number in range(3):
        _work(buffer, number)
        _seal(buffer, number)
    _copy(buffer)
    before = _rows(buffer)
    buffer.database.close()
    _damage(folder / "buffer.db", 0)
    (folder / "buffer.db-wal").write_bytes(b"stale")
    rename, seen = Path.replace, 0

    def die(self: Path, target: Path) -> Path:
        nonlocal seen
        seen += 1
        if seen > dies_at:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as context:
        context.setattr(Path, "replace", die)
        with contextlib.suppress(KeyboardInterrupt):
            open_buffer(folder, KEY, NOON_MS).database.close()
    again = reopened(folder)
    assert _rows(again) == before
    assert not again.outbox.is_head_unknown()
    assert again.recovery_report() is not None
    assert not (folder / "restoring").exists()


def test_every_damaged_page_is_found_and_nothing_is_silently_emptied(
    folder: Path, tmp_path: Path, reopened: Callable[[Path], Buffer]
) -> None:
    buffer = reopened(folder)
    for number in range(40):
        _work(buffer, number)
        _seal(buffer, number)
    _copy(buffer)
    for number in range(40, 60):
        _work(buffer, number)
        _seal(buffer, number)
    buffer.outbox.settle(0, Accepted(received_ms=NOON_MS))
    whole = buffer.database.rows("SELECT link, link_hash FROM revision ORDER BY link")
    pages = buffer.database.rows("PRAGMA page_count")[0][0]
    buffer.database.close()
    for page in range(pages):
        one = tmp_path / f"page {page}"
        shutil.copytree(folder, one)
        _damage(one / "buffer.db", page)
        mended = reopened(one)
        if _is_damaged(mended):
            assert mended.mend(NOON_MS) is not None
        assert mended.recovery_report() is not None, page
        links = mended.database.rows("SELECT link, link_hash FROM revision ORDER BY link")
        assert len(links) >= 40
        assert set(links) <= set(whole)
        # Either the end is known, or nothing may follow it.
        assert mended.outbox.is_head_unknown() or links[-1] == whole[-1]
        head = mended.outbox.head(DEVICE)
        assert head == chain.Head(links[-1][0] + 1, bytes(links[-1][1]))
        mended.database.close()
        shutil.rmtree(one)


# Rolling copies


def test_copies_are_hourly_and_few(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    made = []
    for hour in range(40):
        _work(buffer, hour)
        at_ms = NOON_MS + hour * EVERY_MS
        _copy(buffer, at_ms)
        _work(buffer, 1000 + hour)
        _copy(buffer, at_ms + EVERY_MS - 1)
        made.append(at_ms)
    days = [copy.at_ms for copy in copies_in(folder)]
    assert days == [made[-1], made[-2], made[-3], NOON_MS + 35 * EVERY_MS]
    assert [path.suffix for path in (folder / "copies").iterdir()] == [".db"] * 4


def test_without_a_change_no_copy_is_made(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    _copy(buffer)
    for hour in range(1, 4):
        _copy(buffer, NOON_MS + hour * EVERY_MS)
    assert len(copies_in(folder)) == 1


def test_what_is_written_while_a_copy_is_made_is_in_it(
    folder: Path, reopened: Callable[[Path], Buffer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyed, "PAGES_PER_SLICE", 1)
    monkeypatch.setattr(keyed.Copying.step, "__defaults__", (1,))
    buffer = reopened(folder)
    _work(buffer, 0)
    number = 1
    while buffer.upkeep._copies.step(NOON_MS, 0):
        _work(buffer, number)
        number += 1
    assert number > 5
    copy = copies_in(folder)[0]
    assert copy.number == buffer.database.mark.number
    connection = keyed.connect(copy.path, KEY)
    assert connection.execute("SELECT count(*) FROM worked").fetchall() == [(number,)]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_what_was_destroyed_is_in_no_copy_nor_in_quarantine_nor_in_the_wal(
    folder: Path, reopened: Callable[[Path], Buffer]
) -> None:
    buffer = reopened(folder)
    _work(buffer, 0)
    _copy(buffer)
    old = copies_in(folder)[0].path
    (folder / "quarantine" / "1").mkdir(parents=True)
    with buffer.database.transaction():
        buffer.database.execute("DELETE FROM worked")
        buffer.database.destroys()
    assert (folder / "buffer.db-wal").stat().st_size > 0
    _copy(buffer, NOON_MS + 1)
    assert not old.exists()
    assert not (folder / "quarantine").exists()
    assert (folder / "buffer.db-wal").stat().st_size == 0
    assert len(copies_in(folder)) == 1
    _copy(buffer, NOON_MS + 2)
    assert len(copies_in(folder)) == 1


def test_a_copy_that_cannot_be_made_is_told_and_what_was_destroyed_goes_all_the_same(
    folder: Path, reopened: Callable[[Path], Buffer]
) -> None:
    buffer = reopened(folder)
    _work(buffer, 0)
    _copy(buffer)
    with buffer.database.transaction():
        buffer.database.execute("DELETE FROM worked")
        buffer.database.destroys()
    (folder / "copies" / "next.draft").mkdir()
    assert not buffer.upkeep._copies.step(NOON_MS, 0)
    assert "No copy" in (buffer.upkeep.trouble or "")
    assert copies_in(folder) == []


def test_copies_and_quarantine_are_encrypted(folder: Path, reopened: Callable[[Path], Buffer]) -> None:
    buffer = reopened(folder)
    _work(buffer, 0)
    _copy(buffer)
    buffer.database.close()
    _damage(folder / "buffer.db", 0)
    reopened(folder)
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"memo 0" not in path.read_bytes(), path
            assert b"SQLite format 3" not in path.read_bytes(), path
