"""The buffer as a whole: one folder with the encrypted database, its key's fingerprint and the encrypted pictures."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from tracker.domain.errors import MachineError
from tracker.store import recovery
from tracker.store.copies import Copies, copies_in
from tracker.store.database import (
    COPIES,
    KEY_BYTES,
    BufferDamagedError,
    Database,
    UnknownKeyError,
    WrongKeyError,
    is_wrong_key,
    sentences,
    wrong_key,
)
from tracker.store.destruction import Destruction
from tracker.store.edits import Edits
from tracker.store.inspection import Inspection
from tracker.store.journal import Journal
from tracker.store.learnt import Learnt
from tracker.store.marks import MarkKeeping
from tracker.store.outbox import Outbox
from tracker.store.pictures import Pictures
from tracker.store.retention import Retention
from tracker.store.settings import Settings
from tracker.store.snapshots import Snapshots
from tracker.store.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class Buffer:
    """Everything the tracker keeps, each part with one subject."""

    folder: Path
    key: bytes = field(repr=False)
    database: Database
    settings: Settings
    pictures: Pictures
    snapshots: Snapshots
    journal: Journal
    outbox: Outbox
    destruction: Destruction
    upkeep: Upkeep
    marks: MarkKeeping
    learnt: Learnt
    edits: Edits

    def mend(self, now_ms: int) -> str | None:
        """Restore the open buffer, which is damaged; gives what to tell the person, None if nothing could be done.

        Raises:
            TrackerError: the disk failed, or what was restored cannot be opened.
        """
        mended = False
        self.upkeep.break_off()

        def restore() -> None:
            nonlocal mended
            mended = recovery.restore(database_path(self.folder), self.key, now_ms)

        self.database.replace(restore)
        self.outbox.recount()
        self.marks.recount()
        return self.recovery_report() if mended else None

    def recovery_report(self) -> str | None:
        """Say what was brought back after damage and what was lost, until `forget_report`."""
        return self.settings.get_text(recovery.REPORT)

    def forget_report(self) -> None:
        """The person was told."""
        if self.recovery_report() is not None:
            self.settings.delete(recovery.REPORT)


def database_path(folder: Path) -> Path:
    """Give the database's place in a data folder."""
    return folder / "buffer.db"


def is_begun(folder: Path) -> bool:
    """Tell whether a data folder holds a buffer, or the copies of one that is gone."""
    return os.access(database_path(folder), os.F_OK) or any((folder / COPIES).glob("*.db"))


def check_key(folder: Path, key: bytes) -> None:
    """Hold a key to the buffer's fingerprint, without opening the buffer.

    Raises:
        WrongKeyError: it is another buffer's.
    """
    if is_wrong_key(database_path(folder), key):
        raise WrongKeyError(wrong_key(database_path(folder)))


def new_key() -> bytes:
    """Draw the key of a new buffer."""
    return secrets.token_bytes(KEY_BYTES)


def open_buffer(folder: Path, key: bytes, now_ms: int = 0, *, vfs: str | None = None) -> Buffer:
    """Open the buffer in a data folder, or begin one; a damaged one is restored from its copies and from itself.

    What was brought back and what was lost stands in the setting `recovery.REPORT` until the person was told.

    Args:
        folder: made if it is missing.
        key: 32 random bytes.
        now_ms: UTC, to name what is set aside.
        vfs: as `Database` has it.

    Raises:
        BufferInUseError, BufferDamagedError, WrongKeyError, MachineError: see `Database`.
    """
    path = database_path(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with sentences(path):
            recovery.finish(path, now_ms)
        database = _open_or_restore(path, key, now_ms, vfs)
        recovery.forget_unfinished(path)
        settings = Settings(database)
        try:
            picture_key = settings.picture_key()
        except BufferDamagedError:
            database.replace(lambda: _restore(path, key, now_ms))
            picture_key = settings.picture_key()
        pictures = Pictures(folder / "pictures", picture_key)
    except OSError as error:
        raise MachineError(
            f"The data folder {folder} cannot be used ({error.strerror}). Check its permissions, or name another with "
            "--data."
        ) from error
    destruction = Destruction(database, pictures)
    snapshots = Snapshots(database, pictures, destruction)
    journal, outbox = Journal(database, snapshots), Outbox(database, destruction)
    edits = Edits(database, snapshots)
    retention = Retention(database, destruction)
    upkeep = Upkeep(
        settings,
        lambda is_thorough: Inspection(database, folder, key, is_thorough=is_thorough),
        destruction,
        Copies(database, folder),
        retention,
    )
    marks = MarkKeeping(database, settings, destruction, journal, snapshots, outbox)
    return Buffer(
        folder, key, database, settings, pictures, snapshots, journal, outbox, destruction, upkeep, marks,
        Learnt(database), edits,
    )  # fmt: skip


def _open_or_restore(path: Path, key: bytes, now_ms: int, vfs: str | None) -> Database:
    """Open a database; where it is damaged, gone, or behind one of its copies, restore it first."""
    if not path.exists() and copies_in(path.parent):
        with sentences(path):
            recovery.restore(path, key, now_ms)
    try:
        database = Database(path, key, vfs=vfs)
    except UnknownKeyError:
        raise  # perhaps there is nothing wrong with it
    except BufferDamagedError:
        with sentences(path):
            if not recovery.restore(path, key, now_ms):
                raise
        return Database(path, key, vfs=vfs)
    if database.lost is None:
        return database
    lost, stored, is_restored = database.lost, database.stored_number, False

    def restore() -> None:
        nonlocal is_restored
        is_restored = recovery.restore(path, key, now_ms)

    kept = copies_in(path.parent)
    if kept and kept[0].number > stored:
        database.replace(restore)
    if not is_restored:
        recovery.tell_lost(database, lost, stored)
    return database


def _restore(path: Path, key: bytes, now_ms: int) -> None:
    recovery.restore(path, key, now_ms)
