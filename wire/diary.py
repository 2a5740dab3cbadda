"""The work diary's messages: a segment's content with its intervals, activity and snapshots (PRODUCT.md, "Words").

Every struct refuses unknown fields: content is hashed in canonical form, so both sides must know every field of it.
"""

from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from wire.words import (
    MINUTE_MS,
    MINUTES_PER_SEGMENT,
    SEGMENT_MS,
    SEGMENT_S,
    ActivitySource,
    Kind,
    RevisionReason,
    SnapshotReason,
    SnapshotStatus,
)

MOST_COUNTED = 1_000_000  # presses of one sort in one minute
Count = Annotated[int, Meta(ge=0, le=MOST_COUNTED)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes sent, lower-case hex")]


class InvalidSegmentError(ValueError):
    """A segment's content breaks a rule that its types cannot say; the text is a sentence for people."""


def tenths(active: int, tracked: int) -> int:
    """Give active of tracked minutes out of ten, half up."""
    return (20 * active + tracked) // (2 * tracked)


class Interval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Worked time inside one segment, in milliseconds from its start; half-open."""

    start_ms: Annotated[int, Meta(ge=0, lt=SEGMENT_MS)]
    end_ms: Annotated[int, Meta(gt=0, le=SEGMENT_MS)]
    kind: Kind
    memo: Annotated[str, Meta(max_length=10_000)]
    label: Annotated[str, Meta(max_length=200)] | None


class Minute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input within one minute (0–9) of a segment: counts only, never what was typed or where the pointer went."""

    minute: Annotated[int, Meta(ge=0, lt=MINUTES_PER_SEGMENT)]
    keys: Count
    clicks: Count
    scrolls: Count
    moved: bool
    active_s: Annotated[int, Meta(ge=0, le=60)]

    @property
    def is_active(self) -> bool:
        """Whether the minute had any input at all."""
        return self.moved or (self.keys + self.clicks + self.scrolls + self.active_s) > 0


class Activity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A segment's activity; minutes without input may be left out."""

    source: ActivitySource
    minutes: Annotated[tuple[Minute, ...], Meta(max_length=MINUTES_PER_SEGMENT)]


class Picture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One monitor's JPEG and its thumbnail, named by the hash of the bytes sent; sizes in bytes and real pixels."""

    monitor: Annotated[int, Meta(ge=0, lt=64)]
    width: Annotated[int, Meta(ge=1, le=32_768)]
    height: Annotated[int, Meta(ge=1, le=32_768)]
    sha256: Sha256
    size: Annotated[int, Meta(ge=1)]
    thumbnail_sha256: Sha256
    thumbnail_size: Annotated[int, Meta(ge=1)]


APPLICATION_LIMIT = 200
TITLE_LIMIT = 1000


class ActiveWindow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The window that had the keyboard at a snapshot's instant; either name may be empty."""

    application: Annotated[str, Meta(max_length=APPLICATION_LIMIT)]
    title: Annotated[str, Meta(max_length=TITLE_LIMIT)]


class Snapshot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All monitors at one random instant, in milliseconds from the segment's start.

    `window` goes along only where the policy sends window titles and the clear picture goes, too. Without one the
    field is left out, never null: so contents sealed before there was such a field keep their canonical form.
    """

    at_ms: Annotated[int, Meta(ge=0, lt=SEGMENT_MS)]
    status: SnapshotStatus
    reason: SnapshotReason | None
    pictures: Annotated[tuple[Picture, ...], Meta(max_length=64)]
    window: ActiveWindow | None = None


class Segment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of one revision of a segment.

    `start_s` is in seconds since the Unix epoch, on the ten-minute UTC grid; `clock_offset_ms` is marketplace time
    minus the device's own clock when the segment was recorded.
    """

    contract: UUID
    device: UUID
    start_s: Annotated[int, Meta(ge=0, multiple_of=SEGMENT_S)]
    revision: Annotated[int, Meta(ge=1)]
    reason: RevisionReason
    policy_version: Annotated[int, Meta(ge=1)]
    clock_offset_ms: int
    intervals: Annotated[tuple[Interval, ...], Meta(max_length=10_000)]
    activity: Activity
    snapshots: Annotated[tuple[Snapshot, ...], Meta(max_length=100)]

    @property
    def worked_ms(self) -> int:
        """Worked time: the sum of the intervals."""
        return sum(interval.end_ms - interval.start_ms for interval in self.intervals)

    @property
    def activity_minutes(self) -> tuple[int, int] | None:
        """Minutes with input, and minutes tracked in: what the activity meter divides (PRODUCT.md, "Words").

        None where nothing was tracked or activity could not be measured.
        """
        tracked = {
            minute
            for interval in self.intervals
            if interval.kind is Kind.TRACKED
            for minute in range(interval.start_ms // MINUTE_MS, (interval.end_ms - 1) // MINUTE_MS + 1)
        }
        if not tracked or self.activity.source is ActivitySource.NONE:
            return None
        active = sum(minute.is_active and minute.minute in tracked for minute in self.activity.minutes)
        return active, len(tracked)

    @property
    def activity_tenths(self) -> int | None:
        """The activity meter: minutes with input ÷ minutes tracked in, out of ten, half up (PRODUCT.md, "Words").

        None where nothing was tracked or activity could not be measured.
        """
        return None if self.activity_minutes is None else tenths(*self.activity_minutes)

    @property
    def active_s(self) -> int | None:
        """Active seconds, None where counts could be had all the time or nothing could be measured."""
        if self.activity.source is not ActivitySource.ACTIVE_SECONDS:
            return None
        return sum(minute.active_s for minute in self.activity.minutes)

    def pictures(self) -> Iterator[Picture]:
        """Give every picture that this revision sends."""
        for snapshot in self.snapshots:
            yield from snapshot.pictures


def check(segment: Segment) -> None:
    """Hold a segment to the rules that its types cannot say.

    Raises:
        InvalidSegmentError: intervals overlap or are out of order, a minute stands twice, or a snapshot's status
            disagrees with its pictures or its window.
    """
    previous_end_ms = 0
    for interval in segment.intervals:
        if interval.end_ms <= interval.start_ms:
            raise InvalidSegmentError("An interval ends before it starts.")
        if interval.start_ms < previous_end_ms:
            raise InvalidSegmentError("Intervals of a segment overlap or are out of order.")
        previous_end_ms = interval.end_ms
    minutes = [minute.minute for minute in segment.activity.minutes]
    if minutes != sorted(set(minutes)):
        raise InvalidSegmentError("A minute's activity stands twice or out of order.")
    for snapshot in segment.snapshots:
        _check_snapshot(snapshot)


def _check_snapshot(snapshot: Snapshot) -> None:
    if snapshot.window is not None and snapshot.status is not SnapshotStatus.SENT:
        raise InvalidSegmentError("A snapshot whose clear picture is not sent names a window.")
    match snapshot.status:
        case SnapshotStatus.HELD:
            raise InvalidSegmentError("A snapshot is still held; its segment must not be sealed.")
        case SnapshotStatus.SENT | SnapshotStatus.BLURRED:
            if not snapshot.pictures:
                raise InvalidSegmentError("A snapshot is marked as sent but has no picture.")
        case SnapshotStatus.WITHHELD:
            if snapshot.pictures:
                raise InvalidSegmentError("A snapshot is withheld but still names pictures.")
        case SnapshotStatus.FAILED:
            if snapshot.pictures or snapshot.reason is None:
                raise InvalidSegmentError("A failed snapshot must have a reason and no picture.")
