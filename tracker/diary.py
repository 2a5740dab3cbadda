"""The tracker's own diary of a day: what counts, what bills, what is protected, and what marks took away."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from msgspec import structs

from tracker.commands import DiaryAnswer, DiaryInterval, DiaryMark, DiarySegment, DiaryTotals, Total
from tracker.domain.clock import Moment
from tracker.domain.errors import RefusedError
from tracker.protection import UNDECIDED, sentence
from tracker.store.buffer import Buffer
from tracker.sync.sealer import Sealer
from wire import canonical
from wire.billing import MINUTES_PER_HOUR, Span, billable_by_day, billable_minutes, day_minutes, split_at_limit
from wire.contract import Contract, Policy
from wire.diary import Interval, Segment
from wire.marks import Mark, less, taken_ms
from wire.protection import why_unprotected
from wire.week import DAY_MS, WEEK_MS, day_start_ms, week_start_ms
from wire.words import SEGMENT_MS

_UNKNOWN_TERMS = "The terms that it was worked under are not known on this computer."
_OVER_LIMIT = "Over the weekly limit of {limit}; kept and shown, not billed."


@dataclass(frozen=True, slots=True)
class _Found:
    """A segment of the day, and whether it counts: what the marketplace refused does not."""

    segment: Segment
    sync_state: str
    detail: str | None

    @property
    def counts(self) -> bool:
        return self.sync_state != "rejected"

    @property
    def start_ms(self) -> int:
        return self.segment.start_s * 1000


class Diary:
    """Reads a day from the buffer; asked for by a person, not with every tick.

    It knows what this device recorded; what other devices of the person worked is on the marketplace's pages.
    """

    def __init__(self, buffer: Buffer, sealer: Sealer) -> None:
        self._buffer = buffer
        self._sealer = sealer

    def day(self, day: str | None, contracts: tuple[Contract, ...], device: UUID | None, now: Moment) -> DiaryAnswer:
        """Give a UTC day's segments, those still being recorded included, with what they bill.

        Raises:
            RefusedError: the day is not written as YYYY-MM-DD.
        """
        start_ms = day_start_ms(now.utc_ms) if day is None else _day_ms(day)
        known = {contract.id: contract for contract in contracts}
        found = self._found(start_ms, device)
        week = self._week(week_start_ms(start_ms))
        ids = {one.segment.contract for one in found} | set(week[start_ms])
        segments, totals = list[DiarySegment](), list[DiaryTotals]()
        for contract_id in ids:
            contract = known.get(contract_id) or self._buffer.learnt.newest(contract_id)
            worked_ms = {day_ms: worked[contract_id] for day_ms, worked in week.items()}
            limit = self._limit(contract_id, contract, start_ms, now)
            own = [one for one in found if one.segment.contract == contract_id]
            segments += self._shown(own, contract, worked_ms, start_ms, limit, now)
            totals.append(_totals(contract_id, contract, worked_ms, start_ms, limit))
        marks = () if device is None else self._buffer.marks.between(device, start_ms, start_ms + DAY_MS)
        return DiaryAnswer(
            day=datetime.fromtimestamp(start_ms / 1000, UTC).date().isoformat(),
            worked_ms=week[start_ms].total(),
            segments=tuple(sorted(segments, key=lambda one: (one.start_ms, one.contract_title, one.segment.revision))),
            totals=tuple(sorted(totals, key=lambda one: one.contract_title)),
            marks=tuple(self._mark(mark, known.get(mark.contract)) for mark in marks),
        )

    def _found(self, start_ms: int, device: UUID | None) -> list[_Found]:
        found, drafted = list[_Found](), set[tuple[UUID, int]]()
        for one in self._buffer.journal.open_segments(start_ms, start_ms + DAY_MS):
            if device is None:
                continue
            if draft := self._sealer.draft(device, one.contract, one.unsealed.start_ms):
                found.append(_Found(draft, "recording", None))
                drafted.add((one.contract, one.unsealed.start_ms))
        failures = self._buffer.outbox.picture_failures(start_ms, start_ms + DAY_MS)
        for revision in self._buffer.outbox.between(start_ms, start_ms + DAY_MS):
            if (revision.contract, revision.start_ms) in drafted:
                continue
            standing = None
            if revision.state == "rejected":
                standing = self._buffer.outbox.standing(revision.contract, revision.start_ms)
            for each in (revision, standing):
                if each is not None and each.content is not None:
                    segment = canonical.decode(each.content, Segment)
                    left = less(segment, self._buffer.marks.of(each.contract, each.start_ms))
                    detail = each.sentence or " ".join(failures.get(each.link, ())) or None
                    found.append(_Found(left, each.state, detail))
        return found

    def _week(self, week_ms: int) -> dict[int, Counter[UUID]]:
        """Sum the sealed and unsealed time that counts of each day of a week, by contract."""
        return {
            day_ms: Counter(self._buffer.outbox.worked_ms(day_ms, day_ms + DAY_MS))
            + Counter(self._buffer.journal.worked_ms(day_ms, day_ms + DAY_MS))
            for day_ms in range(week_ms, week_ms + WEEK_MS, DAY_MS)
        }

    def _limit(self, contract_id: UUID, contract: Contract | None, start_ms: int, now: Moment) -> int | None:
        """Give a week's limit in minutes; it changes with a billing week alone (PRODUCT.md, "Policy of a contract")."""
        week_ms = week_start_ms(start_ms)
        if week_ms != week_start_ms(now.utc_ms):
            for revision in self._buffer.outbox.between(week_ms, week_ms + WEEK_MS):
                if revision.contract == contract_id and revision.content is not None:
                    version = canonical.decode(revision.content, Segment).policy_version
                    if policy := self._buffer.learnt.policy(contract_id, version):
                        return policy.weekly_limit_minutes
                    break
        return None if contract is None else contract.policy.weekly_limit_minutes

    def _shown(
        self,
        found: list[_Found],
        contract: Contract | None,
        worked_ms: dict[int, int],
        start_ms: int,
        limit_minutes: int | None,
        now: Moment,
    ) -> Iterable[DiarySegment]:
        before_ms = sum(ms for day_ms, ms in worked_ms.items() if day_ms < start_ms)
        spans = [
            Span(one.start_ms + interval.start_ms, one.start_ms + interval.end_ms)
            for one in found
            if one.counts
            for interval in one.segment.intervals
        ]
        _, over = split_at_limit(spans, limit_minutes, worked_before_ms=before_ms)
        reached_ms = min((span.start_ms for span in over), default=None)
        for one in found:
            policy = self._policy(one.segment, contract)
            intervals = tuple(
                _interval(one, part, policy, reached_ms, now)
                for interval in one.segment.intervals
                for part in _parts(one, interval, reached_ms)
            )
            billable_ms = sum(part.end_ms - part.start_ms for part in intervals if part.is_billable)
            yield DiarySegment(
                contract_title=str(one.segment.contract) if contract is None else contract.title,
                client="" if contract is None else contract.client,
                start_ms=one.start_ms,
                worked_ms=one.segment.worked_ms,
                billable_ms=billable_ms,
                over_limit_ms=one.segment.worked_ms - billable_ms if one.counts else 0,
                intervals=intervals,
                sync_state=one.sync_state,
                detail=one.detail,
                segment=one.segment,
            )

    def _policy(self, segment: Segment, contract: Contract | None) -> Policy | None:
        """Give the policy version that a segment names."""
        if contract is not None and contract.policy.version == segment.policy_version:
            return contract.policy
        return self._buffer.learnt.policy(segment.contract, segment.policy_version)

    def _mark(self, mark: Mark, contract: Contract | None) -> DiaryMark:
        contract = contract or self._buffer.learnt.newest(mark.contract)
        return DiaryMark(
            contract_title=str(mark.contract) if contract is None else contract.title,
            start_ms=mark.start_s * 1000,
            kind=mark.kind,
            taken_ms=taken_ms([mark]),
            pictures=len(mark.pictures),
            actor=mark.actor,
            reason=mark.reason,
            made_ms=mark.made_ms,
        )


def _parts(found: _Found, interval: Interval, reached_ms: int | None) -> list[Interval]:
    """Split an interval where the weekly limit is reached, if that lies within it."""
    cut_ms = -1 if reached_ms is None or not found.counts else reached_ms - found.start_ms
    if not interval.start_ms < cut_ms < interval.end_ms:
        return [interval]
    return [structs.replace(interval, end_ms=cut_ms), structs.replace(interval, start_ms=cut_ms)]


def _interval(
    found: _Found, part: Interval, policy: Policy | None, reached_ms: int | None, now: Moment
) -> DiaryInterval:
    segment = found.segment
    is_within = reached_ms is None or found.start_ms + part.start_ms < reached_ms
    if not found.counts:
        said = [f"The marketplace refused it: {found.detail}"]
    elif policy is None:
        said = [_UNKNOWN_TERMS]
    else:
        reasons = why_unprotected(segment, part, policy, is_within_limit=is_within)
        is_running = found.sync_state == "recording" and now.utc_ms < found.start_ms + SEGMENT_MS
        said = [sentence(one, segment, policy) for one in reasons if not is_running or one not in UNDECIDED]
    return DiaryInterval(
        start_ms=found.start_ms + part.start_ms,
        end_ms=found.start_ms + part.end_ms,
        kind=part.kind,
        memo=part.memo,
        is_billable=found.counts and is_within,
        unprotected=tuple(said),
    )


def _totals(
    contract_id: UUID, contract: Contract | None, worked_ms: dict[int, int], start_ms: int, limit_minutes: int | None
) -> DiaryTotals:
    billable_ms = billable_by_day(worked_ms, limit_minutes)
    week_ms = sum(worked_ms.values())
    return DiaryTotals(
        contract_title=str(contract_id) if contract is None else contract.title,
        client="" if contract is None else contract.client,
        day=_total(worked_ms[start_ms], billable_ms[start_ms], day_minutes(billable_ms)[start_ms], limit_minutes),
        week=_total(week_ms, sum(billable_ms.values()), billable_minutes(week_ms, limit_minutes), limit_minutes),
    )


def _total(worked_ms: int, billable_ms: int, minutes: int, limit_minutes: int | None) -> Total:
    reason = None
    if worked_ms > billable_ms and limit_minutes is not None:
        whole, rest = divmod(limit_minutes, MINUTES_PER_HOUR)
        reason = _OVER_LIMIT.format(limit=f"{whole}:{rest:02} h" if rest else f"{whole} h")
    return Total(
        worked_ms=worked_ms,
        billable_ms=billable_ms,
        over_limit_ms=worked_ms - billable_ms,
        billable_minutes=minutes,
        reason=reason,
    )


def _day_ms(day: str) -> int:
    try:
        start = date.fromisoformat(day)
    except ValueError as error:
        raise RefusedError(f"{day!r} is not a day. Write it as YYYY-MM-DD, for example 2026-11-19.") from error
    return int(datetime(start.year, start.month, start.day, tzinfo=UTC).timestamp() * 1000)
