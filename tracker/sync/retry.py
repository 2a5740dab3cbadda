"""When to try again: exponential backoff with jitter, and not before the server's Retry-After, within an hour."""

import random

FIRST_DELAY_S = 2.0
LONGEST_DELAY_S = 300.0
LONGEST_RETRY_AFTER_S = 3600.0  # no answer, however mistaken, may silence a tracker over a billing week's lock


def delay_s(failures: int, retry_after_s: float | None, draw: random.Random) -> float:
    """Give the seconds to wait after so many failures in a row (1 for the first).

    Full jitter keeps a fleet of trackers from returning in step (Brooker, "Exponential Backoff And Jitter", 2015); the
    floor of half the delay keeps one tracker from hurrying.
    """
    ceiling_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(failures - 1, 16))
    return max(draw.uniform(ceiling_s / 2, ceiling_s), min(retry_after_s or 0.0, LONGEST_RETRY_AFTER_S))
