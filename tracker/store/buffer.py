"""The buffer as a whole: one folder with the encrypted database, its key's fingerprint and the encrypted pictures."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from tracker.domain.errors import MachineError
from tracker.store.database import KEY_BYTES, Database
from tracker.store.journal import Journal
from tracker.store.outbox import Outbox
from tracker.store.pictures import Pictures
from tracker.store.settings import Settings
from tracker.store.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Buffer:
    """Everything the tracker keeps, each part with one subject."""

    database: Database
    settings: Settings
    pictures: Pictures
    snapshots: Snapshots
    journal: Journal
    outbox: Outbox


def database_path(folder: Path) -> Path:
    """Give the database's place in a data folder."""
    return folder / "buffer.db"


def new_key() -> bytes:
    """Draw the key of a new buffer."""
    return secrets.token_bytes(KEY_BYTES)


def open_buffer(folder: Path, key: bytes, *, vfs: str | None = None) -> Buffer:
    """Open the buffer in a data folder, or begin one; `vfs` is as `Database` has it.

    Raises:
        BufferInUseError, BufferDamagedError, MachineError: see `Database`.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = Database(database_path(folder), key, vfs=vfs)
        settings = Settings(database)
        pictures = Pictures(folder / "pictures", settings.picture_key())
    except OSError as error:
        raise MachineError(
            f"The data folder {folder} cannot be used ({error.strerror}). Check its permissions, or name another with "
            "--data."
        ) from error
    snapshots = Snapshots(database, pictures)
    return Buffer(database, settings, pictures, snapshots, Journal(database, snapshots), Outbox(database))
