"""Any segment that the rules allow."""

from itertools import pairwise
from uuid import UUID

from hypothesis import strategies as st

from wire.diary import Activity, Interval, Minute, Picture, Segment, Snapshot
from wire.words import SEGMENT_MS, SEGMENT_S, ActivitySource, Kind, RevisionReason, SnapshotReason, SnapshotStatus

_HASH = st.binary(min_size=32, max_size=32).map(bytes.hex)
_COUNT = st.integers(0, 1_000_000)

PICTURES = st.builds(
    Picture,
    monitor=st.integers(0, 63),
    width=st.integers(1, 32_768),
    height=st.integers(1, 32_768),
    sha256=_HASH,
    size=st.integers(1, 2**31),
    thumbnail_sha256=_HASH,
    thumbnail_size=st.integers(1, 2**31),
)


@st.composite
def intervals(draw: st.DrawFn) -> tuple[Interval, ...]:
    """Intervals in order that do not overlap; some touch."""
    cuts = sorted(draw(st.sets(st.integers(0, SEGMENT_MS), max_size=8)))
    given = [
        Interval(
            start_ms=start_ms,
            end_ms=end_ms,
            kind=draw(st.sampled_from(Kind)),
            memo=draw(st.text(max_size=50)),
            label=draw(st.none() | st.text(max_size=10)),
        )
        for start_ms, end_ms in pairwise(cuts)
    ]
    kept = draw(st.lists(st.booleans(), min_size=len(given), max_size=len(given)))
    return tuple(one for one, is_kept in zip(given, kept, strict=True) if is_kept)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """A snapshot whose status, reason and pictures agree."""
    status = draw(st.sampled_from([one for one in SnapshotStatus if one is not SnapshotStatus.HELD]))
    shown = status in {SnapshotStatus.SENT, SnapshotStatus.BLURRED}
    return Snapshot(
        at_ms=draw(st.integers(0, SEGMENT_MS - 1)),
        status=status,
        reason=draw(st.sampled_from(SnapshotReason)) if status is SnapshotStatus.FAILED else None,
        pictures=tuple(draw(st.lists(PICTURES, min_size=1, max_size=3))) if shown else (),
    )


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    """Activity of some of the minutes."""
    return Activity(
        source=draw(st.sampled_from(ActivitySource)),
        minutes=tuple(
            Minute(
                minute=minute,
                keys=draw(_COUNT),
                clicks=draw(_COUNT),
                scrolls=draw(_COUNT),
                moved=draw(st.booleans()),
                active_s=draw(st.integers(0, 60)),
            )
            for minute in sorted(draw(st.sets(st.integers(0, 9), max_size=4)))
        ),
    )


SEGMENTS = st.builds(
    Segment,
    contract=st.uuids(),
    device=st.uuids(),
    start_s=st.integers(0, 10_000_000).map(lambda number: number * SEGMENT_S),
    revision=st.integers(1, 1_000_000),
    reason=st.sampled_from(RevisionReason),
    policy_version=st.integers(1, 1000),
    clock_offset_ms=st.integers(-(2**53), 2**53),
    intervals=intervals(),
    activity=activities(),
    snapshots=st.lists(snapshots(), max_size=3).map(tuple),
)


def segment(**changes: object) -> Segment:
    """Give a plain segment of one interval, one minute and one snapshot, with changes."""
    fields: dict[str, object] = {
        "contract": UUID(int=1),
        "device": UUID(int=2),
        "start_s": 1_795_435_200,
        "revision": 1,
        "reason": RevisionReason.RECORDED,
        "policy_version": 1,
        "clock_offset_ms": -12,
        "intervals": (Interval(start_ms=0, end_ms=60_000, kind=Kind.TRACKED, memo="Draw the map", label=None),),
        "activity": Activity(source=ActivitySource.COUNTS, minutes=(minute(0, keys=3),)),
        "snapshots": (),
    }
    return Segment(**{**fields, **changes})  # type: ignore[arg-type] # a test's changes are of the fields' types


def minute(number: int, *, keys: int = 0, clicks: int = 0, scrolls: int = 0, moved: bool = False) -> Minute:
    """Give one minute's activity."""
    return Minute(minute=number, keys=keys, clicks=clicks, scrolls=scrolls, moved=moved, active_s=0)
