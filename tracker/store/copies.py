"""Rolling copies of the database, through SQLite's backup interface and under the same key.

One is made an hour after the last if anything has changed. The last three are kept, and the newest of an earlier day:
damage is mostly noticed within hours, and seldom only after a day. A copy is made in slices of a megabyte between which
the engine does its work. Destruction leaves no bytes behind (PRODUCT.md, "The record"): after one, a new copy is made
at once and every older copy removed, with what was set aside in quarantine; the WAL is emptied, since it holds what
was overwritten.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tracker.domain.errors import MachineError
from tracker.store.database import COPIES, BufferDamagedError, Database, sentences
from tracker.store.durable import sync_folder
from tracker.store.keyed import Copying
from wire.week import day_start_ms

EVERY_MS: Final = 60 * 60 * 1000
KEPT: Final = 3
QUARANTINE: Final = "quarantine"
_AGAIN_AFTER_MS: Final = 10 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Copy:
    """One finished copy: the commit it stands at, and when it was made (UTC milliseconds)."""

    path: Path
    number: int
    at_ms: int


def copies_in(folder: Path) -> list[Copy]:
    """List the rolling copies in a data folder, newest first."""
    found = []
    for path in (folder / COPIES).glob("*.db"):
        number, _, at_ms = path.stem.partition("-")
        if number.isdecimal() and at_ms.isdecimal():
            found.append(Copy(path, int(number), int(at_ms)))
    return sorted(found, key=lambda copy: copy.number, reverse=True)


class Copies:
    """Keeps the rolling copies of one database.

    Args:
        database: what is copied.
        folder: the data folder.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._copying: Copying | None = None
        self._not_before_ms: int | None = None  # monotonic; after a failure
        self.trouble: str | None = None

    def step(self, now_ms: int, mono_ms: int) -> bool:
        """Do the next slice of what is due, and tell whether more of it is due at once.

        Raises:
            BufferDamagedError: the database cannot be read whole.
            MachineError: a copy that holds what was destroyed cannot be removed.
        """
        if self._not_before_ms is not None and mono_ms < self._not_before_ms:
            return False
        try:
            if self._copying is None:
                if not self._is_due(now_ms):
                    return False
                folder = self._folder / COPIES
                folder.mkdir(mode=0o700, exist_ok=True)
                self._copying = self._database.copying(folder / "next")
            copying, self._copying = self._copying, None
            mark = self._database.sliced(copying)
            if mark is None:
                self._copying = copying
                return True
            self._finish(copying.target, mark.number, now_ms)
        except BufferDamagedError:
            raise
        except (MachineError, OSError) as error:
            self._not_before_ms = mono_ms + _AGAIN_AFTER_MS
            self.trouble = f"No copy of the buffer could be made: {error}"
            self._drop_stale()  # without a new copy, too: what was destroyed must be nowhere
        else:
            self._not_before_ms = self.trouble = None
        return False

    def settle(self, now_ms: int, mono_ms: int) -> None:
        """Before the program ends, see that no copy outlives what was destroyed.

        Raises:
            BufferDamagedError: the database cannot be read whole.
        """
        while self._stale() and self.step(now_ms, mono_ms):
            pass

    def break_off(self) -> None:
        """Give up a copy that is under way."""
        copying, self._copying = self._copying, None
        if copying is not None:
            self._database.abandon(copying)

    def _is_due(self, now_ms: int) -> bool:
        kept, mark = copies_in(self._folder), self._database.mark
        if not kept or self._stale():
            return mark.number > 0
        return mark.number > kept[0].number and abs(now_ms - kept[0].at_ms) >= EVERY_MS

    def _finish(self, made: Path, number: int, now_ms: int) -> None:
        made.replace(made.with_name(f"{number:012}-{max(0, now_ms)}.db"))
        sync_folder(made.parent)
        self._drop_stale()
        kept = copies_in(self._folder)
        today_ms = day_start_ms(kept[0].at_ms)
        spared = [*kept[:KEPT], *[copy for copy in kept if copy.at_ms < today_ms][:1]]
        for copy in kept:
            if copy not in spared:
                copy.path.unlink()

    def _stale(self) -> list[Copy]:
        """Give the copies that hold what has been destroyed since."""
        destroyed_at = self._database.destroyed_at
        return [copy for copy in copies_in(self._folder) if copy.number < destroyed_at]

    def _drop_stale(self) -> None:
        stale = self._stale()
        if not stale:
            return
        with sentences(self._folder / COPIES):
            for copy in stale:
                copy.path.unlink(missing_ok=True)
        shutil.rmtree(self._folder / QUARANTINE, ignore_errors=True)
        self._database.empty_wal()
