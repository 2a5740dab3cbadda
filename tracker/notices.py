"""What the person must know or do: everything that is wrong or changed by itself, each in a sentence or two."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from tracker.domain.events import Notice
from tracker.domain.session import Phase
from tracker.marks import taken_away
from tracker.store.buffer import Buffer
from tracker.sync.record import trouble_of
from tracker.timer import Timer
from wire.contract import Contract

_TOLD: Final = {
    Notice.SUSPENDED: "The computer was suspended; nothing was counted meanwhile. Resume when you go on working.",
    Notice.TAKEN_OVER: "Another device of yours took over; this one's time ends where the other's begins.",
    Notice.CONTRACT_ENDED: (
        "The contract was paused or ended, or is listed no more, so the timer stopped. What was worked is recorded."
    ),
    Notice.LIMIT_REACHED: "The week's limit is reached; what is over it is kept and shown, but not billed.",
    Notice.DECLARED_TIME_USED: "Today's declared time is used up; the timer counts by your input again.",
}
_CUT: Final = (
    "The marketplace's time corrected what was recorded while this computer's clock was wrong. {seconds} s of it fell "
    "on time that was recorded already and are not counted twice."
)
_STOPPED_AT_LIMIT: Final = "The week's limit is reached, so the timer stopped, as you set it (stop-at-limit)."
_CORRECTING: Final = (
    "The marketplace's time was learnt; what was recorded since the last contact is being put in its place. This takes "
    "a few seconds, and nothing is lost if it is broken off."
)
_HEAD_UNKNOWN: Final = (
    "Part of what this device had sealed was lost, so nothing new is sent from it until it is enrolled anew; that "
    "comes with a later version. Your time is recorded and kept all the same."
)


class Notices:
    """Gathers the sentences that a status shows.

    `failure` is what the engine's own work meets now, `is_correcting` tells that a year's time is being put in its
    place, and `report` says what damage cost; the last, and the recovery after a crash, stay until the person starts.

    Args:
        buffer: what it holds may be in trouble, too.
        timer: changes by itself.
        troubles: gives what the other parts cannot do, None where they can.
    """

    def __init__(self, buffer: Buffer, timer: Timer, troubles: Callable[[], tuple[str | None, ...]]) -> None:
        self._buffer = buffer
        self._timer = timer
        self._troubles = troubles
        self._recovered: str | None = None
        self.report = buffer.recovery_report()
        self.failure: str | None = None
        self.is_correcting = False

    def ended_unexpectedly(self, utc_ms: int) -> None:
        """Tell that the last run died, and up to which instant its time is there."""
        self._recovered = (
            f"Daybook ended unexpectedly. Your time was recovered up to {_clock_text(utc_ms)} UTC; start again to go "
            "on."
        )

    def settle(self) -> None:
        """The person has started again, and so was told."""
        self._recovered = self.report = None

    def now(self, contracts: tuple[Contract, ...], device: UUID | None) -> tuple[str, ...]:
        """Give every sentence once, the gravest first."""
        cut_s = -(-self._timer.cut_ms // 1000)
        said = (
            self.report,
            self._recovered,
            self.failure,
            _CORRECTING if self.is_correcting else None,
            self._buffer.destruction.trouble,
            self._buffer.database.trouble,
            self._buffer.upkeep.trouble,
            _HEAD_UNKNOWN if self._buffer.outbox.is_head_unknown() else None,
            self._timer.counting_problem(),
            trouble_of(self._buffer.settings),
            _CUT.format(seconds=cut_s) if cut_s else None,
            self._taken_away(contracts, device),
            *self._troubles(),
            self._told(),
        )
        return tuple(dict.fromkeys(one for one in said if one))

    def _told(self) -> str | None:
        """Say what the timer did by itself."""
        if self._timer.told is Notice.LIMIT_REACHED and self._timer.state.phase is Phase.STOPPED:
            return _STOPPED_AT_LIMIT
        return None if self._timer.told is None else _TOLD.get(self._timer.told)

    def _taken_away(self, contracts: tuple[Contract, ...], device: UUID | None) -> str | None:
        """Say what marks took away, until the person starts again."""
        marks = () if device is None else self._buffer.marks.untold(device)
        return taken_away(marks, {one.id: one.title for one in contracts})


def _clock_text(utc_ms: int) -> str:
    seconds = utc_ms // 1000 % 86_400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
