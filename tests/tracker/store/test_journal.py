"""The tick journal: rows that lengthen, split, are cut and moved, and always say the same time."""

from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.clock import NOON_MS
from tests.tracker.store.conftest import KEY
from tracker.domain.clock import Moment
from tracker.domain.events import Effect, TakeAway, Worked
from tracker.domain.sealing import Unsealed
from tracker.domain.segment import Interval
from tracker.domain.session import Phase, State
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.journal import Measured, OpenSegment
from tracker.store.outbox import Sealing
from wire.diary import Picture
from wire.words import SEGMENT_MS, ActivitySource, Kind

ONE, TWO = UUID(int=1), UUID(int=2)


def _moment(at_ms: int, *, is_provisional: bool = False, offset_ms: int = 0) -> Moment:
    return Moment(NOON_MS + at_ms, 0, 0, clock_offset_ms=offset_ms, is_provisional=is_provisional)


def _worked(
    start_ms: int, end_ms: int, *, contract: UUID = ONE, memo: str = "memo", kind: Kind = Kind.TRACKED
) -> Worked:
    return Worked(Interval(contract, NOON_MS + start_ms, NOON_MS + end_ms, kind, memo))


def _measured(at_ms: int, keys: int, *, contract: UUID = ONE, moved: bool = False) -> Measured:
    return Measured(contract, NOON_MS + at_ms, ActivitySource.COUNTS, keys, 0, 0, moved)


def _write(
    buffer: Buffer,
    *effects: Effect,
    measured: Measured | None = None,
    at_ms: int | None = None,
    is_provisional: bool = False,
    policy_version: int = 1,
) -> None:
    if at_ms is None:
        at_ms = max((one.interval.end_ms - NOON_MS for one in effects if isinstance(one, Worked)), default=0)
    now = _moment(at_ms, is_provisional=is_provisional)
    buffer.journal.write(State(), effects, measured, now=now, policy_version=policy_version)


def _spans(buffer: Buffer, contract: UUID = ONE) -> list[tuple[int, int, str]]:
    """What is recorded, row by row, relative to noon."""
    rows = buffer.database.rows(
        "SELECT start_ms, end_ms, memo FROM worked WHERE contract = ? ORDER BY start_ms", (str(contract),)
    )
    return [(start_ms - NOON_MS, end_ms - NOON_MS, memo) for start_ms, end_ms, memo in rows]


def _keys(buffer: Buffer) -> list[tuple[int, int]]:
    return [
        (at - NOON_MS, keys) for at, keys in buffer.database.rows("SELECT at_ms, keys FROM activity ORDER BY at_ms")
    ]


def test_a_tick_that_goes_on_lengthens_the_row(buffer: Buffer) -> None:
    _write(buffer, _worked(0, 5000))
    _write(buffer, _worked(5000, 10_000))
    assert _spans(buffer) == [(0, 10_000, "memo")]


@pytest.mark.parametrize(
    "later",
    [
        _worked(5001, 6000),
        _worked(5000, 6000, memo="other"),
        _worked(5000, 6000, contract=TWO),
        _worked(5000, 6000, kind=Kind.MANUAL),
    ],
)
def test_what_does_not_go_on_is_a_row_of_its_own(buffer: Buffer, later: Worked) -> None:
    _write(buffer, _worked(0, 5000))
    _write(buffer, later)
    assert buffer.database.rows("SELECT count(*) FROM worked") == [(2,)]
    assert sum(buffer.journal.worked_ms(0, 2**62).values()) == 5000 + later.interval.worked_ms


def test_a_label_keeps_rows_apart(buffer: Buffer) -> None:
    for start_ms, label in ((0, None), (10, "design"), (20, "design"), (30, None)):
        interval = Interval(ONE, NOON_MS + start_ms, NOON_MS + start_ms + 10, Kind.TRACKED, "memo", label)
        _write(buffer, Worked(interval))
    rows = buffer.database.rows("SELECT end_ms - start_ms, label FROM worked ORDER BY start_ms")
    assert rows == [(10, None), (20, "design"), (10, None)]


def test_no_row_crosses_the_grid(buffer: Buffer) -> None:
    _write(buffer, _worked(SEGMENT_MS - 5000, SEGMENT_MS))
    _write(buffer, _worked(SEGMENT_MS, SEGMENT_MS + 5000))
    _write(buffer, _worked(SEGMENT_MS + 5000, 3 * SEGMENT_MS + 1))
    assert [(start, end) for start, end, _ in _spans(buffer)] == [
        (SEGMENT_MS - 5000, SEGMENT_MS),
        (SEGMENT_MS, 2 * SEGMENT_MS),
        (2 * SEGMENT_MS, 3 * SEGMENT_MS),
        (3 * SEGMENT_MS, 3 * SEGMENT_MS + 1),
    ]


def test_a_written_event_is_all_or_nothing(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault between the parts of one event leaves nothing of it; without the fault all of it is there."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    _write(buffer, _worked(0, 5000), measured=_measured(0, 1))
    monkeypatch.setattr(buffer.snapshots.__class__, "destroy_between", fail)
    with pytest.raises(ZeroDivisionError):
        _write(buffer, _worked(5000, 6000), TakeAway(NOON_MS + 1000, NOON_MS + 6000), measured=_measured(5000, 2))
    assert (_spans(buffer), _keys(buffer)) == ([(0, 5000, "memo")], [(0, 1)])
    monkeypatch.undo()
    _write(buffer, _worked(5000, 6000), TakeAway(NOON_MS + 1000, NOON_MS + 6000), measured=_measured(5000, 2))
    assert (_spans(buffer), _keys(buffer)) == ([(0, 1000, "memo")], [(0, 1)])


def test_taking_away_cuts_exactly_across_segments_and_memos(buffer: Buffer) -> None:
    _write(buffer, _worked(0, SEGMENT_MS + 100), measured=_measured(0, 1))
    _write(buffer, _worked(SEGMENT_MS + 100, SEGMENT_MS + 200, memo="other"), measured=_measured(SEGMENT_MS + 100, 2))
    _write(buffer, _worked(SEGMENT_MS + 200, 2 * SEGMENT_MS, kind=Kind.MANUAL))
    _write(buffer, TakeAway(NOON_MS + 777, NOON_MS + 2 * SEGMENT_MS), measured=None, at_ms=2 * SEGMENT_MS)
    assert _spans(buffer) == [(0, 777, "memo"), (SEGMENT_MS + 200, 2 * SEGMENT_MS, "memo")]
    assert _keys(buffer) == [(0, 1)]


def test_taking_away_at_a_rows_edge_leaves_or_removes_it_whole(buffer: Buffer) -> None:
    _write(buffer, _worked(0, 100))
    _write(buffer, _worked(100, 200, memo="other"))
    _write(buffer, TakeAway(NOON_MS + 200, NOON_MS + 300), at_ms=300)
    assert _spans(buffer) == [(0, 100, "memo"), (100, 200, "other")]
    _write(buffer, TakeAway(NOON_MS + 100, NOON_MS + 300), at_ms=300)
    assert _spans(buffer) == [(0, 100, "memo")]


def test_a_slow_clock_after_a_boot_takes_no_earlier_work_away(buffer: Buffer) -> None:
    """Before its first contact a boot may believe it is yesterday; idle there, it must not cut what is true."""
    _write(buffer, _worked(0, 5000), measured=_measured(0, 1))
    buffer.snapshots.add(ONE, NOON_MS + 10, drawn_ms=NOON_MS + 10, leaves_ms=NOON_MS + 60_000)
    _write(buffer, _worked(-90_000, -80_000), measured=_measured(-90_000, 2), is_provisional=True)
    _write(buffer, TakeAway(NOON_MS - 85_000, NOON_MS - 70_000), at_ms=-70_000, is_provisional=True)
    assert _spans(buffer) == [(-90_000, -85_000, "memo"), (0, 5000, "memo")]
    _write(buffer, TakeAway(NOON_MS - 95_000, NOON_MS + 10_000), at_ms=10_000, is_provisional=True)
    assert _spans(buffer) == [(0, 5000, "memo")]
    assert _keys(buffer) == [(0, 1)]
    assert len(buffer.snapshots.of_segment(ONE, NOON_MS)) == 1


def test_counts_of_one_instant_add_up(buffer: Buffer) -> None:
    _write(buffer, _worked(0, 1), measured=_measured(0, 3))
    _write(buffer, _worked(1, 2), measured=_measured(0, 4, moved=True))
    _write(buffer, _worked(2, 3), measured=_measured(0, 0))
    recorded = buffer.journal.recorded(ONE, NOON_MS)
    assert recorded is not None
    assert recorded.activity == (_measured(0, 7, moved=True),)


def test_recorded_reads_one_segment_of_one_contract(buffer: Buffer) -> None:
    _write(buffer, _worked(SEGMENT_MS - 10, SEGMENT_MS + 10), measured=_measured(SEGMENT_MS - 10, 1), policy_version=3)
    _write(
        buffer,
        _worked(SEGMENT_MS + 10, SEGMENT_MS + 20, contract=TWO),
        measured=_measured(SEGMENT_MS + 10, 2, contract=TWO),
    )
    first, second = (buffer.journal.recorded(ONE, NOON_MS + start) for start in (0, SEGMENT_MS))
    assert first is not None
    assert second is not None
    assert [(one.start_ms - NOON_MS, one.end_ms - NOON_MS) for one in first.intervals] == [
        (SEGMENT_MS - 10, SEGMENT_MS)
    ]
    assert first.activity == (_measured(SEGMENT_MS - 10, 1),)
    assert second.activity == (_measured(SEGMENT_MS, 0),), "how input is measured is said in every segment"
    assert (first.policy_version, second.intervals[0].worked_ms) == (3, 10)
    assert buffer.journal.recorded(TWO, NOON_MS) is None


def test_open_segments_are_listed_oldest_first_with_what_sealing_asks(buffer: Buffer) -> None:
    _write(buffer, _worked(SEGMENT_MS, SEGMENT_MS + 10), is_provisional=True)
    _write(buffer, _worked(0, 10))
    _write(buffer, _worked(20, 30))
    _write(buffer, _worked(30, 40, contract=TWO))
    buffer.snapshots.add(ONE, NOON_MS + 5, drawn_ms=NOON_MS + 5, leaves_ms=NOON_MS + 60_005)
    assert buffer.journal.open_segments() == [
        OpenSegment(ONE, Unsealed(NOON_MS, NOON_MS + 30, NOON_MS + 60_005, is_provisional=False)),
        OpenSegment(TWO, Unsealed(NOON_MS, NOON_MS + 40, None, is_provisional=False)),
        OpenSegment(ONE, Unsealed(NOON_MS + SEGMENT_MS, NOON_MS + SEGMENT_MS + 10, None, is_provisional=True)),
    ]


def test_forgetting_removes_one_segment_and_no_other(buffer: Buffer) -> None:
    _write(buffer, _worked(0, 2 * SEGMENT_MS), measured=_measured(0, 1))
    _write(buffer, measured=_measured(SEGMENT_MS, 2))
    _write(buffer, _worked(5, 6, contract=TWO), measured=_measured(5, 3, contract=TWO))
    buffer.journal.forget(ONE, NOON_MS)
    assert (_spans(buffer), _spans(buffer, TWO)) == ([(SEGMENT_MS, 2 * SEGMENT_MS, "memo")], [(5, 6, "memo")])
    assert _keys(buffer) == [(5, 3), (SEGMENT_MS, 2)]


def test_worked_time_is_summed_by_contract_within_a_range(buffer: Buffer) -> None:
    _write(buffer, _worked(-10, 10))
    _write(buffer, _worked(10, 40, contract=TWO))
    assert buffer.journal.worked_ms(NOON_MS, NOON_MS + SEGMENT_MS) == {ONE: 10, TWO: 30}
    assert buffer.journal.worked_ms(NOON_MS - SEGMENT_MS, NOON_MS) == {ONE: 10}


# A provisional time that turns out wrong


@pytest.mark.parametrize("by_ms", [1, -1, 5000, -5000, SEGMENT_MS, -SEGMENT_MS + 1, 123_456_789, -123_456_789])
def test_a_shift_refolds_on_the_grid_and_keeps_every_millisecond_and_count(buffer: Buffer, by_ms: int) -> None:
    """Ticks of 5 s moved by 5 s land on each other's instants: none may be lost for that."""
    for tick in range(300):
        _write(
            buffer, _worked(tick * 5000, tick * 5000 + 5000), measured=_measured(tick * 5000, 1), is_provisional=True
        )
    buffer.journal.shift_provisional(by_ms)
    spans = _spans(buffer)
    assert (spans[0][0], spans[-1][1]) == (by_ms, 1_500_000 + by_ms)
    for (_, end_ms, _), (start_ms, _, _) in pairwise(spans):
        assert end_ms == start_ms
    for start_ms, end_ms, _ in spans:
        assert (NOON_MS + start_ms) // SEGMENT_MS == (NOON_MS + end_ms - 1) // SEGMENT_MS
    assert _keys(buffer) == [(tick * 5000 + by_ms, 1) for tick in range(300)]
    assert not any(one.unsealed.is_provisional for one in buffer.journal.open_segments())
    recorded = buffer.journal.recorded(ONE, (NOON_MS + by_ms) // SEGMENT_MS * SEGMENT_MS)
    assert recorded is not None
    assert recorded.clock_offset_ms == by_ms


def test_a_shift_moves_provisional_snapshots_and_all_holds(buffer: Buffer) -> None:
    """A hold that began again after a boot stands on its clock too, or a clock a year ahead held it for a year."""
    for at_ms, is_provisional in ((0, False), (10, True)):
        _write(buffer, _worked(at_ms, at_ms + 5), is_provisional=is_provisional)
        instant_ms = NOON_MS + at_ms
        buffer.snapshots.add(
            ONE, instant_ms, drawn_ms=instant_ms, leaves_ms=instant_ms + 60_000, boot_id="" if is_provisional else None
        )
    buffer.snapshots.restart_hold(ONE, NOON_MS + 10**10 + 60_000)
    buffer.journal.shift_provisional(-(10**10))
    snapshots = [
        *buffer.snapshots.of_segment(ONE, NOON_MS),
        *buffer.snapshots.of_segment(ONE, (NOON_MS + 10 - 10**10) // SEGMENT_MS * SEGMENT_MS),
    ]
    assert [one.at_ms - NOON_MS for one in snapshots] == [0, 10 - 10**10]
    assert [one.leaves_ms for one in snapshots] == [NOON_MS + 60_000] * 2
    assert buffer.snapshots.next_hold_ms(NOON_MS + 60_000) is None


def test_a_shift_leaves_true_time_alone(buffer: Buffer) -> None:
    _write(buffer, _worked(0, 10), measured=_measured(0, 1))
    _write(buffer, _worked(20, 30), measured=_measured(20, 2), is_provisional=True)
    buffer.journal.shift_provisional(-20)
    assert _spans(buffer) == [(0, 10, "memo"), (10, 20, "memo")]
    assert _keys(buffer) == [(0, 1), (10, 2)]


def test_after_a_shift_the_next_tick_goes_on_in_the_same_row(buffer: Buffer) -> None:
    _write(buffer, _worked(0, 5000), is_provisional=True)
    buffer.journal.shift_provisional(300)
    _write(buffer, _worked(5300, 6000))
    assert _spans(buffer) == [(300, 6000, "memo")]


# Starting again


def _running(at_ms: int) -> State:
    return State(phase=Phase.TRACKING, contract=ONE, counted=_moment(at_ms))


def test_an_interrupted_timer_is_told_once(tmp_path: Path) -> None:
    buffer = open_buffer(tmp_path, KEY)
    buffer.journal.write(_running(5000), (_worked(0, 5000),), None, now=_moment(5000), policy_version=1)
    buffer.journal.write(_running(9000), (_worked(5000, 9000),), None, now=_moment(9000), policy_version=1)
    buffer.database.close()
    buffer = open_buffer(tmp_path, KEY)
    assert buffer.journal.interrupted_at_ms() == NOON_MS + 9000
    assert buffer.journal.interrupted_at_ms() is None
    buffer.database.close()


def test_a_stopped_timer_was_not_interrupted(buffer: Buffer) -> None:
    buffer.journal.write(_running(5000), (), None, now=_moment(5000), policy_version=1)
    buffer.journal.write(State(contract=ONE), (), None, now=_moment(6000), policy_version=1)
    assert buffer.journal.interrupted_at_ms() is None


def test_the_last_end_is_that_of_all_time_sealed_or_not(buffer: Buffer) -> None:
    assert buffer.journal.last_end_ms() is None
    _write(buffer, _worked(0, 5000))
    assert buffer.journal.last_end_ms() == NOON_MS + 5000
    for start_ms, end_ms in ((SEGMENT_MS, SEGMENT_MS + 7), (0, 20)):
        buffer.outbox.append(
            UUID(int=9),
            Sealing(ONE, NOON_MS + start_ms, 1, 1, NOON_MS + end_ms, b"s" * 32, b"{}", NOON_MS, ()),
        )
    assert buffer.journal.last_end_ms() == NOON_MS + SEGMENT_MS + 7
    _write(buffer, _worked(2 * SEGMENT_MS, 2 * SEGMENT_MS + 1))
    assert buffer.journal.last_end_ms() == NOON_MS + 2 * SEGMENT_MS + 1


# Any text


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_memo_is_kept_and_goes_on(buffer: Buffer, memo: str) -> None:
    _write(buffer, _worked(0, 10, memo=memo))
    _write(buffer, _worked(10, 20, memo=memo))
    assert _spans(buffer) == [(0, 20, memo)]
    buffer.journal.forget(ONE, NOON_MS)


def test_a_picture_goes_with_the_time_that_is_taken_away(buffer: Buffer) -> None:
    _write(buffer, _worked(0, 5000))
    names = [buffer.pictures.put(content) for content in (b"picture", b"thumbnail")]
    picture = Picture(
        monitor=0, width=1, height=1, sha256=names[0], size=7, thumbnail_sha256=names[1], thumbnail_size=9
    )  # fmt: skip
    buffer.snapshots.add(ONE, NOON_MS + 1000, drawn_ms=NOON_MS + 1000, pictures=(picture,), leaves_ms=NOON_MS + 61_000)
    _write(buffer, TakeAway(NOON_MS + 1001, NOON_MS + 5000), at_ms=5000)
    assert buffer.pictures.names() == set(names)
    _write(buffer, TakeAway(NOON_MS + 1000, NOON_MS + 5000), at_ms=5000)
    assert buffer.pictures.names() == set()
    assert buffer.snapshots.of_segment(ONE, NOON_MS) == []
