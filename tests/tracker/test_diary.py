"""The tracker's own diary: worked and billable side by side, protection per interval, and what marks took away."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from tests.fakes.clock import NOON_MS
from tests.fakes.terms import contract
from tests.tracker.test_overview import DEVICE, HOUR_MS, Desk, moment
from tracker.commands import DiaryAnswer
from tracker.domain.events import Worked
from tracker.domain.segment import Interval
from tracker.domain.session import State
from tracker.store.buffer import open_buffer
from wire.contract import Contract
from wire.marks import Mark, MarkKind, MarkList, Stretch
from wire.sync import Accepted, Rejected
from wire.week import DAY_MS
from wire.words import MINUTE_MS, SEGMENT_MS, Kind

ONE = UUID(int=1)
MEMO, OVER = "There is no memo. Say what you are doing.", "The week's limit is reached;"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    buffer = open_buffer(tmp_path, bytes(32))
    yield Desk(buffer)
    buffer.database.close()


def day(desk: Desk, *contracts: Contract, of: str | None = None, now_ms: int = 6 * HOUR_MS) -> DiaryAnswer:
    return desk.diary(of, now_ms, contracts)


def mark(desk: Desk, *ranges: tuple[int, int], number: int = 1, segment: int = 0, **changes: object) -> None:
    made = Mark(
        number=number, contract=ONE, device=DEVICE, start_s=(NOON_MS + segment * SEGMENT_MS) // 1000,
        kind=MarkKind.DELETED, ranges=tuple(Stretch(start_ms=start, end_ms=end) for start, end in ranges), pictures=(),
        actor="Ana Silva", reason="Lunch", made_ms=NOON_MS,
    )  # fmt: skip
    desk.buffer.marks.take_in(MarkList(marks=(msgspec.structs.replace(made, **changes),), newest=number), DEVICE)


def test_an_interval_that_crosses_the_limit_is_split_at_the_millisecond(desk: Desk) -> None:
    """Monday's limit is a minute; half a second of it was worked in the night."""
    desk.work(-11 * HOUR_MS, -11 * HOUR_MS + 500)
    desk.work(0, 2 * SEGMENT_MS)
    agreed = contract(weekly_limit_minutes=1, snapshots_per_segment=0)
    answer = day(desk, agreed)
    _, first, second = answer.segments
    assert (first.worked_ms, first.billable_ms, first.over_limit_ms) == (600_000, 59_500, 540_500)
    assert (second.billable_ms, second.over_limit_ms) == (0, 600_000)
    parts = [(one.start_ms - NOON_MS, one.end_ms - NOON_MS, one.is_billable) for one in first.intervals]
    assert parts == [(0, 59_500, True), (59_500, 600_000, False)]
    assert first.intervals[0].unprotected == ()
    assert first.intervals[1].unprotected[0].startswith(OVER)
    [total] = answer.totals
    assert (total.day.worked_ms, total.day.billable_ms, total.day.over_limit_ms) == (1_200_500, 60_000, 1_140_500)
    assert (total.day.billable_minutes, total.week.billable_minutes) == (1, 1)
    assert total.day.reason == "Over the weekly limit of 0:01 h; kept and shown, not billed."


def test_the_limit_is_used_up_in_the_order_worked_across_days(desk: Desk) -> None:
    """Tuesday is asked for; Monday used the limit but for half an hour."""
    desk.work(0, 3 * HOUR_MS // 2)
    desk.seal()
    desk.work(DAY_MS, DAY_MS + HOUR_MS)
    agreed = contract(weekly_limit_minutes=120)
    asked = day(desk, agreed, of="2026-11-24", now_ms=DAY_MS + 2 * HOUR_MS)
    assert [one.billable_ms for one in asked.segments] == [SEGMENT_MS] * 3 + [0] * 3
    tuesday = asked.totals[0]
    monday = day(desk, agreed, of="2026-11-23", now_ms=DAY_MS + 2 * HOUR_MS).totals[0]
    assert (monday.day.billable_minutes, tuesday.day.billable_minutes) == (90, 30)
    assert (tuesday.day.worked_ms, tuesday.day.over_limit_ms) == (HOUR_MS, HOUR_MS // 2)
    assert monday.week == tuesday.week
    assert (tuesday.week.billable_minutes, tuesday.week.worked_ms) == (120, 5 * HOUR_MS // 2)
    assert monday.day.reason is None
    assert tuesday.week.reason == "Over the weekly limit of 2 h; kept and shown, not billed."


def test_days_add_up_to_the_week_and_the_week_is_rounded_once(desk: Desk) -> None:
    for number in range(3):
        desk.work(number * DAY_MS, number * DAY_MS + 100_000)  # 1:40 each, 5:00 together
    days = [day(desk, contract(), of=f"2026-11-{23 + n}", now_ms=3 * DAY_MS).totals[0] for n in range(3)]
    assert [one.day.billable_minutes for one in days] == [2, 2, 1]
    assert {one.week.billable_minutes for one in days} == {5}
    [line] = desk.overview.contract_lines((contract(),), moment(3 * DAY_MS))
    assert line.earned_minor == 350


def test_a_past_week_has_the_limit_that_it_was_worked_under(desk: Desk) -> None:
    desk.buffer.learnt.keep(contract(version=1, weekly_limit_minutes=60))
    now = contract(version=2, weekly_limit_minutes=30)
    desk.buffer.learnt.keep(now)
    desk.work(0, 2 * HOUR_MS)
    desk.seal()
    later = day(desk, now, of="2026-11-23", now_ms=8 * DAY_MS).totals[0]
    assert (later.week.billable_minutes, later.week.worked_ms) == (60, 2 * HOUR_MS)


def test_protection_is_told_for_each_interval_by_the_policy_it_names(desk: Desk) -> None:
    desk.buffer.learnt.keep(contract(version=1, activity_threshold=0, snapshots_per_segment=0))
    desk.work(0, MINUTE_MS, keys=0, memo="")
    desk.work(MINUTE_MS, 2 * MINUTE_MS, keys=0)
    manual = Interval(ONE, NOON_MS + 2 * MINUTE_MS, NOON_MS + 3 * MINUTE_MS, Kind.MANUAL, "Call")
    desk.buffer.journal.write(State(), (Worked(manual),), None, now=moment(0), policy_version=1)
    desk.seal()
    newer = contract(version=2, activity_threshold=10)
    [one] = day(desk, newer).segments
    assert [part.unprotected for part in one.intervals] == [(MEMO,), (), ("Manual time is never protected.",)]
    assert one.billable_ms == one.worked_ms, "manual time bills like any other"
    with desk.buffer.database.transaction():
        desk.buffer.database.execute("DELETE FROM learnt")
    [unknown] = day(desk, newer).segments
    assert {part.unprotected for part in unknown.intervals} == {
        ("The terms that it was worked under are not known on this computer.",)
    }


def test_a_running_segments_missing_snapshot_says_nothing_yet(desk: Desk) -> None:
    desk.work(0, MINUTE_MS)
    [running] = day(desk, contract(), now_ms=MINUTE_MS).segments
    [ended] = day(desk, contract(), now_ms=SEGMENT_MS).segments
    assert running.intervals[0].unprotected == ()
    assert ended.intervals[0].unprotected == ("This segment has no snapshot.",)


def test_what_is_refused_bills_nothing_and_what_stands_goes_on_counting(desk: Desk) -> None:
    desk.work(0, 2 * MINUTE_MS)
    desk.seal()
    desk.buffer.outbox.settle(0, Accepted(received_ms=1))
    desk.work(5 * MINUTE_MS, 6 * MINUTE_MS)
    desk.seal()
    desk.buffer.outbox.settle(1, Rejected(code="overlap", sentence="No."))
    answer = day(desk, contract())
    assert [(one.sync_state, one.worked_ms, one.billable_ms) for one in answer.segments] == [
        ("accepted", 2 * MINUTE_MS, 2 * MINUTE_MS),
        ("rejected", 3 * MINUTE_MS, 0),
    ]
    assert answer.segments[1].intervals[0].unprotected == ("The marketplace refused it: No.",)
    assert answer.totals[0].day.billable_ms == answer.worked_ms == 2 * MINUTE_MS


def test_marks_are_shown_and_what_they_name_counts_no_more(desk: Desk) -> None:
    desk.work(0, SEGMENT_MS)
    desk.work(SEGMENT_MS, 2 * SEGMENT_MS)
    desk.seal()
    for link in (0, 1):
        desk.buffer.outbox.settle(link, Accepted(received_ms=1))
    mark(desk, (0, 60_000))
    mark(desk, (0, SEGMENT_MS), number=2, segment=1)
    answer = day(desk, contract())
    assert [one.worked_ms for one in answer.segments] == [540_000]
    assert answer.worked_ms == 540_000
    [line] = desk.overview.contract_lines((contract(),), moment(HOUR_MS))
    assert (line.today_ms, line.earned_minor) == (540_000, 630)
    said = [(one.start_ms - NOON_MS, one.taken_ms, one.actor, one.reason) for one in answer.marks]
    assert said == [(0, 60_000, "Ana Silva", "Lunch"), (SEGMENT_MS, SEGMENT_MS, "Ana Silva", "Lunch")]


def test_a_contract_that_is_gone_keeps_its_title_and_its_terms(desk: Desk) -> None:
    desk.buffer.learnt.keep(contract(5, snapshots_per_segment=0))
    desk.work(0, MINUTE_MS, contract=5)
    answer = day(desk, contract(1))
    assert (answer.segments[0].contract_title, answer.totals[0].client) == ("Contract 5", "Northwind Ltd")
    assert answer.segments[0].intervals[0].unprotected == ()
