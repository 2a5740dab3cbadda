"""The newest checkpoint, beside the database: a log that is shorter than it says was restored from a backup."""

import os
import threading
from pathlib import Path

from marketplace.errors import SetupError
from wire.note import InvalidNoteError, Note
from wire.receipt import Checkpoint

_FILE = "log-head"


def read(folder: Path) -> Checkpoint | None:
    """Read what the log had reached, None where it has not begun.

    Raises:
        SetupError: the file cannot be read.
    """
    file = folder / _FILE
    try:
        return Checkpoint.parse(Note.parse(file.read_text("utf-8")).text)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, InvalidNoteError) as error:
        raise SetupError(
            f"The file {_FILE} in {folder} cannot be read ({error}). Restore it; if it is lost, delete it and begin a "
            "new epoch of the log with: daybook-marketplace new-epoch"
        ) from error


def write(folder: Path, note: str) -> None:
    """Keep a checkpoint, durably; called after the commit, so that it is never ahead of the database."""
    draft = folder / f"{_FILE}.{threading.get_ident()}"
    with draft.open("w", encoding="utf-8") as stream:
        stream.write(note)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(folder / _FILE)
