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
    boots: Iterable[Boot], own: str | None, by_ms: int, *, now_ms: int, certain_ms: int | None
) -> Correction:
    """Place each boot.

    Args:
        boots: in the order they were recorded.
        own: the boot that made the contact.
        by_ms: its exact error.
        now_ms: the marketplace's time at the contact, which nothing recorded comes after.
        certain_ms: the end of the newest time whose timestamps are certain, None where there is none.
    """
    boots = tuple(boots)
    moved = _by_the_next(boots, own, by_ms, now_ms)
    end_ms = certain_ms
    for boot in boots:
        moved[boot.id] += _ahead_ms(boot.first_ms + moved[boot.id], end_ms)
        end_ms = boot.last_ms + moved[boot.id]
    if any(boot.id == own for boot in boots):
        return Correction(moved, moved[own] - by_ms)
    ahead_ms = _ahead_ms(now_ms, end_ms)
    return Correction(moved | {own: by_ms + ahead_ms}, ahead_ms)


def _by_the_next(boots: tuple[Boot, ...], own: str | None, by_ms: int, now_ms: int) -> dict[str | None, int]:
    """Tell each boot's error from the one of the boot after it; it ends before that one begins."""
    moved = {own: by_ms}
    error_ms, next_ms = by_ms, now_ms
    for boot in reversed(boots):
        if boot.id != own:
            error_ms = min(error_ms - boot.clock_offset_ms, next_ms - boot.last_ms)
            moved[boot.id] = error_ms
        next_ms = min(next_ms, boot.first_ms + error_ms)
    return moved


def _ahead_ms(first_ms: int, end_ms: int | None) -> int:
    """Give by how much a boot must be ahead to begin where the time before it ends."""
    ahead_ms = 0 if end_ms is None else max(0, end_ms - first_ms)
    return ahead_ms if ahead_ms <= MOST_AHEAD_MS else 0
