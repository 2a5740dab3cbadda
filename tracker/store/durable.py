"""Files that are there whole or not at all, also after a power cut: written aside, synced, renamed, folder synced."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place of the one that may be there; a failure leaves that one, and nothing half-written.

    Raises:
        OSError: it could not be written.
    """
    draft = path.with_suffix(".draft")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable.

    Raises:
        OSError: the disk failed.
    """
    if os.name == "nt":  # Windows keeps the directory entry with the file's own flush
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
