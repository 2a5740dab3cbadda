"""What counts of a segment less its marks, for any segment and any marks."""

from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.wire.strategies import SEGMENTS, minute, segment
from wire.diary import Interval, Picture, Segment, Snapshot, check
from wire.marks import Mark, MarkKind, Stretch, less, taken_ms
from wire.words import SEGMENT_MS, Kind, SnapshotReason, SnapshotStatus

STRETCHES = st.builds(Stretch, start_ms=st.integers(0, SEGMENT_MS - 1), end_ms=st.integers(1, SEGMENT_MS))


def mark(of: Segment, kind: MarkKind = MarkKind.DELETED, **changes: object) -> Mark:
    fields: dict[str, object] = {
        "number": 1,
        "contract": of.contract,
        "device": of.device,
        "start_s": of.start_s,
        "kind": kind,
        "ranges": (),
        "pictures": (),
        "actor": "Ana Silva",
        "reason": "Private",
        "made_ms": 0,
    }
    return Mark(**{**fields, **changes})  # type: ignore[arg-type] # a test's changes are of the fields' types


@st.composite
def marked(draw: st.DrawFn) -> tuple[Segment, list[Mark]]:
    """A segment, and marks that name some of its time and pictures and some that it does not have."""
    of = draw(SEGMENTS)
    known = [picture.sha256 for picture in of.pictures()]
    names = st.sampled_from(known) if known else st.just("0" * 64)
    made = st.builds(
        lambda kind, ranges, pictures: mark(of, kind, ranges=tuple(ranges), pictures=tuple(pictures)),
        st.sampled_from(MarkKind),
        st.lists(STRETCHES, max_size=3),
        st.lists(names, max_size=2),
    )
    return of, draw(st.lists(made, max_size=3))


def times(of: Segment) -> set[tuple[int, int]]:
    return {(one.start_ms, one.end_ms) for one in of.intervals}


def is_within(part: Interval, whole: Interval) -> bool:
    return whole.start_ms <= part.start_ms and part.end_ms <= whole.end_ms and part.memo == whole.memo


@given(marked())
def test_a_mark_only_takes_away(given_: tuple[Segment, list[Mark]]) -> None:
    of, marks = given_
    left = less(of, marks)
    assert left.worked_ms <= of.worked_ms
    assert all(any(is_within(part, whole) for whole in of.intervals) for part in left.intervals)
    assert {one.sha256 for one in left.pictures()} <= {one.sha256 for one in of.pictures()}
    assert set(left.activity.minutes) <= set(of.activity.minutes)
    check(left)


@given(marked())
def test_order_of_marks_is_irrelevant_and_twice_is_once(given_: tuple[Segment, list[Mark]]) -> None:
    of, marks = given_
    left = less(of, marks)
    assert all(less(of, shuffled) == left for shuffled in permutations(marks))
    assert less(left, marks) == left
    one_by_one = of
    for one in marks:
        one_by_one = less(one_by_one, [one])
    assert one_by_one == left


@given(marked(), SEGMENTS)
def test_no_later_revision_brings_back_what_a_mark_names(given_: tuple[Segment, list[Mark]], later: Segment) -> None:
    of, marks = given_
    told = {"contract": of.contract, "device": of.device, "start_s": of.start_s, "revision": of.revision + 1}
    again = structs.replace(later, snapshots=(*later.snapshots, *of.snapshots), **told)
    left = less(again, marks)
    named = [one for mark in marks for one in mark.ranges if one.start_ms < one.end_ms]
    for interval in left.intervals:
        assert not any(one.start_ms < interval.end_ms and interval.start_ms < one.end_ms for one in named)
    assert not {one.sha256 for one in left.pictures()} & {sha256 for mark in marks for sha256 in mark.pictures}


@given(marked())
def test_what_no_mark_names_stands(given_: tuple[Segment, list[Mark]]) -> None:
    of, marks = given_
    named = sum(
        max(0, min(interval.end_ms, one.end_ms) - max(interval.start_ms, one.start_ms))
        for interval in of.intervals
        for mark in marks
        for one in mark.ranges
    )
    assert less(of, marks).worked_ms >= of.worked_ms - named
    other = [structs.replace(mark, start_s=mark.start_s + 600) for mark in marks]
    other += [structs.replace(mark, device=UUID(int=3)) for mark in marks]
    other += [structs.replace(mark, contract=UUID(int=3)) for mark in marks]
    assert less(of, other) == of


def tracked(*spans: tuple[int, int]) -> tuple[Interval, ...]:
    return tuple(Interval(start_ms=s, end_ms=e, kind=Kind.TRACKED, memo="Draw", label=None) for s, e in spans)


def shot(at_ms: int, *pictures: Picture, **changes: object) -> Snapshot:
    snapshot = Snapshot(at_ms=at_ms, status=SnapshotStatus.SENT, reason=None, pictures=pictures)
    return structs.replace(snapshot, **changes)


@pytest.fixture
def picture() -> Picture:
    return Picture(
        monitor=0, width=1, height=1, sha256="a" * 64, size=1, thumbnail_sha256="b" * 64, thumbnail_size=1
    )  # fmt: skip


def test_ranges_are_half_open_and_cut_at_the_millisecond() -> None:
    of = segment(intervals=tracked((0, 60_000), (60_000, 90_000)))
    left = less(of, [mark(of, ranges=(Stretch(start_ms=59_999, end_ms=60_001),))])
    assert times(left) == {(0, 59_999), (60_001, 90_000)}


def test_counts_go_with_the_minutes_that_have_no_time_left() -> None:
    of = segment(intervals=tracked((0, 150_000)))
    of = structs.replace(
        of, activity=structs.replace(of.activity, minutes=(minute(0, keys=1), minute(1, keys=2), minute(9, keys=3)))
    )
    left = less(of, [mark(of, ranges=(Stretch(start_ms=30_000, end_ms=130_000),))])
    assert [one.minute for one in left.activity.minutes] == [0, 9], "minute 1 is wholly gone, 9 was never named"


def test_a_withheld_picture_takes_its_whole_snapshot_along(picture: Picture) -> None:
    second = structs.replace(picture, monitor=1, sha256="c" * 64)
    of = segment(snapshots=(shot(5, picture, second), shot(9, structs.replace(picture, sha256="d" * 64))))
    left = less(of, [mark(of, MarkKind.WITHHELD, pictures=("c" * 64,))])
    assert [one.status for one in left.snapshots] == [SnapshotStatus.WITHHELD, SnapshotStatus.SENT]
    assert left.worked_ms == of.worked_ms
    assert [one.sha256 for one in left.pictures()] == ["d" * 64]


@pytest.mark.parametrize(
    ("kind", "left"), [(MarkKind.DELETED, []), (MarkKind.TRIMMED, [SnapshotReason.OUTSIDE_TRACKED_TIME])]
)
def test_pictures_of_time_taken_away(picture: Picture, kind: MarkKind, left: list[SnapshotReason]) -> None:
    of = segment(snapshots=(shot(5, picture),))
    after = less(of, [mark(of, kind, ranges=(Stretch(start_ms=5, end_ms=6),))])
    assert [one.reason for one in after.snapshots] == left
    assert not list(after.pictures())
    kept = less(of, [mark(of, kind, ranges=(Stretch(start_ms=6, end_ms=7),))])
    assert kept.snapshots == of.snapshots, "its instant lies outside"


def test_time_named_twice_is_summed_once() -> None:
    of = segment()
    marks = [
        mark(of, ranges=(Stretch(start_ms=0, end_ms=100), Stretch(start_ms=50, end_ms=60))),
        mark(of, MarkKind.TRIMMED, ranges=(Stretch(start_ms=90, end_ms=110), Stretch(start_ms=9, end_ms=8))),
    ]
    assert taken_ms(marks) == 110
