"""What the buffer needs beside the work: damage looked for, copies made, what has been kept long enough removed.

None of it is on the way of a command. Each step is short; the engine takes one when nothing else waits.
"""

from collections.abc import Callable
from typing import Final

from tracker.store.copies import Copies
from tracker.store.destruction import Destruction
from tracker.store.inspection import Inspection, Progress
from tracker.store.retention import Retention
from tracker.store.settings import Settings
from wire.week import DAY_MS, WEEK_MS

_CHECKED: Final = "integrity_checked_ms"
_RETAINED: Final = "retention_ms"


class Upkeep:
    """Takes the steps that are due, one at a time.

    Args:
        settings: remember what was done when.
        inspect: begins a look for damage, a thorough one if so asked.
        destruction, copies, retention: what is kept up.
    """

    def __init__(
        self,
        settings: Settings,
        inspect: Callable[[bool], Inspection],
        destruction: Destruction,
        copies: Copies,
        retention: Retention,
    ) -> None:
        self._settings = settings
        self._inspect = inspect
        self._inspection: Inspection | None = None
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
        if self._check(now_ms):
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
        self.break_off()
        self._copies.settle(now_ms, mono_ms)

    def break_off(self) -> None:
        """Give up what is under way; it begins anew when it is next looked for."""
        inspection, self._inspection = self._inspection, None
        if inspection is not None:
            inspection.end()
        self._copies.break_off()

    def _check(self, now_ms: int) -> bool:
        """Look quickly once after every start, and thoroughly once a week; tell whether more of it is due at once."""
        if self._inspection is None:
            is_thorough = self._is_due(_CHECKED, WEEK_MS, now_ms)
            if self._is_checked and not is_thorough:
                return False
            self._inspection = self._inspect(is_thorough)
        inspection, self._inspection = self._inspection, None
        progress = inspection.step()
        if progress is Progress.DONE:
            self._is_checked = True
            if inspection.is_thorough:
                self._settings.put(_CHECKED, str(now_ms))
        else:
            self._inspection = inspection
        return progress is Progress.GOES_ON

    def _is_due(self, name: str, every_ms: int, now_ms: int) -> bool:
        done = self._settings.get_text(name)
        return done is None or abs(now_ms - int(done)) >= every_ms
