from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.fakes.clock import NOON_MS
from tracker.commands import (
    ContractsAnswer,
    DiaryAnswer,
    DiaryInterval,
    DiaryMark,
    DiarySegment,
    DiaryTotals,
    ExclusionsAnswer,
    PendingEdit,
    PreferenceLine,
    PreferencesAnswer,
    SyncAnswer,
    Total,
)
from tracker.domain.exclusion import Rule, Subject
from tracker.domain.session import PauseReason, Phase
from tracker.printing import (
    contracts_text,
    diary_text,
    exclusions_text,
    plain,
    preferences_text,
    status_text,
    sync_text,
)
from tracker.status import ContractLine, SnapshotView, Status, SyncView
from wire.diary import Activity, Interval, Minute, Segment
from wire.marks import MarkKind
from wire.words import ActivitySource, Kind, RevisionReason, SnapshotStatus

LINE = ContractLine(
    id=UUID(int=1), title="API integration", client="Northwind Ltd", currency="USD", rate_minor=4205,
    weekly_limit_minutes=None, can_be_tracked=True, today_ms=3_723_999, week_ms=36_000_000, earned_minor=0,
)  # fmt: skip
SYNC = SyncView(
    server="https://market.example", is_logged_in=True, waiting_segments=0, waiting_pictures=0, waiting_since_ms=None,
    next_try_ms=None, last_contact_ms=NOON_MS, refused_segments=0, problem=None,
)  # fmt: skip
STATUS = Status(
    now_ms=NOON_MS, phase=Phase.TRACKING, pause_reason=None, paused_since_ms=None, contract=LINE, memo="Refunds",
    session_ms=61_000, activity_tenths=None, protection_problem=None, snapshot=None, contracts=(LINE,), sync=SYNC,
    notices=(),
)  # fmt: skip


def status(*, sync: dict[str, object] | None = None, is_running: bool = True, **changed: object) -> list[str]:
    said = msgspec.structs.replace(STATUS, sync=msgspec.structs.replace(SYNC, **(sync or {})), **changed)
    return status_text(said, is_running=is_running).splitlines()


def test_status_while_tracking() -> None:
    assert status() == [
        "Tracking on “API integration” for 0:01:01: Refunds. Protected.",
        "Today 1:02:03, this week 10:00:00",
        "All synced.",
    ]
    unprotected = status(memo="", protection_problem="There is no memo.", notices=("One.", "Two."))
    assert unprotected[0].endswith("for 0:01:01: no memo. Not protected: There is no memo.")
    assert unprotected[-2:] == ["One.", "Two."]
    assert status(memo="two\nlines")[0].endswith(": two lines. Protected.")


def test_status_while_paused_stopped_and_not_running() -> None:
    paused: dict[str, Any] = {"phase": Phase.PAUSED, "pause_reason": PauseReason.IDLE}
    assert status(**paused, paused_since_ms=NOON_MS - 60_000)[0] == (
        "Paused on “API integration” since 11:59 UTC (idle); nothing is counted. Resume with: daybook resume"
    )
    assert "since 2026-11-22 12:00 UTC" in status(**paused, paused_since_ms=NOON_MS - 86_400_000)[0]
    assert status(phase=Phase.STOPPED, contract=None) == ["Stopped.", "All synced."]
    assert status(is_running=False)[0] == "Daybook is not running. Start it with: daybook run"


def test_status_says_until_when_what_waits_must_arrive() -> None:
    waits: dict[str, object] = {"waiting_segments": 1, "due_ms": NOON_MS + 7 * 86_400_000}
    assert status(sync=waits)[3] == "It must arrive before the lock, 2026-11-30 12:00 UTC: 7 d 0 h left."
    soon: dict[str, object] = {**waits, "due_ms": NOON_MS + 3_900_000}
    assert status(sync=soon)[3] == "It must arrive before the lock, 13:05 UTC: 1 h 5 min left."
    passed: dict[str, object] = {**waits, "due_ms": NOON_MS, "is_overdue": True}
    assert status(sync=passed)[3].startswith("The lock of 12:00 UTC has passed: ")


def test_status_of_what_waits() -> None:
    waits = {"waiting_segments": 1, "waiting_pictures": 2, "waiting_since_ms": NOON_MS - 3 * 86_400_000}
    trouble = {"problem": "No network.", "next_try_ms": NOON_MS + 60_000, "refused_segments": 2}
    assert status(sync={**waits, **trouble})[2:] == [
        "Waiting since 2026-11-20 12:00 UTC: 1 segment, 2 pictures",
        "The marketplace refused 2 segments: see daybook diary",
        "No network. Next try 12:01 UTC.",
    ]
    assert status(sync={"is_logged_in": False})[2:] == ["Not logged in. Log in with: daybook login"]
    failed = {"failed_pictures": 1, "picture_problem": "It was refused."}
    assert status(sync=failed)[2:] == [
        "All synced.", "1 picture can never be sent: see daybook diary", "It was refused.",
    ]  # fmt: skip
    assert status(sync={"waiting_pictures": 1})[2:] == ["Waiting: 0 segments, 1 picture"]


@pytest.mark.parametrize(
    ("currency", "minor", "rate"),
    [("USD", 4205, "42.05 USD/h"), ("JPY", 4205, "4205 JPY/h"), ("BHD", 4205, "4.205 BHD/h"), ("EUR", 5, "0.05 EUR/h")],
)
def test_rates_have_their_currencys_decimals(currency: str, minor: int, rate: str) -> None:
    line = msgspec.structs.replace(LINE, currency=currency, rate_minor=minor)
    assert contracts_text(ContractsAnswer((line,), None)) == (
        f"API integration  (Northwind Ltd, {rate})  this week 10:00:00"
    )


def test_contracts() -> None:
    ended = msgspec.structs.replace(LINE, can_be_tracked=False, weekly_limit_minutes=90)
    assert contracts_text(ContractsAnswer((ended,), "No network.")).splitlines() == [
        "API integration  (Northwind Ltd, 42.05 USD/h)  this week 10:00:00 of 1:30:00  — not active",
        "No network.",
    ]
    assert "no contracts yet" in contracts_text(ContractsAnswer((), None))


def segment(
    memo: str,
    *,
    active: int = 0,
    state: str = "waiting",
    detail: str | None = None,
    intervals: tuple[DiaryInterval, ...] = (),
) -> DiarySegment:
    minutes = tuple(Minute(minute=n, keys=1, clicks=0, scrolls=0, moved=False, active_s=0) for n in range(active))
    content = Segment(
        contract=UUID(int=1), device=UUID(int=2), start_s=NOON_MS // 1000, revision=1, reason=RevisionReason.RECORDED,
        policy_version=1, clock_offset_ms=0, snapshots=(),
        intervals=(Interval(start_ms=0, end_ms=600_000, kind=Kind.TRACKED, memo=memo, label=None),),
        activity=Activity(source=ActivitySource.COUNTS if active else ActivitySource.NONE, minutes=minutes),
    )  # fmt: skip
    return DiarySegment(
        contract_title="API", client="Northwind", start_ms=NOON_MS, worked_ms=600_000, billable_ms=600_000,
        over_limit_ms=0, intervals=intervals, sync_state=state, detail=detail, segment=content,
    )  # fmt: skip


def test_diary() -> None:
    shown = (segment("Refunds", active=5), segment("", state="rejected", detail="It overlaps."))
    assert diary_text(DiaryAnswer("2026-11-23", 600_000, shown)).splitlines() == [
        "2026-11-23 (UTC): 0:10:00 worked",
        "12:00 UTC  0:10:00  API: Refunds  activity 5/10  waiting",
        "12:00 UTC  0:10:00  API: no memo  activity –/10  rejected: It overlaps.",
    ]
    counted = segment("Refunds", active=5)
    activity = msgspec.structs.replace(
        counted.segment.activity,
        source=ActivitySource.ACTIVE_SECONDS,
        minutes=(Minute(minute=0, keys=0, clicks=0, scrolls=0, moved=False, active_s=42),),
    )
    active = msgspec.structs.replace(counted, segment=msgspec.structs.replace(counted.segment, activity=activity))
    assert diary_text(DiaryAnswer("2026-11-23", 600_000, (active,))).splitlines()[1:] == [
        "12:00 UTC  0:10:00  API: Refunds  activity 1/10, active 42 s, no counts  waiting",
    ]
    assert diary_text(DiaryAnswer("2026-11-23", 0, ())) == "2026-11-23 (UTC): nothing recorded."


def test_diary_with_totals_reasons_and_marks() -> None:
    over = "Over the weekly limit of 1 h; kept and shown, not billed."
    parts = (
        DiaryInterval(
            start_ms=NOON_MS, end_ms=NOON_MS + 60_000, kind=Kind.TRACKED, memo="Refunds", is_billable=True,
            unprotected=(),
        ),
        DiaryInterval(
            start_ms=NOON_MS + 60_000, end_ms=NOON_MS + 600_000, kind=Kind.TRACKED, memo="Refunds", is_billable=False,
            unprotected=("There is no memo.", "It is over the limit."),
        ),
    )  # fmt: skip
    day = Total(worked_ms=600_000, billable_ms=60_000, over_limit_ms=540_000, billable_minutes=1, reason=over)
    week = Total(worked_ms=600_000, billable_ms=600_000, over_limit_ms=0, billable_minutes=10, reason=None)
    totals = (DiaryTotals(contract_title="API", client="Northwind", day=day, week=week),)
    mark = DiaryMark(
        contract_title="API", start_ms=NOON_MS - 600_000, kind=MarkKind.DELETED, taken_ms=90_000, pictures=1,
        actor="Ana Silva", reason="Lunch", made_ms=NOON_MS,
    )  # fmt: skip
    shown = (segment("Refunds", active=5, intervals=parts),)
    assert diary_text(DiaryAnswer("2026-11-23", 600_000, shown, totals, (mark,))).splitlines() == [
        "2026-11-23 (UTC): 0:10:00 worked",
        f"API: 0:10:00 worked, 0:01 billable; 0:09:00 not: {over}",
        "  its week: 0:10:00 worked, 0:10 billable",
        "12:00 UTC  0:10:00  API: Refunds  activity 5/10  waiting",
        "    12:01:00–12:10:00 not protected: There is no memo. It is over the limit.",
        "11:50 UTC  API: 0:01:30 deleted by Ana Silva at 12:00 UTC: Lunch",
    ]
    alone = diary_text(DiaryAnswer("2026-11-23", 0, (), (), (mark,)))
    assert "Ana Silva" in alone, "a day of which all was deleted is told, too"


def test_preferences() -> None:
    line = PreferenceLine(name="stop-at-limit", is_on=True, default=False, help="stop the timer")
    assert preferences_text(PreferencesAnswer((line,))) == "stop-at-limit  on  stop the timer"


def test_diary_with_what_is_removed_and_what_can_be_taken_back() -> None:
    kept = segment("Refunds")
    gone = msgspec.structs.replace(kept, worked_ms=0, segment=msgspec.structs.replace(kept.segment, intervals=()))
    pending = PendingEdit(sentence="Time is removed.", left_ms=9_000)
    assert diary_text(DiaryAnswer("2026-11-23", 0, (gone,), pending=pending)).splitlines() == [
        "2026-11-23 (UTC): 0:00:00 worked",
        "12:00 UTC  0:00:00  API: no time left  activity –/10  waiting",
        "Not carried out yet: Time is removed. Take it back with: daybook undo",
    ]


def test_sync() -> None:
    assert sync_text(SyncAnswer(1, 2, 0, 0, 0, None)) == "Sent 1 segment and 2 pictures."
    assert sync_text(SyncAnswer(0, 0, 3, 1, 1, "No network.")).splitlines() == [
        "Sent 0 segments and 0 pictures.",
        "Still waiting: 3 segments and 1 picture.",
        "The marketplace refused 1 segment: see daybook diary",
        "No network.",
    ]


def test_nothing_that_a_terminal_would_obey_is_printed() -> None:
    assert plain("a\x1b]0;title\x07b\r\tc\u202ed\x9b1m\n“–✓ é数") == "a�]0;title�b��c�d�1m\n“–✓ é数"


def test_status_of_a_snapshot_that_waits_for_approval() -> None:
    held = SnapshotView(
        id=12, taken_ms=NOON_MS, status=SnapshotStatus.HELD, reason=None, leaves_in_ms=60_000, thumbnail=None,
        needs_approval=True,
    )  # fmt: skip
    assert status(snapshot=held)[-1] == (
        "A snapshot of 12:00 UTC is withheld at 12:01 UTC unless you approve it: daybook approve 12"
    )
    assert status(snapshot=msgspec.structs.replace(held, needs_approval=False))[-1] == "All synced."


def test_exclusions() -> None:
    rules = (Rule(Subject.APPLICATION, "Signal"), Rule(Subject.TITLE, "my bank"))
    assert exclusions_text(ExclusionsAnswer(rules, ("Editor", "Signal"))).splitlines() == [
        "application Signal",
        "title with my bank",
        "On the screen now: Editor, Signal",
    ]
    assert "Nothing is excluded" in exclusions_text(ExclusionsAnswer((), ()))
    assert "waits for your approval" in exclusions_text(ExclusionsAnswer(rules, None))
