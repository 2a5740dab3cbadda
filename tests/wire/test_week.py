"""Days, weeks and locks against vectors that were worked out by hand."""

import csv
from datetime import datetime
from pathlib import Path

import pytest

from wire.week import DAY_MS, WEEK_MS, day_start_ms, lock_ms, review_end_ms, week_start_ms

_VECTORS = Path(__file__).parents[1] / "vectors" / "weeks.csv"


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _rows() -> list[dict[str, str]]:
    with _VECTORS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row["instant_utc"])
def test_weeks_and_locks(row: dict[str, str]) -> None:
    instant_ms = _ms(row["instant_utc"])
    assert week_start_ms(instant_ms) == _ms(row["week_start_utc"])
    assert lock_ms(instant_ms) == _ms(row["lock_utc"])


def test_the_vectors_are_all_there() -> None:
    assert len(_rows()) == 6


def test_a_week_is_half_open() -> None:
    monday_ms = _ms("2026-11-23T00:00:00Z")
    assert week_start_ms(monday_ms - 1) == monday_ms - WEEK_MS
    assert week_start_ms(monday_ms) == week_start_ms(monday_ms + WEEK_MS - 1) == monday_ms


def test_the_review_ends_with_the_week_after() -> None:
    """Saturday 00:00 after the lock (PRODUCT.md, "The billing week")."""
    monday_ms = _ms("2026-11-23T00:00:00Z")
    for instant_ms in (monday_ms, monday_ms + WEEK_MS - 1):
        assert review_end_ms(instant_ms) == _ms("2026-12-05T00:00:00Z")
    assert review_end_ms(monday_ms - 1) == _ms("2026-11-28T00:00:00Z")


def test_a_day_is_half_open() -> None:
    day_ms = _ms("2026-03-29T00:00:00Z")
    assert day_start_ms(day_ms - 1) == day_ms - DAY_MS
    assert day_start_ms(day_ms) == day_start_ms(day_ms + DAY_MS - 1) == day_ms


def test_instants_before_1970_have_weeks_too() -> None:
    assert week_start_ms(-1) == _ms("1969-12-29T00:00:00Z")
