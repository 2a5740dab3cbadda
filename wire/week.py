"""The UTC day and the billing week (PRODUCT.md, "The billing week"); instants are UTC milliseconds since the epoch."""

DAY_MS = 24 * 60 * 60 * 1000
WEEK_MS = 7 * DAY_MS
LOCK_AFTER_WEEK_MS = 12 * 60 * 60 * 1000
REVIEW_AFTER_WEEK_MS = 5 * DAY_MS  # the Saturday 00:00 after the lock
_FIRST_MONDAY_MS = 4 * DAY_MS  # 1970-01-01 was a Thursday


def day_start_ms(utc_ms: int) -> int:
    """Give the UTC midnight at or before an instant."""
    return utc_ms - utc_ms % DAY_MS


def week_start_ms(utc_ms: int) -> int:
    """Give the Monday 00:00 UTC at or before an instant."""
    return utc_ms - (utc_ms - _FIRST_MONDAY_MS) % WEEK_MS


def lock_ms(utc_ms: int) -> int:
    """Give the lock of the billing week that an instant belongs to: the Monday after it, 12:00 UTC."""
    return week_start_ms(utc_ms) + WEEK_MS + LOCK_AFTER_WEEK_MS


def review_end_ms(utc_ms: int) -> int:
    """Give the end of the client's review of the billing week that an instant belongs to: Saturday 00:00 UTC."""
    return week_start_ms(utc_ms) + WEEK_MS + REVIEW_AFTER_WEEK_MS
