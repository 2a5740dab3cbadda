from datetime import UTC, timedelta, timezone

import pytest

from tracker.ui.wording import Speaker, amount, clock, countdown, english, hours, limit, span

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0:00:00"), (999, "0:00:00"), (4_987_000, "1:23:07"), (100 * HOUR, "100:00:00"), (-5, "0:00:00")],
)
def test_a_clock_shows_whole_seconds_that_have_passed(ms: int, text: str) -> None:
    assert clock(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0:00"), (59_999, "0:00"), (267 * MINUTE, "4:27"), (1270 * MINUTE, "21:10")]
)
def test_worked_time_is_in_whole_minutes(ms: int, text: str) -> None:
    assert hours(ms) == text


@pytest.mark.parametrize(("minutes", "text"), [(1800, "30 h"), (450, "7:30 h"), (0, "0 h")])
def test_a_limit_is_short_where_it_can_be(minutes: int, text: str) -> None:
    assert limit(minutes) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(42_000, "0:42"), (41_001, "0:42"), (1, "0:01"), (0, "0:00"), (61_000, "1:01")]
)
def test_a_countdown_ends_only_when_nothing_is_left(ms: int, text: str) -> None:
    assert countdown(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"),
        (40 * SECOND, "40 s"),
        (12 * MINUTE + 5, "12 min"),
        (3 * HOUR + 10 * MINUTE, "3 h 10 min"),
        (2 * HOUR, "2 h"),
        (28 * HOUR, "1 d 4 h"),
        (2 * DAY, "2 d"),
    ],
)
def test_a_span_has_its_two_largest_units(ms: int, text: str) -> None:
    assert span(ms) == text


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (88_900, "USD", "889.00"),
        (5, "USD", "0.05"),
        (123_456_789, "EUR", "1\u202f234\u202f567.89"),
        (1500, "JPY", "1\u202f500"),
        (1500, "KWD", "1.500"),
        (12_345, "CLF", "1.2345"),
        (-5, "USD", "−0.05"),
    ],
)
def test_an_amount_has_its_currencys_decimals(minor: int, currency: str, text: str) -> None:
    assert amount(minor, currency) == text


def test_english_resolves_plurals() -> None:
    assert english("", "%n segment(s)", 1) == "1 segment"
    assert english("", "%n segment(s)", 19) == "19 segments"


def test_an_instant_of_another_day_has_its_date() -> None:
    now = 1_795_433_187_000
    assert Speaker(zone=UTC).when(now - HOUR, now) == "10:26"
    assert Speaker(zone=UTC).when(now - DAY, now) == "2026-11-22 11:26"
    assert Speaker(zone=timezone(timedelta(hours=13))).when(now - HOUR, now) == "2026-11-23 23:26"
