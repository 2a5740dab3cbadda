"""What the buffer needs beside the work: damage looked for, copies made, what has been kept long enough removed.

None of it is on the way of a command. Each step is short; the engine takes one when nothing else waits.
"""

from typing import Final

from tracker.store.copies import Copies
from tracker.store.database import Database
from tracker.store.destruction import Destruction
from tracker.store.retention import Retention
from tracker.store.settings import Settings
from wire.week import DAY_MS, WEEK_MS

_CHECKED: Final = "integrity_checked_ms"
_RETAINED: Final = "retention_ms"


class Upkeep:
    """Takes the steps that are due, one at a time."""

    def __init__(
        self, database: Database, settings: Settings, destruction: Destruction, copies: Copies, retention: Retention
    ) -> None:
        self._database = database
        self._settings = settings
        self._destruction = destruction
        self._copies = copies
        self._retention = retention
        self._is_swept = self._is_checked = False

    @property
    def trouble(self) -> str | None:
        """Say what could not be done."""
        return self._copies.trouble

    def step(self, now_ms: int, mono_ms: int, *, is_provisional: bool) -> bool:
        """Take the next step that is due, and tell whether another is due at once.

        Args:
            now_ms: UTC; while it is provisional nothing is removed by age, since a wrong clock could remove all.
            mono_ms: the monotonic clock.
            is_provisional: whether the time awaits the marketplace's.

        Raises:
            BufferDamagedError: the buffer is damaged; `recovery` mends it.
            MachineError: the disk failed.
        """
        if not self._is_swept:
            self._is_swept = True
            self._destruction.carry_out()
            self._destruction.sweep()
            return True
        if not self._is_checked or self._is_due(_CHECKED, WEEK_MS, now_ms):
            self._check(now_ms)
            return True
        if not is_provisional and self._is_due(_RETAINED, DAY_MS, now_ms):
            if not self._retention.step(now_ms):
                self._settings.put(_RETAINED, str(now_ms))
            return True
        return self._copies.step(now_ms, mono_ms)  # last: what is destroyed together needs one new copy

    def settle(self, now_ms: int, mono_ms: int) -> None:
        """Do what must not wait for the next start: what was destroyed is in no copy.

        Raises:
            BufferDamagedError: the buffer is damaged.
        """
        self._destruction.carry_out()
        self._copies.settle(now_ms, mono_ms)

    def _check(self, now_ms: int) -> None:
        """Look quickly once after every start, and thoroughly once a week."""
        is_thorough = self._is_due(_CHECKED, WEEK_MS, now_ms)
        self._database.check(is_thorough=is_thorough)
        self._is_checked = True
        if is_thorough:
            self._settings.put(_CHECKED, str(now_ms))

    def _is_due(self, name: str, every_ms: int, now_ms: int) -> bool:
        done = self._settings.get_text(name)
        return done is None or abs(now_ms - int(done)) >= every_ms
