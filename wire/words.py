"""The words and sizes that both houses use (PRODUCT.md, "Words"); standard library only, so that any room may."""

import enum

SEGMENT_S = 600
SEGMENT_MS = SEGMENT_S * 1000
MINUTE_MS = 60_000
MINUTES_PER_SEGMENT = 10


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
    DESCRIBED = "described"
    CUT = "cut"
    DELETED = "deleted"
    MOVED = "moved"
    ADDED = "added"
    WITHHELD = "withheld"
