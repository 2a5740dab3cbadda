"""Looking for damage beside the work: what the check in place would find is found, and nothing waits for it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.fakes.clock import NOON_MS
from tests.tracker.store.conftest import KEY
from tracker.domain.errors import MachineError
from tracker.store import inspection, keyed
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.copies import Copies
from tracker.store.database import BufferDamagedError, Database
from tracker.store.inspection import Inspection, Progress

PATIENCE_S = 30.0
# An index over the wrong column: only a look into every index finds it.
WRONG_INDEX = """
    UPDATE sqlite_schema SET sql = 'CREATE INDEX worked_by_end ON worked (start_ms)' WHERE name = 'worked_by_end'
"""


def _fill(buffer: Buffer, rows: int = 400) -> None:
    with buffer.database.transaction():
        buffer.database.execute_many(
            "INSERT INTO worked (contract, start_ms, end_ms, kind, memo, policy_version, clock_offset_ms,"
            " is_provisional) VALUES ('one', ?, ?, 'tracked', ?, 1, 0, 0)",
            [(number * 10, number * 10 + 5, "memo " * 100) for number in range(rows)],
        )


def _inspect(buffer: Buffer, *, is_thorough: bool, between: Callable[[], None] = lambda: None) -> int:
    """Take all steps and give their number."""
    looking = Inspection(buffer.database, buffer.folder, KEY, is_thorough=is_thorough)
    deadline, steps = time.monotonic() + PATIENCE_S, 1
    while (progress := looking.step()) is not Progress.DONE:
        assert time.monotonic() < deadline
        if progress is Progress.WAITS:
            time.sleep(0.001)  # a real thread reads
        else:
            steps += 1
        between()
    assert list((buffer.folder / "copies").iterdir()) == []
    return steps


def _with_a_wrong_index(folder: Path) -> None:
    connection = keyed.connect(folder / "buffer.db", KEY)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
    connection.execute("PRAGMA writable_schema = ON").fetchall()
    connection.execute(WRONG_INDEX).fetchall()
    connection.close()


def _with_a_lost_write(folder: Path) -> None:
    """Put an index's root back as it was before rows were added: each page is authentic, the structure is not."""
    old = (folder / "buffer.db").read_bytes()
    buffer = open_buffer(folder, KEY)
    root = buffer.database.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'worked_by_end'")[0][0]
    _fill(buffer)
    buffer.database.close()
    new = (folder / "buffer.db").read_bytes()
    before, after = (root - 1) * 4096, root * 4096
    (folder / "buffer.db").write_bytes(new[:before] + old[before:after] + new[after:])


@pytest.mark.parametrize("is_thorough", [False, True])
def test_a_sound_buffer_is_found_so_and_worked_in_meanwhile(
    buffer: Buffer, monkeypatch: pytest.MonkeyPatch, is_thorough: bool
) -> None:
    _fill(buffer)
    monkeypatch.setattr(keyed.Copying.step, "__defaults__", (1,))
    monkeypatch.setattr(Database, "check", _never)
    written = [0]

    def work() -> None:
        written[0] += 1
        buffer.settings.put("written", str(written[0]))

    assert _inspect(buffer, is_thorough=is_thorough, between=work) > 20
    assert buffer.settings.get_text("written") == str(written[0])


def test_the_buffer_can_be_written_while_the_copy_is_read(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end, run = threading.Event(), inspection._Reading.run
    monkeypatch.setattr(inspection._Reading, "run", lambda this: (may_end.wait(PATIENCE_S), run(this)))
    looking = Inspection(buffer.database, buffer.folder, KEY, is_thorough=False)
    while (progress := looking.step()) is Progress.GOES_ON:
        pass
    assert progress is Progress.WAITS
    _fill(buffer)
    assert looking.step() is Progress.WAITS
    may_end.set()
    while looking.step() is Progress.WAITS:
        time.sleep(0.001)
    assert buffer.database.rows("SELECT count(*) FROM worked") == [(400,)]


@pytest.mark.parametrize(
    ("harm", "is_thorough"), [(_with_a_lost_write, False), (_with_a_lost_write, True), (_with_a_wrong_index, True)]
)
def test_a_damaged_structure_is_found(tmp_path: Path, harm: Callable[[Path], None], is_thorough: bool) -> None:
    buffer = open_buffer(tmp_path / "data", KEY)
    _fill(buffer)
    buffer.database.close()
    harm(tmp_path / "data")
    buffer = open_buffer(tmp_path / "data", KEY)
    with pytest.raises(BufferDamagedError):
        buffer.database.check(is_thorough=is_thorough)
    with pytest.raises(BufferDamagedError):
        _inspect(buffer, is_thorough=is_thorough)
    assert list((buffer.folder / "copies").iterdir()) == []
    buffer.database.close()


def test_every_damaged_page_is_found(buffer: Buffer) -> None:
    _fill(buffer)
    buffer.database.close()
    path = buffer.folder / "buffer.db"
    whole = path.read_bytes()
    pages = len(whole) // 4096
    for page in range(2, pages, 7):
        harmed = bytearray(whole)
        harmed[page * 4096 + 1000] ^= 0xFF
        path.write_bytes(harmed)
        database = Database(path, KEY)
        looking = Inspection(database, buffer.folder, KEY, is_thorough=False)
        with pytest.raises(BufferDamagedError):
            _step_on(looking)
        database.close()
    assert pages > 30


def test_without_room_for_a_copy_the_buffer_is_looked_at_in_place(
    buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = list[bool]()

    def full(_: keyed.Copying) -> bool:
        raise apsw.FullError

    monkeypatch.setattr(keyed.Copying, "step", full)
    monkeypatch.setattr(Database, "check", lambda _, *, is_thorough: checked.append(is_thorough))
    assert _inspect(buffer, is_thorough=True) == 1
    assert checked == [True]


def test_damage_of_the_copy_alone_is_not_told(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
    run = inspection._Reading.run

    def harm(this: inspection._Reading) -> None:
        path = buffer.folder / "copies" / "inspected"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
        run(this)

    _fill(buffer)
    monkeypatch.setattr(inspection._Reading, "run", harm)
    _inspect(buffer, is_thorough=False)


@pytest.mark.parametrize("steps", [1, 3])
def test_an_inspection_broken_off_leaves_nothing(buffer: Buffer, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    _fill(buffer)
    monkeypatch.setattr(keyed.Copying.step, "__defaults__", (1 if steps == 1 else 4000,))
    for _ in range(steps):
        buffer.upkeep.step(NOON_MS, 0, is_provisional=True)
    buffer.upkeep.settle(NOON_MS, 0)
    assert not any("inspected" in path.name for path in (buffer.folder / "copies").glob("*"))
    buffer.settings.put("name", "value")


def test_a_disk_that_removes_no_copy_is_one_sentence_and_the_next_look_removes_it(
    buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare error of the system would end the tracker; it found one on a failing disk."""
    _fill(buffer)
    monkeypatch.setattr(inspection._Reading, "is_alive", lambda _: True)
    looking = Inspection(buffer.database, buffer.folder, KEY, is_thorough=False)
    while looking.step() is Progress.GOES_ON:
        pass

    def broken(path: Path, *, missing_ok: bool = False) -> None:
        raise OSError(5, f"broken: {path} {missing_ok}")

    monkeypatch.setattr(Path, "unlink", broken)
    with pytest.raises(MachineError, match="cannot be read or written"):
        looking.end()
    monkeypatch.undo()
    assert (buffer.folder / "copies" / "inspected").exists()
    _inspect(buffer, is_thorough=False)


def test_a_disk_that_keeps_a_copy_of_what_was_destroyed_is_one_sentence(
    buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(buffer)
    copies = Copies(buffer.database, buffer.folder)
    while copies.step(NOON_MS, 0):
        pass
    with buffer.database.transaction():
        buffer.database.destroys()

    def full(_: keyed.Copying) -> bool:
        raise apsw.FullError

    def broken(path: Path, *, missing_ok: bool = False) -> None:
        if path.suffix == ".db":
            raise OSError(30, f"read-only: {path} {missing_ok}")

    monkeypatch.setattr(keyed.Copying, "step", full)
    monkeypatch.setattr(Path, "unlink", broken)
    with pytest.raises(MachineError, match="cannot be read or written"):
        copies.step(NOON_MS, 0)
    assert copies.trouble is not None


def _step_on(looking: Inspection) -> None:
    while looking.step() is not Progress.DONE:
        pass


def _never(_: Database, *, is_thorough: bool) -> None:
    raise AssertionError(f"The buffer was held for a check (thorough: {is_thorough}).")
