"""What a contract allows at this moment, from its policy and from what is recorded (PRODUCT.md, "Policy")."""

from tracker.domain.clock import Moment
from tracker.domain.events import Terms
from tracker.preferences import STOP_AT_LIMIT, Preferences
from tracker.store.buffer import Buffer
from wire import canonical
from wire.contract import Contract
from wire.diary import Segment
from wire.marks import less
from wire.week import DAY_MS, WEEK_MS, day_start_ms, week_start_ms
from wire.words import MINUTE_MS, Kind


def terms_of(contract: Contract, buffer: Buffer, now: Moment) -> Terms:
    """Give the terms of a contract: what is left of this UTC day's declared time and of this week's limit."""
    policy = contract.policy
    declared_ms = policy.declared_minutes_per_day * MINUTE_MS
    limit_ms = None if policy.weekly_limit_minutes is None else policy.weekly_limit_minutes * MINUTE_MS
    week_ms = week_start_ms(now.utc_ms)
    span = (week_ms, week_ms + WEEK_MS)
    worked_ms = buffer.outbox.worked_ms(*span).get(contract.id, 0) + buffer.journal.worked_ms(*span).get(contract.id, 0)
    return Terms(
        idle_limit_s=policy.idle_limit_s,
        allows_manual_time=policy.allows_manual_time,
        declared_left_ms=max(0, declared_ms - _declared_ms(contract, buffer, now)) if declared_ms else 0,
        declared_per_day_ms=declared_ms,
        limit_left_ms=None if limit_ms is None else limit_ms - worked_ms,
        limit_per_week_ms=limit_ms,
        stops_at_limit=Preferences(buffer.settings).is_on(STOP_AT_LIMIT),
    )


def _declared_ms(contract: Contract, buffer: Buffer, now: Moment) -> int:
    """Sum the day's declared time, sealed and not."""
    day_ms = day_start_ms(now.utc_ms)
    sealed = (
        less(canonical.decode(revision.content, Segment), buffer.marks.of(revision.contract, revision.start_ms))
        for revision in buffer.outbox.between(day_ms, day_ms + DAY_MS)
        if revision.contract == contract.id and revision.content is not None
    )
    sealed_ms = sum(
        interval.end_ms - interval.start_ms
        for segment in sealed
        for interval in segment.intervals
        if interval.kind is Kind.DECLARED
    )
    return sealed_ms + buffer.journal.declared_ms(contract.id, day_ms, day_ms + DAY_MS)
