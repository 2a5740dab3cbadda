"""The only reader of clocks in the marketplace: an operation reads it once and hands the moment on."""

import time


def now_ms() -> int:
    """Give the marketplace's time in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000
