"""What can happen to the timer, and what is to be done about it."""

import enum
from dataclasses import dataclass
from uuid import UUID

from tracker.domain.segment import Interval


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract's policy and the person's own settings allow at this moment.

    `declared_left_ms` is what is left of this UTC day's declared time; `limit_left_ms` what is left of this billing
    week's limit, negative once it is passed, None without one. A new day and a new week begin with
    `declared_per_day_ms` and `limit_per_week_ms`, the next week's limit. `stops_at_limit` is the person's choice;
    otherwise time over the limit is tracked on, shown and not billed.
    """

    idle_limit_s: int = 600
    allows_manual_time: bool = False
    declared_left_ms: int = 0
    declared_per_day_ms: int = 0
    limit_left_ms: int | None = None
    limit_per_week_ms: int | None = None
    stops_at_limit: bool = False


class Declared(enum.StrEnum):
    """Work that looks like idleness and is declared as what it is."""

    READING = "reading"
    MEETING = "meeting"


class Notice(enum.StrEnum):
    """What the person is told when the timer changed by itself."""

    IDLE = "idle"
    LOCKED = "locked"
    SUSPENDED = "suspended"
    TAKEN_OVER = "taken_over"
    CONTRACT_ENDED = "contract_ended"
    LIMIT_REACHED = "limit_reached"
    DECLARED_TIME_USED = "declared_time_used"


# Events


@dataclass(frozen=True, slots=True)
class Start:
    """The person starts on a contract, or switches to it; what a pause left undecided is discarded."""

    contract: UUID
    memo: str
    terms: Terms
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The person stops the timer, or the program or the machine shuts down."""


@dataclass(frozen=True, slots=True)
class SetMemo:
    """The person says what is being done from now on."""

    memo: str


@dataclass(frozen=True, slots=True)
class SetLabel:
    """The person chooses the client's label for what is being done from now on."""

    label: str | None


@dataclass(frozen=True, slots=True)
class Declare:
    """The person declares reading or a meeting, or (None) goes back to the timer; either counts as input."""

    declared: Declared | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went by; `last_input_ms` is the newest input that the back ends know of (monotonic)."""

    last_input_ms: int


@dataclass(frozen=True, slots=True)
class Discard:
    """The person is back and gives up the time away."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The person is back and keeps the time away as manual time."""


@dataclass(frozen=True, slots=True)
class Assign:
    """The person is back and gives the time away, as manual time, to another contract with a memo of its own.

    The timer goes on with the contract that it was on.
    """

    contract: UUID
    memo: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class Lock:
    """The desktop's screen was locked."""


@dataclass(frozen=True, slots=True)
class Unlock:
    """The desktop's screen was unlocked."""


@dataclass(frozen=True, slots=True)
class Suspend:
    """The machine is about to be suspended; a signal that never comes changes nothing."""


@dataclass(frozen=True, slots=True)
class NewTerms:
    """The terms changed: another policy, time edited, taken over or recorded elsewhere."""

    terms: Terms


@dataclass(frozen=True, slots=True)
class ContractEnded:
    """The tracker learnt that the contract was paused, ended or is gone; its time so far stays recorded."""


@dataclass(frozen=True, slots=True)
class TakenOver:
    """Another device of the person began to track at that UTC instant; time from there on is the other's."""

    at_ms: int


Event = (
    Start
    | Stop
    | SetMemo
    | SetLabel
    | Declare
    | Tick
    | Discard
    | Keep
    | Assign
    | Lock
    | Unlock
    | Suspend
    | NewTerms
    | ContractEnded
    | TakenOver
)

# Effects


@dataclass(frozen=True, slots=True)
class Worked:
    """Record an interval; one that continues the last recorded with the same memo lengthens it."""

    interval: Interval


@dataclass(frozen=True, slots=True)
class TakeAway:
    """Take away all tracked and declared time of a stretch (UTC, half-open), with its pictures.

    It has an end because a boot whose clock was a year ahead may have left provisional time later than now.
    """

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Told:
    """Tell the person."""

    notice: Notice


Effect = Worked | TakeAway | Told
