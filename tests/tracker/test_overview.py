"""What is shown, from what is recorded: sums, diaries and the reasons against protection."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.fakes.clock import NOON_MS
from tests.fakes.terms import contract
from tracker.commands import DiaryAnswer
from tracker.diary import Diary
from tracker.domain.clock import Moment
from tracker.domain.errors import RefusedError
from tracker.domain.events import Worked
from tracker.domain.segment import Interval, split
from tracker.domain.session import PauseReason, Phase, State
from tracker.overview import Overview
from tracker.status import Status, SyncView
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.journal import Measured
from tracker.sync.sealer import Sealer
from wire.contract import Contract, ContractStatus
from wire.sync import Accepted, Rejected
from wire.week import DAY_MS
from wire.words import MINUTE_MS, SEGMENT_MS, ActivitySource, Kind, SnapshotReason

DEVICE = UUID(int=9)
HOUR_MS = 60 * MINUTE_MS
SYNC = SyncView(
    server=None, is_logged_in=True, waiting_segments=0, waiting_pictures=0, waiting_since_ms=None, next_try_ms=None,
    last_contact_ms=None, refused_segments=0, problem=None,
)  # fmt: skip


def moment(after_noon_ms: int) -> Moment:
    return Moment(NOON_MS + after_noon_ms, after_noon_ms, after_noon_ms, 0, is_provisional=False)


class Desk:
    """A buffer to record in and the overview of it; instants are milliseconds after noon."""

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer
        self.sealer = Sealer(buffer.database, buffer.journal, buffer.snapshots, buffer.outbox)
        self.overview = Overview(buffer, self.sealer)
        self.own_diary = Diary(buffer, self.sealer)

    def work(
        self, start_ms: int, end_ms: int, *, contract: int = 1, memo: str = "memo", keys: int = 1, active_ms: int = 0,
        source: ActivitySource = ActivitySource.COUNTS,
    ) -> None:  # fmt: skip
        interval = Interval(UUID(int=contract), NOON_MS + start_ms, NOON_MS + end_ms, Kind.TRACKED, memo)
        for at_ms in range(start_ms, end_ms, MINUTE_MS):
            measured = Measured(
                UUID(int=contract), NOON_MS + at_ms, source, keys, 0, 0, moved=False, active_ms=active_ms
            )
            self.buffer.journal.write(State(), (), measured, now=moment(at_ms), policy_version=1)
        self.buffer.journal.write(State(), map(Worked, split(interval)), None, now=moment(end_ms), policy_version=1)

    def seal(self) -> None:
        self.sealer.seal(DEVICE, State(), moment(DAY_MS))

    def diary(self, day: str | None = None, now_ms: int = 0, contracts: tuple[Contract, ...] = ()) -> DiaryAnswer:
        return self.own_diary.day(day, contracts or (contract(1), contract(2)), DEVICE, moment(now_ms))

    def status(self, now_ms: int, *contracts: Contract, **changed: Any) -> Status:
        said = {"phase": Phase.TRACKING, "contract": UUID(int=1), "memo": "memo", **changed}
        return self.overview.status(State(**said), moment(now_ms), contracts or (contract(),), DEVICE, SYNC, ())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    buffer = open_buffer(tmp_path, bytes(32))
    yield Desk(buffer)
    buffer.database.close()


def test_today_and_this_week_count_sealed_and_unsealed_time_once(desk: Desk) -> None:
    """It is Monday: last week's Sunday is neither; the running segment lies half in the outbox, half in the journal."""
    desk.work(-13 * HOUR_MS, -12 * HOUR_MS)  # Sunday, 23:00 to midnight
    desk.work(-12 * HOUR_MS, -12 * HOUR_MS + MINUTE_MS)
    desk.work(0, 4 * MINUTE_MS)
    desk.seal()
    desk.work(4 * MINUTE_MS, 6 * MINUTE_MS)
    desk.work(0, MINUTE_MS, contract=2)
    first, second = desk.overview.contract_lines((contract(1), contract(2)), moment(6 * MINUTE_MS))
    assert (first.today_ms, first.week_ms) == (7 * MINUTE_MS, 7 * MINUTE_MS)
    assert (second.today_ms, second.week_ms) == (MINUTE_MS, MINUTE_MS)
    [tomorrow] = desk.overview.contract_lines((contract(1),), moment(DAY_MS))
    assert (tomorrow.today_ms, tomorrow.week_ms) == (0, 7 * MINUTE_MS)


def test_earnings_stop_at_the_weekly_limit(desk: Desk) -> None:
    desk.work(0, 2 * HOUR_MS)
    for limit, earned_minor in ((None, 8400), (90, 6300), (0, 0)):
        [line] = desk.overview.contract_lines((contract(weekly_limit_minutes=limit),), moment(3 * HOUR_MS))
        assert (line.week_ms, line.earned_minor) == (2 * HOUR_MS, earned_minor)


def test_only_active_contracts_can_be_tracked(desk: Desk) -> None:
    given = tuple(msgspec.structs.replace(contract(), status=status) for status in ContractStatus)
    lines = desk.overview.contract_lines(given, moment(0))
    assert [line.can_be_tracked for line in lines] == [status is ContractStatus.ACTIVE for status in ContractStatus]


def test_the_diary_shows_each_segment_once_with_where_it_stands(desk: Desk) -> None:
    desk.work(0, 3 * SEGMENT_MS)
    desk.seal()
    desk.buffer.outbox.settle(0, Accepted(received_ms=1))
    desk.buffer.outbox.settle(1, Rejected(code="overlap", sentence="Something else stands there."))
    desk.work(3 * SEGMENT_MS, 3 * SEGMENT_MS + 1000)
    desk.work(2 * SEGMENT_MS + 1, 2 * SEGMENT_MS + 2, contract=2)
    diary = desk.diary()
    shown = [(one.start_ms - NOON_MS, one.contract_title, one.sync_state, one.detail) for one in diary.segments]
    assert shown == [
        (0, "Contract 1", "accepted", None),
        (SEGMENT_MS, "Contract 1", "rejected", "Something else stands there."),
        (2 * SEGMENT_MS, "Contract 1", "waiting", None),
        (2 * SEGMENT_MS, "Contract 2", "recording", None),
        (3 * SEGMENT_MS, "Contract 1", "recording", None),
    ]
    assert diary.worked_ms == 2 * SEGMENT_MS + 1001  # what was refused does not count


def test_a_segment_that_is_continued_shows_as_one(desk: Desk) -> None:
    desk.work(0, 2 * MINUTE_MS)
    desk.seal()
    desk.buffer.outbox.settle(0, Accepted(received_ms=1))
    desk.work(5 * MINUTE_MS, 6 * MINUTE_MS)
    [one] = desk.diary().segments
    assert (one.sync_state, one.worked_ms, one.segment.revision) == ("recording", 3 * MINUTE_MS, 2)


def test_a_refused_revision_takes_nothing_from_the_one_that_stands(desk: Desk) -> None:
    """The diary's sum and the contract's line for the day are one number."""
    desk.work(0, 2 * MINUTE_MS)
    desk.seal()
    desk.buffer.outbox.settle(0, Accepted(received_ms=1))
    desk.work(5 * MINUTE_MS, 6 * MINUTE_MS)
    desk.seal()
    desk.buffer.outbox.settle(1, Rejected(code="overlap", sentence="No."))
    [line] = desk.overview.contract_lines((contract(),), moment(6 * MINUTE_MS))
    assert desk.diary().worked_ms == line.today_ms == 2 * MINUTE_MS


def test_days_are_utc_and_half_open(desk: Desk) -> None:
    desk.work(-12 * HOUR_MS - SEGMENT_MS, -12 * HOUR_MS + 1000)
    assert [one.worked_ms for one in desk.diary("2026-11-22").segments] == [SEGMENT_MS]
    assert [one.worked_ms for one in desk.diary("2026-11-23").segments] == [1000]
    assert desk.diary(None, DAY_MS).day == "2026-11-24"


def test_a_contract_that_is_gone_is_named_by_its_id(desk: Desk) -> None:
    desk.work(0, 1000, contract=5)
    assert desk.diary().segments[0].contract_title == str(UUID(int=5))


def test_a_day_that_is_none(desk: Desk) -> None:
    for day in ("today", "2026-02-29", "23.11.2026", ""):
        with pytest.raises(RefusedError, match="YYYY-MM-DD"):
            desk.diary(day)


def test_status_of_a_running_timer(desk: Desk) -> None:
    desk.work(0, 4 * MINUTE_MS)
    status = desk.status(4 * MINUTE_MS, session_ms=240_000)
    assert status.contract is not None
    assert (status.contract.today_ms, status.session_ms, status.activity_tenths) == (240_000, 240_000, 10)
    assert (status.protection_problem, status.snapshot) == (None, None)


def test_status_of_a_paused_timer_names_its_contract(desk: Desk) -> None:
    status = desk.status(0, phase=Phase.PAUSED, pause_reason=PauseReason.IDLE, paused_since_ms=5)
    assert status.contract is not None
    assert (status.pause_reason, status.paused_since_ms, status.activity_tenths) == (PauseReason.IDLE, 5, None)
    assert status.protection_problem is None


ENDED = msgspec.structs.replace(contract(), status=ContractStatus.ENDED)


@pytest.mark.parametrize(
    ("recorded", "agreed", "problem"),
    [
        ({}, contract(), None),
        ({"memo": " "}, contract(), "There is no memo. Say what you are doing."),
        ({"keys": 0}, contract(), "Activity 0 of 10 is below the agreed 4."),
        ({"keys": 0}, contract(activity_threshold=0), None),
        ({"source": ActivitySource.NONE}, contract(), "Activity cannot be measured on this desktop."),
        ({}, contract(weekly_limit_minutes=5), None),
        ({}, contract(weekly_limit_minutes=4),
         "The week's limit is reached; what is over it is kept and shown, but not billed."),
        ({}, ENDED, "The contract is ended."),
    ],
)  # fmt: skip
def test_reasons_against_protection(
    desk: Desk, recorded: dict[str, Any], agreed: Contract, problem: str | None
) -> None:
    desk.work(0, 4 * MINUTE_MS, **recorded)
    assert desk.status(4 * MINUTE_MS, agreed, memo=recorded.get("memo", "memo")).protection_problem == problem


@pytest.mark.parametrize(
    ("reason", "problem"),
    [(SnapshotReason.OUTSIDE_TRACKED_TIME, None), (SnapshotReason.SCREEN_LOCKED, None),
     (SnapshotReason.BLANK, "This segment's snapshot could not be taken."),
     (SnapshotReason.UNAVAILABLE, "This segment's snapshot could not be taken.")],
)  # fmt: skip
def test_snapshots_that_failed_for_a_reason_not_agreed(desk: Desk, reason: SnapshotReason, problem: str | None) -> None:
    desk.work(0, 4 * MINUTE_MS)
    desk.buffer.snapshots.add(UUID(int=1), NOON_MS + 1000, drawn_ms=NOON_MS + 1000, reason=reason)
    status = desk.status(4 * MINUTE_MS)
    assert status.protection_problem == problem
    assert status.snapshot is not None
    assert (status.snapshot.reason, status.snapshot.thumbnail) == (reason, None)


def test_the_sessions_clock_runs_between_ticks(desk: Desk) -> None:
    running = desk.status(13_500, session_ms=10_000, counted=moment(10_000))
    assert running.session_ms == 13_500


def test_without_counts_the_running_segment_tells_its_active_seconds(desk: Desk) -> None:
    desk.work(0, 4_000)
    assert desk.status(MINUTE_MS).active_s is None
    desk.work(MINUTE_MS, MINUTE_MS + 4_000, keys=0, active_ms=2_500, source=ActivitySource.ACTIVE_SECONDS)
    running = desk.status(2 * MINUTE_MS)
    assert (running.active_s, running.activity_tenths) == (3, 10)


def test_a_minute_that_has_begun_without_input_says_nothing_yet(desk: Desk) -> None:
    desk.work(0, 4_000, keys=0)
    begun = desk.status(4_000)
    assert (begun.activity_tenths, begun.protection_problem) == (None, None)
    desk.work(4_000, MINUTE_MS)
    desk.work(MINUTE_MS, MINUTE_MS + 5_000, keys=0)
    assert desk.status(MINUTE_MS + 5_000).activity_tenths == 10
    assert desk.status(2 * MINUTE_MS).activity_tenths == 5, "the minute has passed, without input"
