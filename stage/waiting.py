"""Waiting for something outside this process by asking again and again until a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

from stage.processes import StageError

POLL_S = 0.05

Found = TypeVar("Found")


def until(ask: Callable[[], Found | None], what: str, *, within_s: float = 20.0, poll_s: float = POLL_S) -> Found:
    """Ask until the answer is true, and give it.

    Args:
        ask: gives something true once it has happened.
        what: what is waited for, as it stands in "Waited 20 s for …".
        within_s: the deadline in seconds.
        poll_s: the pause between two questions in seconds.

    Raises:
        StageError: the deadline passed.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        if found := ask():
            return found
        if time.monotonic() >= deadline_s:
            raise StageError(f"Waited {within_s:g} s for {what}, in vain.")
        time.sleep(poll_s)
