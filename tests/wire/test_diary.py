"""The diary's messages: rules beyond types, worked time and the activity meter."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.strategies import PICTURES, SEGMENTS, minute, segment
from wire import canonical
from wire.diary import ActiveWindow, Activity, Interval, InvalidSegmentError, Picture, Segment, Snapshot, check, tenths
from wire.words import MINUTE_MS, SEGMENT_MS, ActivitySource, Kind, SnapshotReason, SnapshotStatus

PICTURE = Picture(
    monitor=0, width=1, height=1, sha256="a" * 64, size=1, thumbnail_sha256="b" * 64, thumbnail_size=1
)  # fmt: skip


def _interval(start_ms: int, end_ms: int, kind: Kind = Kind.TRACKED) -> Interval:
    return Interval(start_ms=start_ms, end_ms=end_ms, kind=kind, memo="", label=None)


def _snapshot(status: SnapshotStatus, *, reason: SnapshotReason | None = None, pictures: int = 0) -> Snapshot:
    return Snapshot(at_ms=0, status=status, reason=reason, pictures=(PICTURE,) * pictures)


@given(SEGMENTS)
def test_every_rightly_built_segment_passes(one: Segment) -> None:
    check(one)


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(segment(intervals=(_interval(5, 5),)), id="empty interval"),
        pytest.param(segment(intervals=(_interval(5, 4),)), id="backwards"),
        pytest.param(segment(intervals=(_interval(0, 10), _interval(9, 20))), id="overlap by a millisecond"),
        pytest.param(segment(intervals=(_interval(10, 20), _interval(0, 10))), id="out of order"),
        pytest.param(segment(intervals=(_interval(0, 30), _interval(10, 20))), id="one within another"),
        pytest.param(
            segment(activity=Activity(source=ActivitySource.COUNTS, minutes=(minute(1), minute(1)))), id="minute twice"
        ),
        pytest.param(
            segment(activity=Activity(source=ActivitySource.COUNTS, minutes=(minute(2), minute(1)))), id="minutes mixed"
        ),
        pytest.param(segment(snapshots=(_snapshot(SnapshotStatus.HELD, pictures=1),)), id="held"),
        pytest.param(segment(snapshots=(_snapshot(SnapshotStatus.SENT),)), id="sent without picture"),
        pytest.param(segment(snapshots=(_snapshot(SnapshotStatus.BLURRED),)), id="blurred without picture"),
        pytest.param(segment(snapshots=(_snapshot(SnapshotStatus.WITHHELD, pictures=1),)), id="withheld with picture"),
        pytest.param(segment(snapshots=(_snapshot(SnapshotStatus.FAILED),)), id="failed without reason"),
        pytest.param(
            segment(snapshots=(_snapshot(SnapshotStatus.FAILED, reason=SnapshotReason.BLANK, pictures=1),)),
            id="failed with picture",
        ),
    ],
)
def test_check_refuses(one: Segment) -> None:
    with pytest.raises(InvalidSegmentError):
        check(one)


def test_touching_intervals_and_every_settled_snapshot_pass() -> None:
    check(
        segment(
            intervals=(_interval(0, 10), _interval(10, SEGMENT_MS)),
            snapshots=(
                _snapshot(SnapshotStatus.SENT, pictures=1),
                _snapshot(SnapshotStatus.BLURRED, pictures=2),
                _snapshot(SnapshotStatus.WITHHELD),
                _snapshot(SnapshotStatus.FAILED, reason=SnapshotReason.UNAVAILABLE),
            ),
        )
    )


@pytest.mark.parametrize(
    "change",
    [
        {"start_s": 1_795_435_201},
        {"start_s": -600},
        {"revision": 0},
        {"policy_version": 0},
        {"intervals": (_interval(0, SEGMENT_MS + 1),)},
        {"intervals": (_interval(-1, 5),)},
        {"activity": Activity(source=ActivitySource.COUNTS, minutes=(minute(10),))},
        {"activity": Activity(source=ActivitySource.COUNTS, minutes=(minute(0, keys=1_000_001),))},
        {"activity": Activity(source=ActivitySource.COUNTS, minutes=(minute(0, keys=-1),))},
        {"snapshots": (msgspec.structs.replace(_snapshot(SnapshotStatus.WITHHELD), at_ms=SEGMENT_MS),)},
    ],
)
def test_values_out_of_range_cannot_be_read(change: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        canonical.decode(canonical.encode(segment(**change)), Segment)


def test_worked_time_is_the_sum_of_the_intervals() -> None:
    one = segment(intervals=(_interval(0, 10), _interval(100, 101), _interval(200, 300, Kind.MANUAL)))
    assert one.worked_ms == 10 + 1 + 100


@given(SEGMENTS)
def test_the_meter_covers_tracked_time_only(one: Segment) -> None:
    """Held against counting millisecond by millisecond's minute, in the slowest and plainest way."""
    tracked = {
        ms // MINUTE_MS
        for interval in one.intervals
        if interval.kind is Kind.TRACKED
        for ms in (*range(interval.start_ms, interval.end_ms, MINUTE_MS), interval.end_ms - 1)
    }
    if not tracked or one.activity.source is ActivitySource.NONE:
        assert one.activity_minutes is None
        assert one.activity_tenths is None
        return
    active = {m.minute for m in one.activity.minutes if m.keys or m.clicks or m.scrolls or m.moved or m.active_s}
    assert one.activity_minutes == (len(active & tracked), len(tracked))
    assert one.activity_tenths == tenths(len(active & tracked), len(tracked))


@pytest.mark.parametrize(
    ("active", "tracked", "shown"),
    [
        (0, 10, 0),
        (1, 10, 1),
        (10, 10, 10),
        (1, 1, 10),
        (0, 1, 0),
        (1, 3, 3),
        (2, 3, 7),
        (1, 4, 3),
        (3, 8, 4),
        (1, 20, 1),
    ],
)
def test_tenths_are_rounded_half_up(active: int, tracked: int, shown: int) -> None:
    assert tenths(active, tracked) == shown


def test_a_moved_pointer_makes_a_minute_active() -> None:
    intervals = (_interval(0, 2 * MINUTE_MS),)
    activity = Activity(source=ActivitySource.COUNTS, minutes=(minute(0), minute(1, moved=True)))
    assert segment(intervals=intervals, activity=activity).activity_minutes == (1, 2)


def test_an_end_on_the_minute_does_not_touch_the_next() -> None:
    assert segment(intervals=(_interval(0, MINUTE_MS),)).activity_minutes == (1, 1)
    assert segment(intervals=(_interval(0, MINUTE_MS + 1),)).activity_minutes == (1, 2)


@given(st.lists(PICTURES, max_size=3), st.lists(PICTURES, max_size=3))
def test_pictures_are_those_of_all_snapshots(first: list[Picture], second: list[Picture]) -> None:
    snapshots = tuple(
        Snapshot(at_ms=0, status=SnapshotStatus.SENT, reason=None, pictures=tuple(some)) for some in (first, second)
    )
    assert list(segment(snapshots=snapshots).pictures()) == first + second


WINDOW = ActiveWindow(application="Editor", title="notes")


def test_a_content_sealed_before_windows_were_known_keeps_its_canonical_form() -> None:
    old = b'{"at_ms":0,"pictures":[],"reason":"screen_locked","status":"failed"}'
    assert canonical.encode(canonical.decode(old, Snapshot)) == old
    with pytest.raises(canonical.NotCanonicalError):
        canonical.decode(old[:-1] + b',"window":null}', Snapshot)


def test_a_snapshots_window_is_part_of_the_content() -> None:
    one = msgspec.structs.replace(_snapshot(SnapshotStatus.SENT, pictures=1), window=WINDOW)
    content = canonical.encode(one)
    assert content.endswith(b'"window":{"application":"Editor","title":"notes"}}')
    assert canonical.decode(content, Snapshot) == one
    check(segment(snapshots=(one,)))


@pytest.mark.parametrize(
    ("status", "pictures", "reason"),
    [
        (SnapshotStatus.BLURRED, 1, None),
        (SnapshotStatus.WITHHELD, 0, None),
        (SnapshotStatus.FAILED, 0, SnapshotReason.BLANK),
    ],
)
def test_only_a_clear_picture_that_is_sent_has_a_window(
    status: SnapshotStatus, pictures: int, reason: SnapshotReason | None
) -> None:
    one = _snapshot(status, pictures=pictures, reason=reason)
    check(segment(snapshots=(one,)))
    with pytest.raises(InvalidSegmentError, match="names a window"):
        check(segment(snapshots=(msgspec.structs.replace(one, window=WINDOW),)))


@pytest.mark.parametrize("window", [{"application": "a" * 201, "title": ""}, {"application": "", "title": "t" * 1001}])
def test_a_windows_names_are_bounded(window: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(window, ActiveWindow)
