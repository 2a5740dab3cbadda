"""Payment protection: each reason by itself, and none where all is as agreed."""

from uuid import UUID

import msgspec
import pytest

from wire.contract import Blur, Policy
from wire.diary import Activity, Interval, Minute, Picture, Segment, Snapshot
from wire.protection import Unprotected, why_unprotected
from wire.words import ActivitySource, Kind, RevisionReason, SnapshotReason, SnapshotStatus

POLICY = Policy(
    version=1, snapshots_per_segment=1, blur=Blur.NONE, sends_window_titles=False, hold_s=60, allows_manual_time=True,
    declared_minutes_per_day=60, protects_declared_time=False, idle_limit_s=600, activity_threshold=3,
    retention_weeks=26, weekly_limit_minutes=1800, rate_minor=4200,
)  # fmt: skip
PICTURE = Picture(
    monitor=0, width=1920, height=1080, sha256="0" * 64, size=1, thumbnail_sha256="1" * 64, thumbnail_size=1
)
SENT = Snapshot(at_ms=1000, status=SnapshotStatus.SENT, reason=None, pictures=(PICTURE,))
TRACKED = Interval(start_ms=0, end_ms=600_000, kind=Kind.TRACKED, memo="Fix the sync", label=None)


def _segment(
    *, snapshots: tuple[Snapshot, ...] = (SENT,), active: int = 10, source: ActivitySource = ActivitySource.COUNTS
) -> Segment:
    minutes = tuple(
        Minute(minute=minute, keys=1, clicks=0, scrolls=0, moved=False, active_s=0) for minute in range(active)
    )
    return Segment(
        contract=UUID(int=1), device=UUID(int=2), start_s=600, revision=1, reason=RevisionReason.RECORDED,
        policy_version=1, clock_offset_ms=0, intervals=(TRACKED,), activity=Activity(source=source, minutes=minutes),
        snapshots=snapshots,
    )  # fmt: skip


def _without_picture(status: SnapshotStatus, reason: SnapshotReason | None) -> Snapshot:
    return Snapshot(at_ms=1000, status=status, reason=reason, pictures=())


def test_time_tracked_as_agreed_is_protected() -> None:
    assert why_unprotected(_segment(), TRACKED, POLICY, is_within_limit=True) == ()


@pytest.mark.parametrize("reason", [SnapshotReason.OUTSIDE_TRACKED_TIME, SnapshotReason.SCREEN_LOCKED])
def test_agreed_reason_for_no_picture_keeps_the_protection(reason: SnapshotReason) -> None:
    segment = _segment(snapshots=(_without_picture(SnapshotStatus.FAILED, reason),))
    assert why_unprotected(segment, TRACKED, POLICY, is_within_limit=True) == ()


def test_policy_without_snapshots_asks_for_none() -> None:
    policy = msgspec.structs.replace(POLICY, snapshots_per_segment=0)
    assert why_unprotected(_segment(snapshots=()), TRACKED, policy, is_within_limit=True) == ()


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (_segment(active=2), Unprotected.LOW_ACTIVITY),
        (_segment(active=0, source=ActivitySource.NONE), Unprotected.ACTIVITY_UNKNOWN),
        (_segment(snapshots=()), Unprotected.NO_SNAPSHOT),
        (_segment(snapshots=(_without_picture(SnapshotStatus.WITHHELD, None),)), Unprotected.SNAPSHOT_WITHHELD),
        (
            _segment(snapshots=(_without_picture(SnapshotStatus.FAILED, SnapshotReason.BLANK),)),
            Unprotected.SNAPSHOT_FAILED,
        ),
        (
            _segment(snapshots=(SENT, _without_picture(SnapshotStatus.FAILED, SnapshotReason.UNAVAILABLE))),
            Unprotected.SNAPSHOT_FAILED,
        ),
    ],
)
def test_segment_short_of_what_was_agreed(segment: Segment, reason: Unprotected) -> None:
    assert why_unprotected(segment, TRACKED, POLICY, is_within_limit=True) == (reason,)


def test_active_seconds_protect_as_counts_do() -> None:
    def segment(active: int) -> Segment:
        minutes = tuple(
            Minute(minute=minute, keys=0, clicks=0, scrolls=0, moved=False, active_s=1) for minute in range(active)
        )
        activity = Activity(source=ActivitySource.ACTIVE_SECONDS, minutes=minutes)
        return msgspec.structs.replace(_segment(), activity=activity)

    assert why_unprotected(segment(3), TRACKED, POLICY, is_within_limit=True) == ()
    assert why_unprotected(segment(2), TRACKED, POLICY, is_within_limit=True) == (Unprotected.LOW_ACTIVITY,)


def test_activity_at_the_threshold_is_enough() -> None:
    assert why_unprotected(_segment(active=3), TRACKED, POLICY, is_within_limit=True) == ()


def test_memo_and_limit() -> None:
    silent = msgspec.structs.replace(TRACKED, memo="  ")
    assert why_unprotected(_segment(), silent, POLICY, is_within_limit=False) == (
        Unprotected.NO_MEMO,
        Unprotected.OVER_LIMIT,
    )


def test_manual_time_is_never_protected_and_needs_no_snapshot() -> None:
    manual = msgspec.structs.replace(TRACKED, kind=Kind.MANUAL)
    assert why_unprotected(_segment(snapshots=()), manual, POLICY, is_within_limit=True) == (Unprotected.MANUAL,)


@pytest.mark.parametrize(("is_agreed", "reasons"), [(False, (Unprotected.DECLARED,)), (True, ())])
def test_declared_time_as_the_policy_says(is_agreed: bool, reasons: tuple[Unprotected, ...]) -> None:
    policy = msgspec.structs.replace(POLICY, protects_declared_time=is_agreed)
    declared = msgspec.structs.replace(TRACKED, kind=Kind.DECLARED)
    assert why_unprotected(_segment(active=0), declared, policy, is_within_limit=True) == reasons
