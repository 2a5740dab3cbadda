"""The work diary's messages: a segment's content with its intervals, activity and snapshots (PRODUCT.md, "Words").

Every struct refuses unknown fields: content is hashed in canonical form, so both sides must know every field of it.
"""

import enum
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

SEGMENT_S = 600
SEGMENT_MS = SEGMENT_S * 1000
MINUTES_PER_SEGMENT = 10

Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes sent, lower-case hex")]


class InvalidSegmentError(ValueError):
    """A segment's content breaks a rule that its types cannot say; the text is a sentence for people."""


class Kind(enum.StrEnum):
    """How an interval came to be."""

    TRACKED = "tracked"
    DECLARED = "declared"
    MANUAL = "manual"


class ActivitySource(enum.StrEnum):
    """What the device could measure: counts, only active seconds (Wayland), or nothing."""

    COUNTS = "counts"
    ACTIVE_SECONDS = "active_seconds"
    NONE = "none"


class SnapshotStatus(enum.StrEnum):
    """What became of a snapshot; a *held* one is never part of sealed content."""

    HELD = "held"
    SENT = "sent"
    BLURRED = "blurred"
    WITHHELD = "withheld"
    FAILED = "failed"


class SnapshotReason(enum.StrEnum):
    """Why a snapshot has no picture. The first two are agreed reasons and leave the time protected."""

    OUTSIDE_TRACKED_TIME = "outside_tracked_time"
    SCREEN_LOCKED = "screen_locked"
    BLANK = "blank"
    UNAVAILABLE = "unavailable"
    LOST = "lost"


class RevisionReason(enum.StrEnum):
    """Why a revision was made."""

    RECORDED = "recorded"
    CONTINUED = "continued"


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


class Snapshot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All monitors at one random instant, in milliseconds from the segment's start."""

    at_ms: Annotated[int, Meta(ge=0, lt=SEGMENT_MS)]
    status: SnapshotStatus
    reason: SnapshotReason | None
    pictures: Annotated[tuple[Picture, ...], Meta(max_length=64)]


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

    def pictures(self) -> Iterator[Picture]:
        """Give every picture that this revision sends."""
        for snapshot in self.snapshots:
            yield from snapshot.pictures


def check(segment: Segment) -> None:
    """Hold a segment to the rules that its types cannot say.

    Raises:
        InvalidSegmentError: intervals overlap or are out of order, a minute stands twice, or a snapshot's status and
            pictures disagree.
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
