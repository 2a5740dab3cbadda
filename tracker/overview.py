"""What the engine shows: statuses and contract lists, read from the buffer."""

from collections import Counter
from uuid import UUID

from msgspec import structs

from tracker.domain.clock import Moment
from tracker.domain.segment import segment_start_ms
from tracker.domain.session import Phase, State
from tracker.protection import UNDECIDED, sentence
from tracker.status import ContractLine, SnapshotView, Status, SyncView
from tracker.store.buffer import Buffer
from tracker.store.pictures import PictureLostError
from tracker.sync.sealer import Sealer
from wire.billing import amount_minor, billable_minutes
from wire.contract import Contract, ContractStatus
from wire.diary import Interval, Segment
from wire.protection import why_unprotected
from wire.week import DAY_MS, WEEK_MS, day_start_ms, week_start_ms
from wire.words import MINUTE_MS, Kind, SnapshotStatus

_UNLISTED = "The marketplace lists this contract no more, so the timer stops. What was worked is recorded."


class Overview:
    """Reads what is recorded and sealed, and puts it in the words of `tracker.status`.

    It runs with every status, so it never decodes contents but the running segment's.
    """

    def __init__(self, buffer: Buffer, sealer: Sealer) -> None:
        self._buffer = buffer
        self._sealer = sealer
        self._left: SnapshotView | None = None  # the newest snapshot as it is shown once its segment is sealed
        self._thumbnail: tuple[str, bytes | None] = ("", None)

    def status(
        self,
        state: State,
        now: Moment,
        contracts: tuple[Contract, ...],
        device: UUID | None,
        sync: SyncView,
        notices: tuple[str, ...],
        *,
        unlisted: Contract | None = None,
    ) -> Status:
        """Give the whole picture at one moment.

        `unlisted` is the timer's contract where the marketplace lists it no more: its time is shown until it stops.
        """
        contracts = contracts if unlisted is None else (*contracts, unlisted)
        lines = self.contract_lines(contracts, now, unlisted=unlisted)
        tracked = next((contract for contract in contracts if contract.id == state.contract), None)
        line = next((line for line in lines if line.id == state.contract), None)
        segment = None
        if state.phase is Phase.TRACKING and state.contract is not None and device is not None:
            segment = self._sealer.draft(device, state.contract, segment_start_ms(now.utc_ms))
            segment = None if segment is None else _without_begun_minute(segment, now)
        return Status(
            now_ms=now.utc_ms,
            phase=state.phase,
            pause_reason=state.pause_reason,
            paused_since_ms=state.paused_since_ms,
            contract=line,
            memo=state.memo,
            session_ms=state.session_ms + (0 if state.counted is None else now.mono_ms - state.counted.mono_ms),
            activity_tenths=None if segment is None else segment.activity_tenths,
            active_s=None if segment is None else segment.active_s,
            protection_problem=_UNLISTED
            if segment is not None and unlisted is not None and tracked == unlisted
            else _protection_problem(state, tracked, line, segment),
            snapshot=self._snapshot(now),
            contracts=lines,
            sync=sync,
            notices=notices,
            declared=state.declared,
            away_ms=sum(span.end_ms - span.start_ms for span in state.away),
        )

    def note_snapshot(self, now: Moment) -> None:
        """Note how the newest snapshot stands before its segment may be sealed, for what is shown of it then."""
        self._snapshot(now)

    def contract_lines(
        self, contracts: tuple[Contract, ...], now: Moment, *, unlisted: Contract | None = None
    ) -> tuple[ContractLine, ...]:
        """Give each contract with today's and this week's worked time (UTC)."""
        day_ms, week_ms = day_start_ms(now.utc_ms), week_start_ms(now.utc_ms)
        today = self._worked_ms(day_ms, day_ms + DAY_MS)
        week = self._worked_ms(week_ms, week_ms + WEEK_MS)
        return tuple(
            ContractLine(
                id=contract.id,
                title=contract.title,
                client=contract.client,
                currency=contract.currency,
                rate_minor=contract.policy.rate_minor,
                weekly_limit_minutes=contract.policy.weekly_limit_minutes,
                can_be_tracked=contract.status is ContractStatus.ACTIVE and contract != unlisted,
                today_ms=today[contract.id],
                week_ms=week[contract.id],
                earned_minor=amount_minor(
                    billable_minutes(week[contract.id], contract.policy.weekly_limit_minutes),
                    contract.policy.rate_minor,
                ),
            )
            for contract in contracts
        )

    def _worked_ms(self, from_ms: int, to_ms: int) -> Counter[UUID]:
        """Sum sealed and unsealed time by contract."""
        return Counter(self._buffer.outbox.worked_ms(from_ms, to_ms)) + Counter(
            self._buffer.journal.worked_ms(from_ms, to_ms)
        )

    def _snapshot(self, now: Moment) -> SnapshotView | None:
        taken = self._buffer.snapshots.newest()
        if taken is None:
            return self._left
        view = SnapshotView(
            id=taken.id,
            taken_ms=taken.at_ms,
            status=taken.status,
            reason=taken.reason,
            leaves_in_ms=None if taken.leaves_ms is None else max(0, taken.leaves_ms - now.utc_ms),
            thumbnail=self._thumbnail_of(taken.pictures[0].thumbnail_sha256) if taken.pictures else None,
            needs_approval=taken.needs_approval,
            withholding=taken.withholding,
        )
        sealed = SnapshotStatus.SENT if taken.status is SnapshotStatus.HELD else taken.status
        self._left = structs.replace(view, status=sealed, leaves_in_ms=None, needs_approval=False)
        return view

    def _thumbnail_of(self, sha256: str) -> bytes | None:
        """Read a thumbnail once, not with every status."""
        if self._thumbnail[0] != sha256:
            try:
                self._thumbnail = (sha256, self._buffer.pictures.get(sha256))
            except PictureLostError:
                self._thumbnail = (sha256, None)
        return self._thumbnail[1]


def _without_begun_minute(segment: Segment, now: Moment) -> Segment:
    """Leave a minute that has begun but had no input yet out of the activity meter: it says nothing so far."""
    minute = (now.utc_ms - segment.start_s * 1000) // MINUTE_MS
    if any(one.minute == minute and one.is_active for one in segment.activity.minutes):
        return segment
    end_ms = minute * MINUTE_MS
    kept = (one for one in segment.intervals if one.start_ms < end_ms)
    intervals = tuple(structs.replace(one, end_ms=min(one.end_ms, end_ms)) for one in kept)
    return structs.replace(segment, intervals=intervals)


def _protection_problem(
    state: State, contract: Contract | None, line: ContractLine | None, segment: Segment | None
) -> str | None:
    """Say why the running time would not be protected (PRODUCT.md, "Time"), None where it is."""
    if contract is None or line is None or segment is None:
        return None
    if contract.status is not ContractStatus.ACTIVE:
        return f"The contract is {contract.status}."
    policy, limit_minutes = contract.policy, contract.policy.weekly_limit_minutes
    if not segment.intervals:  # no minute has passed that activity could be told from
        policy = structs.replace(policy, activity_threshold=0)
    kind = Kind.TRACKED if state.declared is None else Kind.DECLARED
    running = Interval(start_ms=0, end_ms=1, kind=kind, memo=state.memo, label=None)
    is_within_limit = limit_minutes is None or line.week_ms < limit_minutes * MINUTE_MS
    reasons = why_unprotected(segment, running, policy, is_within_limit=is_within_limit)
    said = [sentence(reason, segment, policy) for reason in reasons if reason not in UNDECIDED]
    return said[0] if said else None
