"""The buffer's database: encrypted SQLite, one connection, one writer, every commit on the disk before it counts.

The file is locked for as long as it is open, so a second engine on one buffer is impossible.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import apsw

from tracker.domain.errors import BugError, MachineError, RefusedError

KEY_BYTES = 32

Values = Sequence[str | int | bytes | None]

_PRAGMAS = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA temp_store = MEMORY;
PRAGMA secure_delete = ON;
PRAGMA foreign_keys = ON;
"""


class BufferInUseError(RefusedError):
    """Another process has the buffer open."""


class BufferDamagedError(MachineError):
    """The file is not the database that it should be."""


class Database:
    """One open buffer.

    Args:
        path: the database file; made if it is missing.
        key: 32 random bytes.
        vfs: SQLite's way to the disk, None for the usual one; named `multipleciphers-…`, so that it sees ciphertext.

    Raises:
        BufferInUseError: another tracker has it open.
        BufferDamagedError: the file is damaged, or belongs to another key.
        MachineError: it cannot be opened or was made by a newer version.
    """

    def __init__(self, path: Path, key: bytes, *, vfs: str | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._after_commit: list[Callable[[], None]] = []
        self._path = path
        self._fingerprint = path.with_suffix(".key-id")
        with _sentences(path):
            self._check_key(key)
            self._connection = apsw.Connection(str(path), vfs=vfs)
            try:
                self._connection.execute(f"PRAGMA key = 'raw:{key.hex()}'")
                self._connection.execute(_PRAGMAS).fetchall()  # a statement that gives a row waits to be read
                self._migrate()
            except BaseException:
                self._connection.close()
                raise
            self._keep_fingerprint(key)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a write transaction; leaving it commits, an error rolls back. Nested ones join the outer one."""
        with self._lock, _sentences(self._path):
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                self._depth -= 1
                after_commit, self._after_commit = self._after_commit, []
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            for action in after_commit:
                action()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run an action once the open transaction is on the disk, and not at all if it is rolled back."""
        if not self._depth:
            raise BugError("after_commit() was called outside a transaction.")
        self._after_commit.append(action)

    def execute(self, statement: str, values: Values = ()) -> int:
        """Run one statement inside the open transaction and give the number of rows changed."""
        if not self._depth:
            raise BugError("A statement that writes was run outside a transaction.")
        self._connection.execute(statement, values)
        return self._connection.changes()

    def execute_many(self, statement: str, many: Iterable[Values]) -> None:
        """Run one statement for each tuple of values inside the open transaction."""
        for values in many:
            self.execute(statement, values)

    def rows(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Read all rows of a query, or run a statement that returns what it changed."""
        with self._lock, _sentences(self._path):
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, values: Values = ()) -> tuple[Any, ...] | None:
        """Read the first row of a query, None if there is none."""
        found = self.rows(query, values)
        return found[0] if found else None

    def close(self) -> None:
        """Checkpoint and close the file."""
        with self._lock:
            self._connection.close()

    def _check_key(self, key: bytes) -> None:
        if not (self._path.exists() and self._fingerprint.exists()):
            return
        if self._path.stat().st_size == 0:  # SQLite would begin a new database in it without a word
            raise BufferDamagedError(_damaged(self._path))
        if self._fingerprint.read_bytes() != _fingerprint(key):
            raise BufferDamagedError(
                f"The buffer {self._path} is encrypted with another key than the one in your keyring or key file. "
                "Nothing was changed. Use the keyring or key file it was made with, or give another folder with --data."
            )

    def _keep_fingerprint(self, key: bytes) -> None:
        """Write the fingerprint once and whole: half of one would refuse the right key for ever."""
        if not self._fingerprint.exists():
            draft = self._fingerprint.with_suffix(".draft")
            with draft.open("wb") as file:
                file.write(_fingerprint(key))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._fingerprint)

    def _migrate(self) -> None:
        with self.transaction():
            version = self._connection.pragma("user_version")
            steps = sorted(
                (
                    entry
                    for entry in resources.files(__package__).joinpath("migrations").iterdir()
                    if entry.name.endswith(".sql")
                ),
                key=lambda entry: entry.name,
            )
            if version > len(steps):
                raise MachineError(
                    f"The buffer {self._path} was made by a newer Daybook. Nothing was changed. Install that version "
                    "again, or a newer one."
                )
            for number, step in enumerate(steps[version:], version + 1):
                self._connection.execute(step.read_text(encoding="utf-8")).fetchall()
                self._connection.execute(f"PRAGMA user_version = {number}")


def _fingerprint(key: bytes) -> bytes:
    return hashlib.sha256(b"daybook buffer key" + key).hexdigest()[:16].encode()


def _damaged(path: Path) -> str:
    return (
        f"The buffer {path} is damaged and was left as it is. Put a copy of it back, or move it away and start "
        "Daybook again to begin a new one; what was already synced is safe on the marketplace."
    )


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turn the database's errors into the person's sentences."""
    try:
        yield
    except apsw.BusyError as error:
        raise BufferInUseError(
            f"Another Daybook is using the buffer {path}. Use that one, or end it first with: daybook quit"
        ) from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise BufferDamagedError(_damaged(path)) from error
    except apsw.ConnectionClosedError as error:
        raise RefusedError("Daybook has ended. Start it again with: daybook run") from error
    except apsw.FullError as error:
        raise MachineError(
            f"The disk that holds {path} is full, so this was not saved. Free some space; Daybook goes on by itself."
        ) from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.IOError, apsw.PermissionsError, OSError) as error:
        raise MachineError(
            f"The buffer {path} cannot be read or written ({error}). Check the folder's permissions and the disk."
        ) from error
