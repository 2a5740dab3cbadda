"""The billing rules against the vectors and against what must hold for any week."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.billing import (
    Span,
    amount_minor,
    billable_by_day,
    billable_minutes,
    day_minutes,
    fee_minor,
    split_at_limit,
    whole_minutes,
)
from wire.words import MINUTE_MS

_FEES = Path(__file__).parents[1] / "vectors" / "fees.csv"


@st.composite
def weeks(draw: st.DrawFn) -> list[Span]:
    """Spans without overlaps, in any order."""
    spans, at_ms = [], 0
    for gap_ms, worked_ms in draw(st.lists(st.tuples(st.integers(0, 9_000_000), st.integers(1, 9_000_000)))):
        spans.append(Span(at_ms + gap_ms, at_ms + gap_ms + worked_ms))
        at_ms = spans[-1].end_ms
    return draw(st.permutations(spans))


@given(weeks(), st.one_of(st.none(), st.integers(0, 3_000)))
def test_limit_cuts_the_week_in_the_order_worked(spans: list[Span], limit_minutes: int | None) -> None:
    within, over = split_at_limit(spans, limit_minutes)
    worked_ms = sum(span.worked_ms for span in spans)
    limit_ms = worked_ms if limit_minutes is None else limit_minutes * MINUTE_MS
    assert sum(span.worked_ms for span in within) == min(worked_ms, limit_ms)
    assert sum(span.worked_ms for span in (*within, *over)) == worked_ms
    assert not within or not over or max(span.end_ms for span in within) <= min(span.start_ms for span in over)


@given(weeks(), st.integers(0, 3_000), st.integers(0, 9_000_000))
def test_a_part_of_a_week_is_cut_as_the_whole_would_be(spans: list[Span], limit_minutes: int, cut_ms: int) -> None:
    before = [one for one in spans if one.end_ms <= cut_ms]
    after = [one for one in spans if one.end_ms > cut_ms]
    whole, _ = split_at_limit(spans, limit_minutes)
    part, _ = split_at_limit(after, limit_minutes, worked_before_ms=sum(one.worked_ms for one in before))
    first_ms = min((one.start_ms for one in after), default=cut_ms)
    assert part == [one for one in whole if one.start_ms >= first_ms]


@given(st.lists(st.integers(0, 86_400_000), max_size=7), st.none() | st.integers(0, 10_080))
def test_days_bill_in_order_until_the_limit(days_ms: list[int], limit_minutes: int | None) -> None:
    billable = billable_by_day(dict(enumerate(days_ms)), limit_minutes)
    limit_ms = sum(days_ms) if limit_minutes is None else limit_minutes * MINUTE_MS
    assert sum(billable.values()) == min(sum(days_ms), limit_ms)
    assert sum(day_minutes(billable).values()) == billable_minutes(sum(days_ms), limit_minutes)
    reached = [day for day, ms in billable.items() if ms < days_ms[day]]
    assert not reached or not any(billable[day] for day in billable if day > reached[0])


def test_interval_that_crosses_the_limit_is_split_at_the_millisecond() -> None:
    within, over = split_at_limit([Span(0, 90_001)], 1)
    assert (within, over) == ([Span(0, 60_000)], [Span(60_000, 90_001)])


@pytest.mark.parametrize(("worked_ms", "minutes"), [(0, 0), (29_999, 0), (30_000, 1), (89_999, 1), (90_000, 2)])
def test_week_is_rounded_half_up_to_the_minute(worked_ms: int, minutes: int) -> None:
    assert whole_minutes(worked_ms) == minutes


@given(st.lists(st.integers(0, 90_000_000), min_size=1, max_size=7))
def test_day_lines_add_up_to_the_week(days_ms: list[int]) -> None:
    week = dict(enumerate(days_ms))
    minutes = day_minutes(week)
    assert sum(minutes.values()) == whole_minutes(sum(days_ms))
    assert all(abs(minutes[day] * MINUTE_MS - worked_ms) < MINUTE_MS for day, worked_ms in week.items())


def test_earlier_day_gets_the_minute_of_equal_remainders() -> None:
    assert day_minutes({"mon": 20_000, "tue": 20_000, "wed": 20_000}) == {"mon": 1, "tue": 0, "wed": 0}


@pytest.mark.parametrize(
    ("minutes", "rate_minor", "expected"), [(0, 4200, 0), (60, 4200, 4200), (1, 90, 2), (1, 89, 1)]
)
def test_amount_is_rounded_half_up(minutes: int, rate_minor: int, expected: int) -> None:
    assert amount_minor(minutes, rate_minor) == expected


def test_fees_are_those_of_the_vectors() -> None:
    with _FEES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for row in rows:
        assert fee_minor(int(row["amount_minor"]), int(row["rate_percent"])) == int(row["fee_minor"]), row
