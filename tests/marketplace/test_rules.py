"""The rules as pure functions: no database, no clock."""

import datetime as dt
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.diary.chart import HEIGHT, bars
from marketplace.diary.day import Entry, Face, bounds_s, lay_out
from marketplace.diary.reading import billing_week_s
from marketplace.diary.rules import Fresh, Known, Refusal, Same, Terms, judge, open_content
from marketplace.diary.templatetags.diary_format import hms, hours_limit, min_s, ms
from tests.marketplace.conftest import interval, minute, said_of, snapshot_of
from wire import canonical, chain, diary
from wire.words import ActivitySource, Kind, RevisionReason, SnapshotReason, SnapshotStatus

CONTRACT, OTHER, DEVICE, DESKTOP = (UUID(int=number) for number in range(1, 5))
START_S = 1_795_000_200 // 600 * 600
NOW_MS = (START_S + 3600) * 1000
TERMS = {CONTRACT: Terms(0, frozenset({1})), OTHER: Terms(0, frozenset({1}))}


def segment(**changed: object) -> diary.Segment:
    said: dict[str, object] = {
        "contract": CONTRACT,
        "device": DEVICE,
        "start_s": START_S,
        "revision": 1,
        "reason": RevisionReason.RECORDED,
        "policy_version": 1,
        "clock_offset_ms": 0,
        "intervals": (interval(),),
        "activity": diary.Activity(source=ActivitySource.COUNTS, minutes=()),
        "snapshots": (),
    }
    return diary.Segment(**{**said, **changed})  # type: ignore[arg-type]  # a test builds it by name


def known(one: diary.Segment, received_ms: int = 7) -> Known:
    return Known(one.contract, one.device, one.start_s, one.revision, canonical.encode(one), received_ms)


def judged(one: diary.Segment, *before: diary.Segment, now_ms: int = NOW_MS) -> Fresh | Same | Refusal:
    return judge(
        one,
        canonical.encode(one),
        sender=DEVICE,
        contracts=TERMS,
        known=[known(other) for other in before],
        now_ms=now_ms,
    )


def code(verdict: object) -> str:
    assert isinstance(verdict, Refusal), verdict
    return verdict.code


def test_fresh_and_same() -> None:
    assert judged(segment()) == Fresh()
    assert judged(segment(), segment()) == Same(7)


def test_the_future_begins_after_two_minutes() -> None:
    end_ms = (START_S + 600) * 1000
    assert judged(segment(), now_ms=end_ms - 120_000) == Fresh()
    assert code(judged(segment(), now_ms=end_ms - 120_001)) == "in_future"


def test_touching_is_no_overlap_and_one_millisecond_is() -> None:
    other = segment(contract=OTHER, intervals=(interval(0, 300_000),))
    assert judged(segment(intervals=(interval(300_000, 600_000),)), other) == Fresh()
    assert code(judged(segment(intervals=(interval(299_999, 600_000),)), other)) == "overlap"


def test_only_the_newest_of_another_segment_takes_time() -> None:
    old = segment(contract=OTHER)
    new = segment(contract=OTHER, revision=2, intervals=(interval(0, 1000),))
    assert code(judged(segment(intervals=(interval(1000, 2000),)), old)) == "overlap"
    assert judged(segment(intervals=(interval(1000, 2000),)), new, old) == Fresh()


def test_a_newer_revision_does_not_overlap_its_elder() -> None:
    assert judged(segment(revision=2), segment()) == Fresh()


@given(content=st.binary(max_size=300), salt=st.binary(min_size=32, max_size=32))
def test_no_bytes_break_the_opening(content: bytes, salt: bytes) -> None:
    assert isinstance(open_content(chain.digest(salt, content), salt, content), Refusal)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
)


@given(name=st.sampled_from(diary.Segment.__struct_fields__), value=json_values)
def test_no_field_breaks_the_opening(name: str, value: object) -> None:
    said = {**msgspec.to_builtins(segment()), name: value}
    content = msgspec.json.encode(said, order="sorted")
    opened = open_content(chain.digest(b"s" * 32, content), b"s" * 32, content)
    assert isinstance(opened, Refusal | diary.Segment)
    if isinstance(opened, diary.Segment):
        assert isinstance(judged(opened), Fresh | Refusal)


def entry(**changed: object) -> Entry:
    return Entry(segment=segment(**changed), device_name="laptop", received_ms=0, stored=frozenset())


def test_a_day_is_laid_out_in_hours_with_memo_groups_and_gaps() -> None:
    date = dt.date(2026, 11, 19)
    from_s, _ = bounds_s(date)
    day = lay_out(
        date,
        [
            entry(start_s=from_s + 3 * 3600, intervals=(interval(memo="c"),)),
            entry(start_s=from_s, intervals=(interval(memo="a"),)),
            entry(start_s=from_s + 600, intervals=(interval(memo="a"),)),
            entry(start_s=from_s + 1800, intervals=(interval(0, 1, memo="a"),)),
            entry(start_s=from_s + 2400, intervals=()),
        ],
    )
    assert [hour.start_s - from_s for hour in day.hours] == [0, 3 * 3600]
    assert [hour.is_after_a_gap for hour in day.hours] == [False, True]
    assert [(one.column, one.span, one.memo) for one in day.hours[0].memos] == [(1, 2, "a"), (4, 1, "a")]
    assert day.hours[0].worked_ms == 1_200_001
    assert day.worked_ms == 1_800_001
    assert len(day.entries) == 4


def test_what_a_tile_shows() -> None:
    picture = said_of(b"full", b"small")
    sent = snapshot_of(picture)
    assert entry(snapshots=(sent,)).face is Face.ON_ITS_WAY
    here = Entry(segment(snapshots=(sent,)), "laptop", 0, frozenset({picture.thumbnail_sha256}))
    assert (here.face, here.thumbnail) == (Face.PICTURE, picture.thumbnail_sha256)
    assert entry(snapshots=(snapshot_of(status=SnapshotStatus.WITHHELD),)).face is Face.WITHHELD
    failed = snapshot_of(status=SnapshotStatus.FAILED, reason=SnapshotReason.BLANK)
    assert entry(snapshots=(failed,)).face is Face.FAILED
    assert entry(intervals=(interval(kind=Kind.MANUAL),)).face is Face.MANUAL
    assert entry(intervals=(interval(kind=Kind.DECLARED),)).face is Face.DECLARED
    assert entry().face is Face.NONE


@pytest.mark.parametrize(
    ("moment_s", "start_s"), [(0, -3 * 86_400), (4 * 86_400, 4 * 86_400), (4 * 86_400 - 1, -3 * 86_400)]
)
def test_the_billing_week_starts_on_monday(moment_s: int, start_s: int) -> None:
    assert billing_week_s(moment_s) == (start_s, start_s + 7 * 86_400)


def test_the_chart_stacks_and_fits() -> None:
    drawn = bars(diary.Activity(source=ActivitySource.COUNTS, minutes=(minute(0, 10, 5, 5), minute(9, 5))))
    assert [one.series for one in drawn] == ["scrolls", "clicks", "keys", "keys"]
    assert min(one.y for one in drawn) == 0
    assert sum(one.height for one in drawn[:3]) == pytest.approx(HEIGHT)
    assert bars(diary.Activity(source=ActivitySource.COUNTS, minutes=(minute(0),))) == []


def test_the_chart_draws_active_seconds_of_sixty() -> None:
    active = [
        msgspec.structs.replace(minute(number), active_s=seconds) for number, seconds in ((0, 0), (1, 15), (2, 60))
    ]
    drawn = bars(diary.Activity(source=ActivitySource.ACTIVE_SECONDS, minutes=tuple(active)))
    assert [(one.series, one.height, one.y) for one in drawn] == [
        ("active", HEIGHT / 4, 3 * HEIGHT / 4),
        ("active", HEIGHT, 0),
    ]


def test_words_for_durations() -> None:
    assert (hms(8_832_999), hms(0), hms(360_000_000)) == ("2:27:12", "0:00:00", "100:00:00")
    assert (ms(588_000), min_s(588_000)) == ("9:48", "9 min 48 s")
    assert (hours_limit(1800), hours_limit(450)) == ("30 h", "7 h 30 min")
