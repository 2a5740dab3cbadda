"""Looking for damage while the work goes on: in a copy made for it, which a thread of its own reads.

SQLite checks a database in one go, a year's buffer in about a second (thoroughly in more than two), and nothing else
can use its connection meanwhile; nor can a second one be opened, since the file is locked. So the buffer is copied in
slices, between which the engine works: copying reads every page of the buffer and with it the page's authentication
code, and the copy has the buffer's structure. It is removed as soon as it has been looked at.
"""

import enum
import threading
from pathlib import Path
from typing import Final

import apsw

from tracker.domain.errors import MachineError
from tracker.store import keyed
from tracker.store.database import COPIES, BufferDamagedError, Database, sentences
from tracker.store.keyed import Copying

_NAME: Final = "inspected"


class Progress(enum.Enum):
    """How far an inspection is: its next step is due at once, a thread is reading, or it found nothing."""

    GOES_ON = enum.auto()
    WAITS = enum.auto()
    DONE = enum.auto()


class Inspection:
    """One look for damage.

    Args:
        database: what is looked at.
        folder: the data folder.
        key: the database's.
        is_thorough: whether every index is held against its table, too.
    """

    def __init__(self, database: Database, folder: Path, key: bytes, *, is_thorough: bool) -> None:
        self.is_thorough = is_thorough
        self._database = database
        self._copy = folder / COPIES / _NAME
        self._key = key
        self._copying: Copying | None = None
        self._reading: _Reading | None = None

    def step(self) -> Progress:
        """Take the next step.

        Raises:
            BufferDamagedError: there is damage.
            MachineError: the disk failed.
        """
        if self._reading is None:
            try:
                if not self._is_copied():
                    return Progress.GOES_ON
                self._reading = _Reading(self._copy, self._key, is_thorough=self.is_thorough)
            except BufferDamagedError:
                self.end()
                raise
            except (MachineError, OSError):  # there is no room for a copy: all else waits for this once
                return self._look_in_place()
            self._reading.start()
        if self._reading.is_alive():
            return Progress.WAITS
        if not self._reading.is_sound:  # the buffer itself says whether that is its damage or the copy's
            return self._look_in_place()
        self.end()
        return Progress.DONE

    def end(self) -> None:
        """Break off, leaving nothing: what is destroyed meanwhile must not stay in the copy.

        Raises:
            MachineError: the copy cannot be removed now; the next inspection removes it first.
        """
        if self._copying is not None:
            self._database.abandon(self._copying)
        if self._reading is not None:
            self._reading.end()
        self._copying = self._reading = None
        with sentences(self._copy):
            keyed.remove(self._copy)

    def _is_copied(self) -> bool:
        """Make the next slice of the copy, and tell whether it was the last."""
        if self._copying is None:
            self._copy.parent.mkdir(mode=0o700, exist_ok=True)
            keyed.remove(self._copy)
            self._copying = self._database.copying(self._copy, is_kept=False)
        copying, self._copying = self._copying, None
        is_last = self._database.sliced(copying) is not None
        if not is_last:
            self._copying = copying
        return is_last

    def _look_in_place(self) -> Progress:
        self.end()
        self._database.check(is_thorough=self.is_thorough)
        return Progress.DONE


class _Reading(threading.Thread):
    """Reads a finished copy; `is_sound` holds once it has ended."""

    def __init__(self, copy: Path, key: bytes, *, is_thorough: bool) -> None:
        super().__init__(name="inspection")
        self.is_sound = False
        self._connection = keyed.connect(copy, key)
        self._query = keyed.check(is_thorough=is_thorough)

    def run(self) -> None:
        try:
            self.is_sound = self._connection.execute(self._query).fetchall() == [("ok",)]
        except apsw.Error:
            self.is_sound = False  # and the buffer itself is looked at
        finally:
            keyed.close_untouched(self._connection)

    def end(self) -> None:
        if self.is_alive():
            self._connection.interrupt()
            self.join()
