"""Where the time of boots without a contact belongs, once a later boot has learnt the marketplace's time.

PRODUCT.md, "Time": timestamps after a boot without contact are provisional; the next contact corrects them first by the
system clock's error found then. Each boot's timeline begins at the system clock as it then stood, so each has an error
of its own. Only the boot that made the contact knows its error exactly. For the one before it we take it that the
clock ran on from its end to the next one's start, as a machine's hardware clock does: its error is the one that the
next boot began with, less what its own clock was set by while it ran. What is certain comes first: boots follow each
other, so a boot ends before the next begins.
"""

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
