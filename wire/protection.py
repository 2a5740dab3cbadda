"""Payment protection of an interval, by one rule for both houses (PRODUCT.md, "Time").

It decides only what happens to a dispute that nobody answers.
"""

import enum

from wire.contract import Policy
from wire.diary import Interval, Segment
from wire.words import ActivitySource, Kind, SnapshotReason, SnapshotStatus

AGREED_REASONS = frozenset({SnapshotReason.OUTSIDE_TRACKED_TIME, SnapshotReason.SCREEN_LOCKED})
"""Why a snapshot may be missing without the time losing its protection."""


class Unprotected(enum.StrEnum):
    """Why an interval is not protected."""

    MANUAL = "manual"
    DECLARED = "declared"
    NO_MEMO = "no_memo"
    OVER_LIMIT = "over_limit"
    ACTIVITY_UNKNOWN = "activity_unknown"
    LOW_ACTIVITY = "low_activity"
    SNAPSHOT_WITHHELD = "snapshot_withheld"
    SNAPSHOT_FAILED = "snapshot_failed"
    NO_SNAPSHOT = "no_snapshot"


def why_unprotected(
    segment: Segment, interval: Interval, policy: Policy, *, is_within_limit: bool
) -> tuple[Unprotected, ...]:
    """Give every reason against an interval's protection; none means that it is protected.

    Args:
        segment: the revision that counts.
        interval: one of its intervals, or a part of one.
        policy: the version that the segment names.
        is_within_limit: whether the interval lies within the weekly limit.
    """
    reasons = []
    if interval.kind is Kind.MANUAL:
        reasons.append(Unprotected.MANUAL)
    if interval.kind is Kind.DECLARED and not policy.protects_declared_time:
        reasons.append(Unprotected.DECLARED)
    if not interval.memo.strip():
        reasons.append(Unprotected.NO_MEMO)
    if not is_within_limit:
        reasons.append(Unprotected.OVER_LIMIT)
    if interval.kind is Kind.TRACKED:
        reasons += _activity_reasons(segment, policy)
    if interval.kind is not Kind.MANUAL:
        reasons += _snapshot_reasons(segment, policy)
    return tuple(reasons)


def _activity_reasons(segment: Segment, policy: Policy) -> list[Unprotected]:
    tenths = segment.activity_tenths
    if policy.activity_threshold == 0:
        return []
    if tenths is None or segment.activity.source is ActivitySource.NONE:
        return [Unprotected.ACTIVITY_UNKNOWN]
    return [Unprotected.LOW_ACTIVITY] if tenths < policy.activity_threshold else []


def _snapshot_reasons(segment: Segment, policy: Policy) -> list[Unprotected]:
    """A picture that went out, or an agreed reason for each that did not, protects; the policy may ask for none."""
    if policy.snapshots_per_segment == 0:
        return []
    if not segment.snapshots:
        return [Unprotected.NO_SNAPSHOT]
    reasons = []
    if any(snapshot.status is SnapshotStatus.WITHHELD for snapshot in segment.snapshots):
        reasons.append(Unprotected.SNAPSHOT_WITHHELD)
    if any(snapshot.reason not in {None, *AGREED_REASONS} for snapshot in segment.snapshots):
        reasons.append(Unprotected.SNAPSHOT_FAILED)
    return reasons
