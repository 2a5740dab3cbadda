"""Rounding once, half up, in whole numbers."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.billing import amount_minor, billable_minutes


@pytest.mark.parametrize(
    ("worked_ms", "minutes"),
    [(0, 0), (29_999, 0), (30_000, 1), (89_999, 1), (90_000, 2), (60_000, 1), (3_600_000, 60)],
)
def test_minutes_are_rounded_half_up(worked_ms: int, minutes: int) -> None:
    assert billable_minutes(worked_ms, None) == minutes


def test_the_limit_cuts_before_the_rounding() -> None:
    assert billable_minutes(10 * 60_000 + 30_000, 10) == 10
    assert billable_minutes(9 * 60_000 + 30_000, 10) == 10
    assert billable_minutes(1, 0) == 0


@given(st.integers(0, 10**10), st.none() | st.integers(0, 10_080))
def test_minutes_are_what_exact_arithmetic_says(worked_ms: int, limit: int | None) -> None:
    exact = Fraction(worked_ms, 60_000)
    if limit is not None:
        exact = min(exact, Fraction(limit))
    assert billable_minutes(worked_ms, limit) == floor(exact + Fraction(1, 2))


@pytest.mark.parametrize(
    ("minutes", "rate_minor", "amount"),
    [
        (60, 4200, 4200),
        (1, 30, 1),
        (1, 29, 0),
        (1, 31, 1),
        (7, 4285, 500),
        (0, 4200, 0),
        (10_080, 1_000_000, 168_000_000),
    ],
)
def test_amounts_are_rounded_half_up(minutes: int, rate_minor: int, amount: int) -> None:
    assert amount_minor(minutes, rate_minor) == amount


@given(st.integers(0, 10_080), st.integers(0, 10**9))
def test_amounts_are_what_exact_arithmetic_says(minutes: int, rate_minor: int) -> None:
    assert amount_minor(minutes, rate_minor) == floor(Fraction(minutes * rate_minor, 60) + Fraction(1, 2))
