"""The buffer as a whole: one folder with the encrypted database, its key's fingerprint and the encrypted pictures."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from tracker.domain.errors import MachineError
from tracker.store.database import COPIES, KEY_BYTES, Database, WrongKeyError, is_wrong_key, wrong_key
from tracker.store.destruction import Destruction
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
    destruction: Destruction


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


def open_buffer(folder: Path, key: bytes) -> Buffer:
    """Open the buffer in a data folder, or begin one.

    Raises:
        BufferInUseError, BufferDamagedError, MachineError: see `Database`.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = Database(database_path(folder), key)
        settings = Settings(database)
        pictures = Pictures(folder / "pictures", settings.picture_key())
    except OSError as error:
        raise MachineError(
            f"The data folder {folder} cannot be used ({error.strerror}). Check its permissions, or name another with "
            "--data."
        ) from error
    destruction = Destruction(database, pictures)
    snapshots = Snapshots(database, pictures, destruction)
    journal, outbox = Journal(database, snapshots), Outbox(database, destruction)
    return Buffer(database, settings, pictures, snapshots, journal, outbox, destruction)
