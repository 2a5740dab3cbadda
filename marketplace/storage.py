"""What a failing disk or database means, said once for the command line, the API and the pages."""

import errno
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

DISK_FULL = "The disk is full. Nothing of this was stored; free some space, then try again."
DAMAGED = (
    "The marketplace's database is damaged and cannot be read. "
    "Stop the marketplace and restore the newest backup of its data folder."
)
BUSY = "The marketplace's database is busy with another writer. Try again in a few seconds."
BROKEN = (
    "The disk could not be read or written. Nothing of this was stored; look at the disk's health and free space, "
    "then try again."
)
UNWRITABLE = (
    "The marketplace's data folder cannot be written. Give the account that runs the marketplace the right to write "
    "there, then start it again."
)

_BY_SQLITE_CODE = {
    sqlite3.SQLITE_FULL: ("disk_full", 507, DISK_FULL),
    sqlite3.SQLITE_CORRUPT: ("damaged", 503, DAMAGED),
    sqlite3.SQLITE_NOTADB: ("damaged", 503, DAMAGED),
    sqlite3.SQLITE_BUSY: ("busy", 503, BUSY),
    sqlite3.SQLITE_LOCKED: ("busy", 503, BUSY),
    sqlite3.SQLITE_IOERR: ("disk_error", 503, BROKEN),
    sqlite3.SQLITE_READONLY: ("unwritable", 503, UNWRITABLE),
    sqlite3.SQLITE_CANTOPEN: ("unwritable", 503, UNWRITABLE),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A storage failure that a person can act on: code for programs, HTTP status, sentence for people."""

    code: str
    status: int
    sentence: str


def trouble_of(error: BaseException) -> Trouble | None:
    """Tell which storage failure lies behind an error, or None if it is something else (then a bug)."""
    for cause in _causes(error):
        if isinstance(cause, sqlite3.Error):
            known = _BY_SQLITE_CODE.get(getattr(cause, "sqlite_errorcode", -1) & 0xFF)
            if known:
                return Trouble(*known)
        if isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT}:
            return Trouble("disk_full", 507, DISK_FULL)
        if isinstance(cause, OSError) and cause.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            return Trouble("unwritable", 503, UNWRITABLE)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
