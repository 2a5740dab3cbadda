"""Keyed SQLite files: how one is opened, and how one is copied into another through the backup interface."""

import os
from pathlib import Path

import apsw

from tracker.store.durable import sync_folder

PAGES_PER_SLICE = 256  # a megabyte, a few milliseconds
_READ_ONLY = apsw.SQLITE_OPEN_READONLY
_READ_WRITE = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE


def connect(path: Path, key: bytes, *, read_only: bool = False, vfs: str | None = None) -> apsw.Connection:
    """Open a keyed file, `vfs` as `Database` has it; whether the key is right shows at the first reading.

    Raises:
        apsw.Error: it cannot be opened.
    """
    connection = apsw.Connection(str(path), flags=_READ_ONLY if read_only else _READ_WRITE, vfs=vfs)
    connection.execute(f"PRAGMA key = 'raw:{key.hex()}'")
    return connection


def check(*, is_thorough: bool) -> str:
    """Give the query that answers *ok* where there is no damage; thoroughly it looks into every index, too."""
    return "PRAGMA integrity_check(1)" if is_thorough else "PRAGMA quick_check(1)"


def remove(path: Path) -> None:
    """Remove a database's file and what SQLite may have put beside it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def close_untouched(connection: apsw.Connection) -> None:
    """Close a database without moving its WAL into it: a damaged one stays as it was found."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.close()


class Copying:
    """A copy under way, made in slices so that the source can be written in between.

    SQLite carries what the source's own connection writes meanwhile over into the copy, so that the finished copy is
    the source at the end. Reading checks every page's authentication code, so a damaged source is found.

    Args:
        source: an open, keyed database.
        key: the copy's key.
        target: the copy; it is there whole once `step` gives True, and not before.
        is_kept: whether it must outlive the machine's power; one that is soon removed need not.
    """

    def __init__(self, source: apsw.Connection, key: bytes, target: Path, *, is_kept: bool = True) -> None:
        self.target = target
        self._is_kept = is_kept
        self._draft = target.with_suffix(".draft")
        remove(self._draft)
        self._connection = connect(self._draft, key)
        try:
            # A draft that dies is thrown away, so it needs no journal, and it is synced here slice by slice: SQLite
            # would do it at the end alone, and for long.
            self._connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
            self._backup = self._connection.backup("main", source, "main")
        except BaseException:
            self._connection.close()
            raise

    def step(self, pages: int = PAGES_PER_SLICE) -> bool:
        """Copy some pages (-1 for all) and tell whether the copy is finished and on the disk.

        Raises:
            apsw.Error, OSError: it failed; `abandon` it.
        """
        self._backup.step(pages)
        is_done = self._backup.done
        if is_done:
            self._backup.finish()
            self._connection.close()
        if self._is_kept:
            self._sync()
        if is_done:
            self._draft.replace(self.target)
            sync_folder(self.target.parent)
        return is_done

    def abandon(self) -> None:
        """Give up, leaving nothing."""
        self._backup.close(True)  # noqa: FBT003 (apsw's signature: force)
        self._connection.close(True)  # noqa: FBT003 (likewise)
        remove(self._draft)

    def _sync(self) -> None:
        descriptor = os.open(self._draft, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def copy_whole(source: apsw.Connection, key: bytes, target: Path) -> None:
    """Copy a database at once.

    Raises:
        apsw.Error, OSError: it failed, and nothing is left of it.
    """
    copying = Copying(source, key, target)
    try:
        copying.step(-1)
    except BaseException:
        copying.abandon()
        raise
