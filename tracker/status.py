"""What the engine publishes: one immutable picture of everything a window, a tray or `daybook status` shows."""

from uuid import UUID

from msgspec import Struct

from tracker.domain.events import Declared
from tracker.domain.exclusion import Withholding
from tracker.domain.session import PauseReason, Phase
from wire.words import SnapshotReason, SnapshotStatus


class ContractLine(Struct, frozen=True, kw_only=True):
    """A contract in a list; `rate_minor` is per hour in the currency's minor unit, `week_ms` this UTC week's work."""

    id: UUID
    title: str
    client: str
    currency: str
    rate_minor: int
    weekly_limit_minutes: int | None
    can_be_tracked: bool
    today_ms: int
    week_ms: int
    earned_minor: int


class SnapshotView(Struct, frozen=True, kw_only=True):
    """The newest snapshot; while it is held, `leaves_in_ms` is what is left to view, blur or withhold it.

    One that `needs_approval` is withheld unless it is approved by then; `withholding` is why it was withheld.
    """

    id: int
    taken_ms: int
    status: SnapshotStatus
    reason: SnapshotReason | None
    leaves_in_ms: int | None
    thumbnail: bytes | None
    needs_approval: bool = False
    withholding: Withholding | None = None


class SyncView(Struct, frozen=True, kw_only=True):
    """Where the buffer stands against the marketplace; instants are UTC milliseconds since the epoch.

    `failed_pictures` were refused or are lost here: they wait no more, and the diary says why; `picture_problem`
    says it of the last one, until the next round. `due_ms` is the earliest lock among the segments that wait; once it
    has passed, that time is `is_overdue` and goes on a later invoice (PRODUCT.md, "The billing week").
    """

    server: str | None
    is_logged_in: bool
    waiting_segments: int
    waiting_pictures: int
    waiting_since_ms: int | None
    next_try_ms: int | None
    last_contact_ms: int | None
    refused_segments: int
    problem: str | None
    failed_pictures: int = 0
    picture_problem: str | None = None
    due_ms: int | None = None
    is_overdue: bool = False


class Status(Struct, frozen=True, kw_only=True):
    """The tracker at one moment (`now_ms`, UTC milliseconds).

    `contract` is the one being tracked, paused or last tracked; `session_ms` is the worked time since the last start.
    `activity_tenths` is the running segment's activity meter over the minutes that have passed or had input, None
    before there is one; `active_s` are its active seconds, None where counts are had. `declared` is the work declared,
    `away_ms` what a pause could still keep as manual time. `protection_problem` says in a sentence why the running time
    is not protected, `notices` what the person must know or do.
    """

    now_ms: int
    phase: Phase
    pause_reason: PauseReason | None
    paused_since_ms: int | None
    contract: ContractLine | None
    memo: str
    session_ms: int
    activity_tenths: int | None
    protection_problem: str | None
    snapshot: SnapshotView | None
    contracts: tuple[ContractLine, ...]
    sync: SyncView
    notices: tuple[str, ...]
    declared: Declared | None = None
    away_ms: int = 0
    active_s: int | None = None
