"""What worked time bills, by one rule for both houses (PRODUCT.md, "Time", "The billing week", "Money").

Whole milliseconds in; whole minutes and integer minor units out. Nothing here is a float.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from wire.words import MINUTE_MS

MINUTES_PER_HOUR = 60
_DayT = TypeVar("_DayT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of worked time in UTC milliseconds since the epoch, half-open."""

    start_ms: int
    end_ms: int

    @property
    def worked_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.start_ms


def split_at_limit(
    spans: Iterable[Span], limit_minutes: int | None, *, worked_before_ms: int = 0
) -> tuple[list[Span], list[Span]]:
    """Tell what lies within a week's limit and what over it, in the order worked; the one that crosses is split.

    Args:
        spans: a week's spans of one contract, in any order, without overlaps.
        limit_minutes: the weekly limit; None means no limit.
        worked_before_ms: what was worked in the week before these spans.
    """
    within: list[Span] = []
    over: list[Span] = []
    left_ms = None if limit_minutes is None else max(0, limit_minutes * MINUTE_MS - worked_before_ms)
    for span in sorted(spans, key=lambda one: one.start_ms):
        if left_ms is None or span.worked_ms <= left_ms:
            within.append(span)
        elif left_ms <= 0:
            over.append(span)
        else:
            cut_ms = span.start_ms + left_ms
            within.append(replace(span, end_ms=cut_ms))
            over.append(replace(span, start_ms=cut_ms))
        if left_ms is not None:
            left_ms = max(0, left_ms - span.worked_ms)
    return within, over


def billable_by_day(worked_ms: Mapping[_DayT, int], limit_minutes: int | None) -> dict[_DayT, int]:
    """Give what a week's days bill in milliseconds: the limit is used up in the order worked.

    Args:
        worked_ms: worked milliseconds by day, the days in order.
        limit_minutes: the weekly limit; None means no limit.
    """
    billable: dict[_DayT, int] = {}
    left_ms = None if limit_minutes is None else limit_minutes * MINUTE_MS
    for day, ms in worked_ms.items():
        billable[day] = ms if left_ms is None else min(ms, left_ms)
        left_ms = None if left_ms is None else left_ms - billable[day]
    return billable


def whole_minutes(worked_ms: int) -> int:
    """Round milliseconds to the minute, half up; done once per contract and week."""
    return (2 * worked_ms + MINUTE_MS) // (2 * MINUTE_MS)


def billable_minutes(worked_ms: int, limit_minutes: int | None) -> int:
    """Give a week's billable minutes: what was worked, cut at the weekly limit, rounded once."""
    return whole_minutes(worked_ms if limit_minutes is None else min(worked_ms, limit_minutes * MINUTE_MS))


def day_minutes(worked_ms: Mapping[_DayT, int]) -> dict[_DayT, int]:
    """Share a week's whole minutes among its days by largest remainder, so that the day lines add up to the week.

    Of equal remainders the earlier day, in the mapping's order, gets the minute.

    Args:
        worked_ms: billable milliseconds by day.
    """
    minutes = {day: ms // MINUTE_MS for day, ms in worked_ms.items()}
    missing = whole_minutes(sum(worked_ms.values())) - sum(minutes.values())
    by_remainder = sorted(worked_ms, key=lambda day: -(worked_ms[day] % MINUTE_MS))
    for day in by_remainder[:missing]:
        minutes[day] += 1
    return minutes


def amount_minor(minutes: int, rate_minor: int) -> int:
    """Give minutes × hourly rate ÷ 60, half up, in the currency's minor unit."""
    return (2 * minutes * rate_minor + MINUTES_PER_HOUR) // (2 * MINUTES_PER_HOUR)


def fee_minor(amount_minor: int, rate_percent: int) -> int:
    """Give a service fee, half up per transaction (PRODUCT.md, "Money").

    Args:
        amount_minor: what the fee is taken of, not negative.
        rate_percent: whole percent.
    """
    return (2 * amount_minor * rate_percent + 100) // 200
