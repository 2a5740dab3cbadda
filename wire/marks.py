"""Marks: what someone other than the recording device took away, and what counts of a segment after them.

What counts is the newest accepted revision less all marks; no revision undoes a mark, and what no mark names stands
(PRODUCT.md, "Words"). One pure rule for both houses, so that the diary on the device and the pages never disagree.
"""

import enum
from collections.abc import Iterable, Sequence
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct, structs

from wire.diary import Interval, Segment, Sha256, Snapshot
from wire.words import MINUTE_MS, SEGMENT_MS, SEGMENT_S, SnapshotReason, SnapshotStatus

MARKS_PER_ANSWER = 500
LONGEST_REASON = 500


class MarkKind(enum.StrEnum):
    """What a mark does: pictures withheld, time deleted, or time trimmed from what another interval has."""

    WITHHELD = "withheld"
    DELETED = "deleted"
    TRIMMED = "trimmed"


class Stretch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named stretch of a segment, in milliseconds from its start; half-open."""

    start_ms: Annotated[int, Meta(ge=0, lt=SEGMENT_MS)]
    end_ms: Annotated[int, Meta(gt=0, le=SEGMENT_MS)]


class Mark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A logged declaration that takes away named time or pictures of one segment, with who made it and why.

    `number` counts a freelancer's marks from 1, so that a device asks for those after the last it knows. `device` is
    the one that recorded the segment, `actor` the name of who made the mark, `pictures` the full pictures' hashes (a
    thumbnail goes with its picture). `made_ms` is marketplace time.
    """

    number: Annotated[int, Meta(ge=1)]
    contract: UUID
    device: UUID
    start_s: Annotated[int, Meta(ge=0, multiple_of=SEGMENT_S)]
    kind: MarkKind
    ranges: Annotated[tuple[Stretch, ...], Meta(max_length=10_000)]
    pictures: Annotated[tuple[Sha256, ...], Meta(max_length=10_000)]
    actor: Annotated[str, Meta(min_length=1, max_length=200)]
    reason: Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON)]
    made_ms: int

    def is_of(self, segment: Segment) -> bool:
        """Tell whether the mark names this segment, in whatever revision."""
        return (self.contract, self.device, self.start_s) == (segment.contract, segment.device, segment.start_s)


class MarkList(Struct, frozen=True, kw_only=True):
    """A freelancer's marks in order of number; `newest` is the last number that there is, 0 where there is none."""

    marks: Annotated[tuple[Mark, ...], Meta(max_length=MARKS_PER_ANSWER)]
    newest: Annotated[int, Meta(ge=0)]


def less(segment: Segment, marks: Iterable[Mark]) -> Segment:
    """Give what counts of a segment's revision: less every mark that names the segment.

    Time in a named range is gone, with the counts of the minutes in which no time is left. A snapshot with a named
    picture is withheld as a whole. A snapshot taken in deleted time is gone; one taken in trimmed time fell outside
    tracked time, which is an agreed reason: a trim is not the freelancer's doing and costs no protection.
    """
    named = [mark for mark in marks if mark.is_of(segment)]
    ranges = _ordered(stretch for mark in named for stretch in mark.ranges)
    deleted = _ordered(stretch for mark in named if mark.kind is MarkKind.DELETED for stretch in mark.ranges)
    pictures = {sha256 for mark in named for sha256 in mark.pictures}
    if not ranges and not pictures:
        return segment
    intervals = tuple(part for interval in segment.intervals for part in cut(interval, ranges))
    minutes = tuple(
        minute
        for minute in segment.activity.minutes
        if not _touches(minute.minute, ranges) or _touches(minute.minute, intervals)
    )
    return structs.replace(
        segment,
        intervals=intervals,
        activity=structs.replace(segment.activity, minutes=minutes),
        snapshots=tuple(
            _left(snapshot, ranges, pictures) for snapshot in segment.snapshots if not _is_in(snapshot.at_ms, deleted)
        ),
    )


def cut(interval: Interval, ranges: Iterable[Stretch | Interval]) -> list[Interval]:
    """Give the parts of an interval that lie in none of these ranges, which are in order of their start."""
    parts, start_ms = list[Interval](), interval.start_ms
    for one in ranges:
        if one.end_ms > start_ms and one.start_ms < interval.end_ms:
            if one.start_ms > start_ms:
                parts.append(structs.replace(interval, start_ms=start_ms, end_ms=one.start_ms))
            start_ms = one.end_ms
    if start_ms < interval.end_ms:
        parts.append(structs.replace(interval, start_ms=start_ms))
    return parts


def taken_ms(marks: Iterable[Mark]) -> int:
    """Sum the time that these marks of one segment name, each millisecond once."""
    total_ms = end_ms = 0
    for one in _ordered(stretch for mark in marks for stretch in mark.ranges):
        total_ms += max(0, one.end_ms - max(one.start_ms, end_ms))
        end_ms = max(end_ms, one.end_ms)
    return total_ms


def _ordered(ranges: Iterable[Stretch]) -> list[Stretch]:
    """Put ranges in order; one that ends before it starts names nothing."""
    return sorted((one for one in ranges if one.start_ms < one.end_ms), key=lambda one: (one.start_ms, one.end_ms))


def _left(snapshot: Snapshot, ranges: Sequence[Stretch], pictures: set[str]) -> Snapshot:
    if _is_in(snapshot.at_ms, ranges):
        outside = SnapshotReason.OUTSIDE_TRACKED_TIME
        return structs.replace(snapshot, status=SnapshotStatus.FAILED, reason=outside, pictures=(), window=None)
    if any(picture.sha256 in pictures for picture in snapshot.pictures):
        return structs.replace(snapshot, status=SnapshotStatus.WITHHELD, reason=None, pictures=(), window=None)
    return snapshot


def _is_in(at_ms: int, ranges: Iterable[Stretch]) -> bool:
    return any(one.start_ms <= at_ms < one.end_ms for one in ranges)


def _touches(minute: int, ranges: Iterable[Stretch | Interval]) -> bool:
    start_ms = minute * MINUTE_MS
    return any(one.start_ms < start_ms + MINUTE_MS and start_ms < one.end_ms for one in ranges)
