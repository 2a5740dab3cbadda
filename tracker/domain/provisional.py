"""Where the time of boots without a contact belongs, once a later boot has learnt the marketplace's time.

PRODUCT.md, "Time": timestamps after a boot without contact are provisional; the next contact corrects them first by the
system clock's error found then. Each boot's timeline begins at the system clock as it then stood, so each has an error
of its own. Only the boot that made the contact knows its error exactly. For the one before it we take it that the
clock ran on from its end to the next one's start, as a machine's hardware clock does: its error is the one that the
next boot began with, less what its own clock was set by while it ran.

Boots follow each other, and all follow what is certain already: none begins before the one before it has ended. A boot
may have run ahead of the marketplace, its correction never having met a break long enough; what follows it is then
placed behind its end and so runs ahead, too, until a break lets the marketplace's time in. Nothing recorded is lost.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

MOST_AHEAD_MS = 3_600_000  # more than clocks drift by in weeks; what would be farther ahead was never the right time


@dataclass(frozen=True, slots=True)
class Boot:
    """What one boot recorded provisionally, in UTC milliseconds by its own timeline.

    `clock_offset_ms` is that timeline minus the system clock, at the end: what the clock was set back by meanwhile.
    """

    id: str | None
    first_ms: int
    last_ms: int
    clock_offset_ms: int


@dataclass(frozen=True, slots=True)
class Correction:
    """By how many milliseconds to move each boot's time.

    `ahead_ms` is what the boot that made the contact stays ahead of the marketplace by.
    """

    moved: dict[str | None, int]
    ahead_ms: int


def correction(
    boots: Iterable[Boot], own: str | None, by_ms: int, *, began_ms: int, certain_ms: int | None
) -> Correction:
    """Place each boot.

    Args:
        boots: in the order they were recorded.
        own: the boot that made the contact.
        by_ms: its exact error.
        began_ms: the marketplace's time at which that boot began; nothing of an earlier one comes after it.
        certain_ms: the end of the newest time whose timestamps are certain, None where there is none.
    """
    boots = tuple(boots)
    moved = _by_the_next(boots, own, by_ms, began_ms)
    pushed, end_ms = _pushed(boots, moved, certain_ms)
    if all(boot.id != own for boot in boots):
        pushed[own] = by_ms if end_ms is None else max(by_ms, by_ms + end_ms - began_ms)
    ahead_ms = pushed[own] - by_ms
    return Correction(pushed, ahead_ms) if ahead_ms <= MOST_AHEAD_MS else Correction(moved, 0)


def _by_the_next(boots: tuple[Boot, ...], own: str | None, by_ms: int, began_ms: int) -> dict[str | None, int]:
    """Tell each boot's error from the one of the boot after it; it ends before that one begins."""
    moved = {own: by_ms}
    error_ms, next_ms = by_ms, began_ms
    for boot in reversed(boots):
        if boot.id != own:
            error_ms = min(error_ms - boot.clock_offset_ms, next_ms - boot.last_ms)
            moved[boot.id] = error_ms
        next_ms = min(next_ms, boot.first_ms + error_ms)
    return moved


def _pushed(
    boots: tuple[Boot, ...], moved: dict[str | None, int], end_ms: int | None
) -> tuple[dict[str | None, int], int | None]:
    """Let no boot begin before the time before it has ended; gives the end of the last, too."""
    pushed = dict(moved)
    for boot in boots:
        if end_ms is not None:
            pushed[boot.id] = max(moved[boot.id], end_ms - boot.first_ms)
        end_ms = boot.last_ms + pushed[boot.id]
    return pushed, end_ms


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
