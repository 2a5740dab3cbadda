"""Bringing a damaged buffer back: from its newest good copy, and from what the damaged file itself still gives.

The new database is built aside and only then put in place; the damaged files move to `quarantine/<instant>/`, where
they stay until something is destroyed. A crash at any point leaves either the damaged files or the new database.

The damaged file is newer than its copy, so a row that can be read from it counts, and one that it lacks was deleted.
Each table is read from both ends; only in the gap between, which cannot be read, do the copy's rows count. The chain is
never forked: if links may be missing at its end, or in a part that is not sent, the setting `head_unknown` is set and
nothing is sealed until a new device's key begins a new chain (PRODUCT.md, "Offline and sync").
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import apsw

from tracker.domain.segment import segment_start_ms
from tracker.store import keyed, reopening
from tracker.store.commits import CommitFile, Mark
from tracker.store.copies import QUARANTINE, Copy, copies_in
from tracker.store.database import Database
from tracker.store.durable import sync_folder
from wire import chain

REPORT: Final = "recovery_report"
HEAD_UNKNOWN: Final = "head_unknown"
_BUILDING: Final = "restoring"
_READY: Final = "buffer.restored"
_DAMAGE: Final = (apsw.NotADBError, apsw.CorruptError, apsw.SQLError)  # the last: a table that an older file lacks

# Each table with its key, and what the person calls it.
_TABLES: Final = {
    "setting": ("name", "settings"),
    "worked": ("id", "time"),
    "activity": ("contract, at_ms", "activity"),
    "instant": ("contract, segment_ms, offset_ms", "snapshots"),
    "snapshot": ("id", "snapshots"),
    "picture": ("snapshot, monitor", "snapshots"),
    "running": ("only", "time"),
    "revision": ("link", "sealed segments"),
    "upload": ("contract, sha256, link", "snapshots"),
    "destruction": ("sha256", "snapshots"),
    "mark": ("id", "marks"),
    "learnt": ("contract, version", "contracts"),
    "pending_edit": ("only", "edits"),
}

_Row = tuple[Any, ...]


@dataclass(slots=True)
class _Table:
    """What a damaged file gives of a table: rows from its beginning and its end, and whether that is all of it."""

    columns: list[str]
    rows: list[_Row] = field(default_factory=list)
    is_whole: bool = False
    before: _Row | None = None  # the key of the last row before the gap, None where it begins with the table
    after: _Row | None = None  # the key of the first row behind the gap, None where it ends with the table


def finish(path: Path, now_ms: int) -> None:
    """Put a database in place that is built and whole, where a process died before it could."""
    ready = path.with_name(_READY)
    if ready.exists() and not path.exists():
        _quarantine(path, now_ms)  # a WAL that stayed behind would be played into the new file
        ready.replace(path)
        sync_folder(path.parent)


def forget_unfinished(path: Path) -> None:
    """Remove what a recovery that died left, once the file in place has been opened well."""
    path.with_name(_READY).unlink(missing_ok=True)
    shutil.rmtree(path.parent / _BUILDING, ignore_errors=True)


def restore(path: Path, key: bytes, now_ms: int) -> bool:
    """Put a new database in the place of a damaged, missing or outdated one, if anything is left to build it from.

    Returns False, with nothing changed, where neither a good copy nor a readable file is there.

    Raises:
        MachineError: the disk failed; nothing was changed.
    """
    folder = path.parent
    damaged = _reader(path, key)
    building = folder / _BUILDING
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
        base = _copied(folder, key, building / path.name)
        if base is None and damaged is None:
            building.rmdir()
            return False
        said = CommitFile(path.with_suffix(".commits")).read()
        if not _build(building / path.name, key, damaged, base, said, now_ms):
            return False
    finally:
        if damaged is not None:
            keyed.close_untouched(damaged)
    (building / path.name).replace(path.with_name(_READY))
    sync_folder(folder)
    _quarantine(path, now_ms)
    finish(path, now_ms)
    shutil.rmtree(building, ignore_errors=True)
    return True


def tell_lost(database: Database, said: Mark, stored: int) -> None:
    """Record that commits after a stored one were lost, that nothing gives back: for the person, and for the chain."""
    commits = said.number - stored
    with database.transaction():
        text = (
            f"The last {commits} changes to the buffer were lost, by a damaged disk or because an older file was put "
            "back. Look at the diary of the time before, and enter by hand what is missing."
        )
        _put(database, REPORT, text)
        if said.links > database.mark.links:
            _put(database, HEAD_UNKNOWN, str(said.links))


def _reader(path: Path, key: bytes) -> apsw.Connection | None:
    """Open a file that may be damaged, None where nothing of it can be read."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    connection = keyed.connect(path, key)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON").fetchall()
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except _DAMAGE:
        keyed.close_untouched(connection)
        return None
    return connection


def _is_good(copy: Copy, key: bytes) -> bool:
    connection = _reader(copy.path, key)
    if connection is None:
        return False
    try:
        return connection.execute(keyed.check(is_thorough=True)).fetchall() == [("ok",)]
    except _DAMAGE:
        return False
    finally:
        connection.close()


def _copied(folder: Path, key: bytes, target: Path) -> Copy | None:
    """Copy the newest copy that is good and can be read whole, and give it.

    SQLite's check passes over damage in a free page, which copying then meets: an older copy is better than none.
    """
    for copy in copies_in(folder):
        if _is_good(copy, key):
            with suppress(*_DAMAGE):
                _copy_file(copy.path, key, target)
                return copy
    return None


def _copy_file(source: Path, key: bytes, target: Path) -> None:
    connection = keyed.connect(source, key)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        keyed.copy_whole(connection, key, target)
    finally:
        connection.close()


def _build(
    path: Path, key: bytes, damaged: apsw.Connection | None, base: Copy | None, said: Mark | None, now_ms: int
) -> bool:
    """Merge the damaged file's rows into the copy's, and write down what came of it; False if there are none."""
    database = Database(path, key)
    try:
        database.rows("PRAGMA foreign_keys = OFF")
        links = database.mark.links
        number = None if damaged is None else _number(damaged)
        if damaged is not None and base is not None and number is not None and number <= base.number:
            damaged = None  # an older file that was put back: all of it is in the copy
        tables = {} if damaged is None else {name: _read(damaged, name, by) for name, (by, _) in _TABLES.items()}
        if base is None and not any(table.rows for table in tables.values()):
            return False
        with database.transaction():
            reopening.remember(database)
            for name, table in tables.items():
                _merge(database, name, table)
            _drop_sealed(database, tables, links)
            if not _has_all_links(database, said):
                reopening.reopen(database, links)
            _drop_orphans(database)
            reached = max(database.mark.number, number or 0, 0 if said is None else said.number)
            database.jump_to(reached)
            is_whole = damaged is not None and all(table.is_whole for table in tables.values())
            if not _is_chain_whole(database, tables.get("revision"), said):
                _put(database, HEAD_UNKNOWN, str(0 if said is None else said.links))
            _put(database, REPORT, _report(database, tables, base, now_ms, is_whole=is_whole))
        database.check(is_thorough=False)
        return True
    finally:
        database.close()


def _number(damaged: apsw.Connection) -> int | None:
    try:
        rows = damaged.execute("SELECT number FROM commit_count").fetchall()
    except _DAMAGE:
        return None
    return int(str(rows[0][0])) if rows else None


def _read(damaged: apsw.Connection, name: str, key: str) -> _Table:
    """Read a table from both ends as far as it goes."""
    try:
        columns = [str(row[1]) for row in damaged.execute(f"PRAGMA table_info({name})")]
    except _DAMAGE:
        columns = []
    table = _Table(columns)
    if not columns:
        return table
    selected = f"SELECT {', '.join(columns)} FROM {name} NOT INDEXED ORDER BY "  # noqa: S608 (this module's own words)
    places = [columns.index(column) for column in key.split(", ")]

    def keyed_by(row: _Row) -> _Row:
        return tuple(row[place] for place in places)

    table.rows, table.is_whole = _take(lambda: damaged.execute(selected + key))
    if table.is_whole:
        return table
    backward, _ = _take(lambda: damaged.execute(selected + key.replace(",", " DESC,") + " DESC"))
    table.before = keyed_by(table.rows[-1]) if table.rows else None
    table.after = keyed_by(backward[-1]) if backward else None
    known = {keyed_by(row) for row in table.rows}
    table.rows += [row for row in backward if keyed_by(row) not in known]
    return table


def _take(query: Callable[[], apsw.Cursor]) -> tuple[list[_Row], bool]:
    """Take rows until there are no more, or no more can be read."""
    rows: list[_Row] = []
    try:
        for row in query():
            rows.append(tuple(row))  # noqa: PERF401 (those before an error are kept)
    except (*_DAMAGE, UnicodeDecodeError):  # the latter: a text that is none, where damage kept a page's structure
        return rows, False
    return rows, True


def _merge(database: Database, name: str, table: _Table) -> None:
    """Let the damaged file's rows count, and the copy's only in the gap that could not be read."""
    if not table.columns:
        return
    key = _TABLES[name][0]
    names = [f"({key})", "(" + ", ".join("?" * len(key.split(", "))) + ")"]
    conditions, values = list[str](), list[Any]()
    for bound, sign in ((table.before, "<="), (table.after, ">=")):
        if bound is not None:
            conditions.append(f"{names[0]} {sign} {names[1]}")
            values += bound
    if table.is_whole:
        conditions = ["1"]
    if conditions:
        database.execute(f"DELETE FROM {name} WHERE {' OR '.join(conditions)}", values)  # noqa: S608 (own words)
    if name == "worked":
        for row in table.rows:
            start_ms, end_ms = (row[table.columns.index(column)] for column in ("start_ms", "end_ms"))
            database.execute("DELETE FROM worked WHERE start_ms < ? AND end_ms > ?", (end_ms, start_ms))
    there = {str(row[1]) for row in database.rows(f"PRAGMA table_info({name})")}
    shared = [column for column in table.columns if column in there]
    places = [table.columns.index(column) for column in shared]
    insertion = f"INSERT OR REPLACE INTO {name} ({', '.join(shared)}) VALUES ({', '.join('?' * len(shared))})"  # noqa: S608 (own)
    for row in table.rows:
        try:
            database.execute(insertion, tuple(row[place] for place in places))
        except (apsw.ConstraintError, apsw.MismatchError):  # damage made of it what no such row can be
            table.is_whole = False


def _drop_sealed(database: Database, tables: dict[str, _Table], links: int) -> None:
    """Drop the copy's journal rows of segments that were sealed after it was made, and were not read otherwise."""
    sealed = {
        (str(contract), int(start_ms))
        for contract, start_ms in database.rows("SELECT contract, start_ms FROM revision WHERE link >= ?", (links,))
    }
    for name, instant in (("worked", "start_ms"), ("activity", "at_ms"), ("snapshot", "at_ms")):
        table = tables.get(name)
        if table is None or table.is_whole:
            continue
        key = _TABLES[name][0].split(", ")
        places = [table.columns.index(column) for column in key] if table.columns else []
        read = {tuple(row[place] for place in places) for row in table.rows}
        for contract, at_ms, *named in database.rows(f"SELECT contract, {instant}, {', '.join(key)} FROM {name}"):  # noqa: S608 (own)
            if (str(contract), segment_start_ms(int(at_ms))) in sealed and tuple(named) not in read:
                where = " AND ".join(f"{column} = ?" for column in key)
                database.execute(f"DELETE FROM {name} WHERE {where}", named)  # noqa: S608 (own words)


def _drop_orphans(database: Database) -> None:
    database.execute("DELETE FROM picture WHERE snapshot NOT IN (SELECT id FROM snapshot)")
    database.execute("DELETE FROM upload WHERE link NOT IN (SELECT link FROM revision)")


def _has_all_links(database: Database, said: Mark | None) -> bool:
    count, reached = database.rows("SELECT count(*), ifnull(max(link) + 1, 0) FROM revision")[0]
    return said is not None and count == max(reached, said.links)


def _is_chain_whole(database: Database, read: _Table | None, said: Mark | None) -> bool:
    """Tell whether the chain's end is known and what is not sent of it is all there, each link on the one before."""
    rows = database.rows("SELECT link, link_hash, digest, state FROM revision ORDER BY link")
    reached = int(rows[-1][0]) + 1 if rows else 0
    if said is not None and said.links > reached:
        return False
    if said is None and (read is None or not (read.is_whole or read.after is not None)):
        return False
    waits_from = next((link for link, _, _, state in rows if state == "waiting"), reached)
    for (link, before, _, _), (following, after, digest, _) in pairwise(rows):
        if following != link + 1:
            if following > waits_from:
                return False
        elif chain.extend(chain.Head(link + 1, bytes(before)), (bytes(digest),)).hash != bytes(after):
            return False
    return True


def _report(database: Database, tables: dict[str, _Table], base: Copy | None, now_ms: int, *, is_whole: bool) -> str:
    """Say what was brought back from where, and what is missing."""
    segments = database.rows("SELECT count(*) FROM revision")[0][0]
    minutes = (database.rows("SELECT ifnull(sum(end_ms - start_ms), 0) FROM worked")[0][0] + 30_000) // 60_000
    sources = ["the damaged file"] if tables else []
    if base is not None:
        sources.append(f"its copy of {_instant(base.at_ms)} UTC")
    gaps = list(dict.fromkeys(_TABLES[name][1] for name, table in tables.items() if not table.is_whole))
    if is_whole:
        missing = "Everything could be read; nothing is missing."
    elif not tables:
        missing = "What was recorded after that copy is missing."
    elif base is None:
        missing = f"There was no copy, and part of it could not be read: {', '.join(gaps)}."
    else:
        missing = f"What was recorded after that copy may be missing in part: {', '.join(gaps)}."
    return (
        f"The buffer was damaged and was restored at {_instant(now_ms)} UTC from {' and '.join(sources)}: {segments} "
        f"sealed segments and {minutes} minutes not sealed yet. {missing} The damaged files are in the folder "
        f"{QUARANTINE}."
    )


def _instant(utc_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(utc_ms / 1000, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return "an unknown time"


def _quarantine(path: Path, now_ms: int) -> None:
    folder = path.parent / QUARANTINE
    # The database first: while it is in place nothing of it is taken away, and once it is gone finish() goes on.
    found = [
        one for one in map(path.with_suffix, (".db", ".db-wal", ".db-shm", ".db-journal", ".commits")) if one.exists()
    ]
    if not found:
        return
    place, number = folder / str(now_ms), 0
    while place.exists():
        number += 1
        place = folder / f"{now_ms}-{number}"
    place.mkdir(mode=0o700, parents=True)
    for one in found:
        one.replace(place / one.name)
    sync_folder(place)
    sync_folder(folder)
    sync_folder(path.parent)


def _put(database: Database, name: str, text: str) -> None:
    database.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (name, text.encode()))
