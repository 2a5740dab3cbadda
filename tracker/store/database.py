"""The buffer's database: encrypted SQLite, one connection, one writer, every commit on the disk before it counts.

The file is locked for as long as it is open, so a second engine on one buffer is impossible.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import apsw

from tracker.domain.errors import BugError, MachineError, RefusedError
from tracker.store import keyed
from tracker.store.commits import CommitFile, Mark
from tracker.store.durable import sync_folder, write_whole

KEY_BYTES = 32
COPIES: Final = "copies"
_BEFORE: Final = "before-version-"

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


class UnknownKeyError(BufferDamagedError):
    """The file cannot be read and nothing is left that tells whether it is damaged or the key is another one."""


class WrongKeyError(MachineError):
    """The file belongs to another key; there is nothing wrong with it."""


class Database:
    """One open buffer.

    Args:
        path: the database file; made if it is missing.
        key: 32 random bytes.
        vfs: SQLite's way to the disk, None for the usual one; named `multipleciphers-…`, so that it sees ciphertext.

    `lost` is what the side file said at the opening, where the file is behind it: commits were lost; `stored_number` is
    the file's own. `trouble` says why the side file cannot be written.

    Raises:
        BufferInUseError: another tracker has it open.
        BufferDamagedError: the file is damaged.
        WrongKeyError: it belongs to another key.
        MachineError: it cannot be opened or was made by a newer version.
    """

    def __init__(self, path: Path, key: bytes, *, vfs: str | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._after_commit: list[Callable[[], None]] = []
        self._path = path
        self._key = key
        self._vfs = vfs
        self._fingerprint = path.with_suffix(".key-id")
        self._commits = CommitFile(path.with_suffix(".commits"))
        self._mark = Mark(0, 0)
        self.stored_number = 0
        self.lost: Mark | None = None
        self.trouble: str | None = None
        with sentences(path):
            self._open()

    @property
    def mark(self) -> Mark:
        """How far the database has come."""
        return self._mark

    @property
    def destroyed_at(self) -> int:
        """The number of the newest commit that destroyed something: copies older than it hold it still."""
        row = self.row("SELECT destroyed FROM commit_count")
        return 0 if row is None else int(row[0])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a write transaction; leaving it commits, an error rolls back. Nested ones join the outer one."""
        with self._lock, sentences(self._path):
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            changes = self._connection.total_changes()
            try:
                yield
                mark = self._counted() if self._connection.total_changes() != changes else None
                self._connection.execute("COMMIT")
            finally:
                self._depth -= 1
                after_commit, self._after_commit = self._after_commit, []
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            if mark is not None:
                self._keep_mark(mark)
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
        if not self._depth:
            raise BugError("A statement that writes was run outside a transaction.")
        self._connection.executemany(statement, many)

    def rows(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Read all rows of a query, or run a statement that returns what it changed."""
        with self._lock, sentences(self._path):
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, values: Values = ()) -> tuple[Any, ...] | None:
        """Read the first row of a query, None if there is none."""
        found = self.rows(query, values)
        return found[0] if found else None

    def jump_to(self, number: int) -> None:
        """Let the open transaction have a higher number than this: numbers that were given away never come again."""
        self._mark = replace(self._mark, number=max(self._mark.number, number))

    def destroys(self) -> None:
        """Say that the open transaction destroys something, so that no older copy may outlive it."""
        self.execute("UPDATE commit_count SET destroyed = ?", (self._mark.number + 1,))

    def copying(self, target: Path, *, is_kept: bool = True) -> keyed.Copying:
        """Begin a copy under the same key, `is_kept` as `Copying` has it; each step of it is to be taken by `sliced`.

        Raises:
            BufferDamagedError, MachineError: it cannot be begun.
        """
        with self._lock, sentences(self._path):
            return keyed.Copying(self._connection, self._key, target, is_kept=is_kept)

    def sliced(self, copying: keyed.Copying) -> Mark | None:
        """Take the next step of a copy; once it is finished, give the mark that it stands at.

        Raises:
            BufferDamagedError, MachineError: it failed and was abandoned.
        """
        with self._lock, sentences(self._path):
            try:
                return self._mark if copying.step() else None
            except BaseException:
                copying.abandon()
                raise

    def abandon(self, copying: keyed.Copying) -> None:
        """Give a copy up that is under way."""
        with self._lock, sentences(self._path):
            copying.abandon()

    def check(self, *, is_thorough: bool) -> None:
        """Look for damage at once, quickly or thoroughly with every index; nothing else can be done meanwhile.

        Raises:
            BufferDamagedError: there is some.
        """
        if self.rows(keyed.check(is_thorough=is_thorough)) != [("ok",)]:
            raise BufferDamagedError(_damaged(self._path))

    def empty_wal(self) -> None:
        """Move everything into the main file and cut the WAL, which still holds what was overwritten since."""
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def replace(self, action: Callable[[], None]) -> None:
        """Close the files, let an action exchange them, and open what is there then.

        Raises:
            BugError: a transaction is open.
            TrackerError: the action failed, or what is there then cannot be opened.
        """
        with self._lock, sentences(self._path):
            if self._depth:
                raise BugError("The database was to be replaced inside a transaction.")
            keyed.close_untouched(self._connection)
            self._commits.close()
            action()
            self._open()

    def close(self) -> None:
        """Checkpoint and close the file."""
        with self._lock:
            self._connection.close()
            self._commits.close()

    def _open(self) -> None:
        is_new = not self._path.exists()
        known_key = self._known_key()
        self._connection = keyed.connect(self._path, self._key, vfs=self._vfs)
        try:
            try:
                self._connection.execute(_PRAGMAS).fetchall()  # a statement that gives a row waits to be read
            except apsw.NotADBError as error:
                if known_key is False:
                    raise WrongKeyError(wrong_key(self._path)) from error
                if known_key is None:
                    raise UnknownKeyError(_damaged(self._path)) from error
                raise
            self.lost = self._migrate()
        except BaseException:
            keyed.close_untouched(self._connection)
            self._commits.close()
            raise
        if is_new:
            sync_folder(self._path.parent)
        if known_key is not True:
            write_whole(self._fingerprint, _fingerprint(self._key))

    def _known_key(self) -> bool | None:
        """Tell whether the key is this file's by its fingerprint, None where there is none.

        Half a fingerprint or a damaged one would refuse the right key for ever, so that it is only asked where the
        file cannot be read, and mended where it can.
        """
        try:
            kept = self._fingerprint.read_bytes()
        except FileNotFoundError:
            return None
        if self._path.exists() and self._path.stat().st_size == 0:  # SQLite would begin a new one without a word
            raise BufferDamagedError(_damaged(self._path))
        return kept == _fingerprint(self._key)

    def _migrate(self) -> Mark | None:
        """Bring the file to this version, and give what the side file says that the file lacks."""
        said = self._commits.read()
        self._mark = Mark(0, 0)
        steps = _steps()
        version = self._connection.pragma("user_version")
        if version > len(steps):
            raise MachineError(
                f"The buffer {self._path} was made by a newer Daybook. Nothing was changed. Install that version "
                "again, or a newer one."
            )
        if version > 1:
            self._mark = self._stored_mark()
        self.stored_number = self._mark.number
        is_behind = said is not None and said.number > self._mark.number
        if said is not None and is_behind:  # numbers never go back, or the next opening would tell it again
            self._mark = Mark(said.number, self._mark.links)
        if version == len(steps):
            self._forget_copies()
        else:
            self._step_on(steps, version)
        return said if is_behind else None

    def _step_on(self, steps: list[Traversable], version: int) -> None:
        """Run the steps that are lacking, all or none, with a copy made first."""
        if version:
            folder = self._path.parent / COPIES
            folder.mkdir(mode=0o700, exist_ok=True)
            keyed.copy_whole(self._connection, self._key, folder / f"{_BEFORE}{version}.db")
        try:
            with self.transaction():
                for number, step in enumerate(steps[version:], version + 1):
                    self._connection.execute(step.read_text(encoding="utf-8")).fetchall()
                    self._connection.execute(f"PRAGMA user_version = {number}")
        except (apsw.SQLError, apsw.ConstraintError) as error:
            raise BugError(
                f"The buffer {self._path} could not be brought to this version of Daybook ({error}). Nothing was "
                "changed. Install the version before this one again, and tell the makers."
            ) from error

    def _forget_copies(self) -> None:
        """Remove the copies made before a migration: this start went well with what it made."""
        for copy in (self._path.parent / COPIES).glob(f"{_BEFORE}*"):
            copy.unlink()

    def _stored_mark(self) -> Mark:
        query = "SELECT number, (SELECT ifnull(max(link) + 1, 0) FROM revision) FROM commit_count"
        number, links = self.rows(query)[0]
        return Mark(number, links)

    def _counted(self) -> Mark:
        """Number the open transaction."""
        self._connection.execute("UPDATE commit_count SET number = ?", (self._mark.number + 1,))
        return self._stored_mark()

    def _keep_mark(self, mark: Mark) -> None:
        """Write a commit's mark to the side file; the commit stands whether or not that can be done."""
        self._mark = mark
        try:
            self._commits.write(mark)
            self.trouble = None
        except OSError as error:
            self.trouble = (
                f"What you record is saved, but the file beside {self._path} that would tell a loss cannot be written "
                f"({error.strerror}). Check the folder's permissions and the disk."
            )


def _steps() -> list[Traversable]:
    """Give the migrations in order."""
    found = resources.files(__package__).joinpath("migrations").iterdir()
    return sorted((entry for entry in found if entry.name.endswith(".sql")), key=lambda entry: entry.name)


def _fingerprint(key: bytes) -> bytes:
    return hashlib.sha256(b"daybook buffer key" + key).hexdigest()[:16].encode()


def _damaged(path: Path) -> str:
    return (
        f"The buffer {path} is damaged and was left as it is. Put a copy of it back, or name another folder with "
        "--data to begin a new one; what was already synced is safe on the marketplace."
    )


def is_wrong_key(path: Path, key: bytes) -> bool:
    """Tell whether the fingerprint beside a database is another key's; False where there is none."""
    try:
        return path.with_suffix(".key-id").read_bytes() != _fingerprint(key)
    except FileNotFoundError:
        return False


def wrong_key(path: Path) -> str:
    """Say that a key is not this database's."""
    return (
        f"The buffer {path} is encrypted with another key than the one in your keyring or key file. Nothing was "
        "changed. Use the keyring or key file it was made with, or put its key back with your recovery code: "
        "daybook restore"
    )


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """Turn the database's errors into the person's sentences."""
    try:
        yield
    except apsw.BusyError as error:
        raise BufferInUseError(
            f"Another Daybook is using the buffer {path}. Use that one, or end it first with: daybook quit"
        ) from error
    except (apsw.NotADBError, apsw.CorruptError, UnicodeDecodeError) as error:  # the last: a text that is none
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
