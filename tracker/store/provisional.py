"""Where the time of boots without a contact belongs, once a later boot has learnt the marketplace's time.

PRODUCT.md, "Time": timestamps after a boot without contact are provisional; the next contact corrects them first by the
system clock's error found then. Each boot's timeline begins at the system clock as it then stood, so each has an error
of its own. Only the boot that made the contact knows its error exactly. For the one before it we take it that the
clock ran on from its end to the next one's start, as a machine's hardware clock does: its error is the one that the
next boot began with, less what its own clock was set by while it ran. What is certain comes first: boots follow each
other, so a boot ends before the next begins.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Boot:
    """What one boot recorded provisionally, in UTC milliseconds by its own timeline.

    `clock_offset_ms` is that timeline minus the system clock, at the end: what the clock was set back by meanwhile.
    """

    id: str | None
    first_ms: int
    last_ms: int
    clock_offset_ms: int


def shifts(boots: Iterable[Boot], own: str | None, by_ms: int, now_ms: int) -> dict[str | None, int]:
    """Give the milliseconds to move each boot's time by.

    Args:
        boots: in the order they were recorded.
        own: the boot that made the contact.
        by_ms: its exact error.
        now_ms: the marketplace's time at the contact, which nothing recorded comes after.
    """
    moved = {own: by_ms}
    error_ms, next_ms = by_ms, now_ms
    for boot in reversed(tuple(boots)):
        if boot.id != own:
            error_ms = min(error_ms - boot.clock_offset_ms, next_ms - boot.last_ms)
            moved[boot.id] = error_ms
        next_ms = min(next_ms, boot.first_ms + error_ms)
    return moved


class Taken:
    """Time that is recorded already; nobody works twice at once, so only what is free can still be taken.

    Args:
        spans: start and end in UTC milliseconds, in order and without overlaps.
    """

    def __init__(self, spans: Iterable[tuple[int, ...]]) -> None:
        self._starts_ms = list[int]()
        self._ends_ms = list[int]()
        for start_ms, end_ms in spans:
            self._starts_ms.append(start_ms)
            self._ends_ms.append(end_ms)

    def take(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Give the free parts of a span, which are taken then."""
        first = bisect_right(self._ends_ms, start_ms)
        parts, last, free_ms = list[tuple[int, int]](), first, start_ms
        while last < len(self._starts_ms) and self._starts_ms[last] < end_ms:
            if self._starts_ms[last] > free_ms:
                parts.append((free_ms, self._starts_ms[last]))
            free_ms = self._ends_ms[last]
            last += 1
        if free_ms < end_ms:
            parts.append((free_ms, end_ms))
        covered = sorted([*zip(self._starts_ms[first:last], self._ends_ms[first:last], strict=True), *parts])
        self._starts_ms[first:last] = [start for start, _ in covered]
        self._ends_ms[first:last] = [end for _, end in covered]
        return parts
