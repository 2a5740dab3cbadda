"""What worked time bills (PRODUCT.md, "Time" and "Money"): whole milliseconds in, integer minor units out."""

_MINUTE_MS = 60_000


def billable_minutes(worked_ms: int, weekly_limit_minutes: int | None) -> int:
    """Round a week's worked milliseconds once to the minute, half up, after cutting them at the weekly limit."""
    if weekly_limit_minutes is not None:
        worked_ms = min(worked_ms, weekly_limit_minutes * _MINUTE_MS)
    return (2 * worked_ms + _MINUTE_MS) // (2 * _MINUTE_MS)


def amount_minor(minutes: int, rate_minor: int) -> int:
    """Give minutes × hourly rate ÷ 60, half up, in the currency's minor unit."""
    return (2 * minutes * rate_minor + 60) // 120
