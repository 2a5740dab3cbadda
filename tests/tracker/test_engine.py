"""The engine in its own thread, on a clock that the test sets, with a real buffer and a marketplace on loopback.

Nothing here waits for time: after the clock was set, a command wakes the engine, and the statuses that it publishes
tell when it has done what was due.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.fakes.clock import NOON_MS, FakeClock
from tests.fakes.idle import FakeIdle
from tests.fakes.input import FakeInput
from tests.fakes.power import FakePower
from tests.fakes.screen import FakeScreen
from tests.fakes.terms import contract
from tests.tracker.sync.conftest import MemoryVault
from tests.tracker.sync.scripted import CUT, DEVICE, FakeMarketplace, Said, Seen
from tracker import engine
from tracker.answering import BUG
from tracker.capture.platform import BackEnds
from tracker.capture.power.port import PowerEvent
from tracker.clock import Clock, SystemClock
from tracker.commands import (
    ENDED,
    Answer,
    BlurSnapshot,
    Command,
    ContractsAnswer,
    Declare,
    DiaryAnswer,
    Done,
    GetContracts,
    GetDiary,
    GetPreferences,
    GetStatus,
    LogIn,
    PicturesAnswer,
    PreferencesAnswer,
    Quit,
    Refused,
    Resume,
    SetMemo,
    SetPreference,
    Show,
    Start,
    StatusAnswer,
    Stop,
    Sync,
    SyncAnswer,
    ViewSnapshot,
    WithholdSnapshot,
)
from tracker.domain.clock import Moment
from tracker.domain.errors import MachineError
from tracker.domain.events import Declared, Worked
from tracker.domain.segment import MEMO_LIMIT, Interval
from tracker.domain.session import PauseReason, Phase, State
from tracker.engine import Engine
from tracker.status import Status
from tracker.store.buffer import open_buffer
from tracker.store.database import BufferInUseError
from wire.contract import ContractStatus
from wire.diary import Segment
from wire.marks import Mark, MarkKind, Stretch
from wire.words import MINUTE_MS, SEGMENT_MS, Kind, SnapshotStatus

WITHIN_S = 20.0
AT_MS = 120_000  # the instant drawn in every segment


class Rig:
    """An engine with everything around it."""

    def __init__(self, folder: Path, marketplace: FakeMarketplace, vault: MemoryVault, clock: FakeClock) -> None:
        self.folder = folder
        self.marketplace = marketplace
        self.vault = vault
        self.clock = clock
        self.input = FakeInput(clock.mono_ms)
        self.idle = FakeIdle(self.input)
        self.screen = FakeScreen()
        self.power = FakePower()
        self.statuses: queue.SimpleQueue[Status] = queue.SimpleQueue()
        self.buffer = open_buffer(folder, bytes(32))
        self.engine = self._engine(clock)

    def _engine(self, clock: Clock) -> Engine:
        back_ends = BackEnds(self.screen, self.input, self.idle, self.power, "fake")
        return Engine(self.buffer, self.vault, clock, back_ends, lambda _, count: (AT_MS,) * min(count, 1))

    def start(self) -> "Rig":
        self.engine.subscribe(self.statuses.put)
        self.engine.start()
        return self

    def do(self, command: Command) -> Answer:
        return self.engine.submit(command).result(WITHIN_S)

    def log_in(self) -> None:
        answer = self.do(LogIn(self.marketplace.url, "good", "refresh", self.clock.true_ms + 10**9))
        assert isinstance(answer, Done), answer

    def status(self) -> Status:
        answer = self.do(GetStatus())
        assert isinstance(answer, StatusAnswer)
        return answer.status

    def diary(self) -> DiaryAnswer:
        answer = self.do(GetDiary())
        assert isinstance(answer, DiaryAnswer)
        return answer

    def advance(self, ms: int) -> None:
        """Let time pass, and wake the engine to it."""
        self.clock.advance(ms)
        self.engine.submit(GetStatus())

    def work(self, ms: int) -> Status:
        """Let the person work so long, in steps as short as ticks; gives the status at the end."""
        end_ms = self.clock.true_ms + ms
        expected_ms = self.status().session_ms + ms
        while self.clock.true_ms < end_ms:
            self.idle.move()
            self.advance(min(5_000, end_ms - self.clock.true_ms))
            passed_ms = expected_ms - (end_ms - self.clock.true_ms)
            status = self.until(lambda one, passed_ms=passed_ms: one.session_ms >= passed_ms)  # type: ignore[misc]  # mypy cannot infer a default of a lambda
        return status

    def until(self, done: Callable[[Status], bool]) -> Status:
        """Wait for a published status that shows it."""
        while True:
            status = self.statuses.get(timeout=WITHIN_S)
            if done(status):
                return status

    def kill(self) -> None:
        """Die as the process would: the thread goes on to nothing, the buffer is closed under it."""
        self.engine._ended.set()
        self.engine._worker.put(lambda: None)
        self.engine.wait(WITHIN_S)
        self.engine._sync.stop()
        self.engine.close()

    def quit(self) -> None:
        self.do(Quit())
        assert self.engine.wait(WITHIN_S)
        self.engine.close()


@pytest.fixture
def make_rig(tmp_path: Path, marketplace: FakeMarketplace) -> Iterator[Callable[[], Rig]]:
    """Rigs that come after each other on one buffer and one clock, as restarts do."""
    vault, clock, made = MemoryVault(), FakeClock(), list[Rig]()

    def make() -> Rig:
        made.append(Rig(tmp_path / "data", marketplace, vault, clock))
        return made[-1]

    yield make
    for rig in made:
        if rig.engine._worker.is_running:
            rig.quit()
        rig.engine.close()


@pytest.fixture
def rig(make_rig: Callable[[], Rig]) -> Rig:
    """An engine that runs and is logged in, with one contract; it is noon."""
    rig = make_rig().start()
    rig.log_in()
    return rig


def refused(answer: Answer, *words: str) -> Refused:
    assert isinstance(answer, Refused), answer
    for word in words:
        assert word in answer.sentence
    return answer


# Commands


def test_start_memo_switch_stop(rig: Rig) -> None:
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1), contract(2)), "two"
    assert isinstance(rig.do(GetContracts()), ContractsAnswer)
    assert rig.do(Start("Contract 1", "first")) == Done("Tracking “Contract 1” for Northwind Ltd.")
    rig.work(60_000)
    assert rig.do(SetMemo("second")) == Done("The memo is set.")
    rig.work(30_000)
    assert rig.do(Start(str(contract(2).id), "third")) == Done("Tracking “Contract 2” for Northwind Ltd.")
    rig.work(15_000)
    status = rig.status()
    assert (status.phase, status.memo, status.session_ms) == (Phase.TRACKING, "third", 15_000)
    assert rig.do(Stop()) == Done("Stopped tracking “Contract 2”.")
    worked = {
        (one.contract_title, interval.memo): interval.end_ms - interval.start_ms
        for one in rig.diary().segments
        for interval in one.segment.intervals
    }
    assert worked == {
        ("Contract 1", "first"): 60_000,
        ("Contract 1", "second"): 30_000,
        ("Contract 2", "third"): 15_000,
    }
    status = rig.status()
    assert (status.phase, [line.today_ms for line in status.contracts]) == (Phase.STOPPED, [90_000, 15_000])


def test_starting_what_runs_already(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(20_000)
    assert rig.do(Start("Contract 1")) == Done("Already tracking “Contract 1”.")
    assert rig.do(Start("contract 1", "new memo")) == Done("The memo is set.")
    status = rig.work(10_000)
    assert (status.session_ms, status.memo) == (30_000, "new memo")


def test_start_again_takes_the_last_contract_and_its_memo(rig: Rig) -> None:
    refused(rig.do(Start()), "Name the contract")
    rig.do(Start("Contract 1", "memo"))
    rig.do(Stop())
    assert rig.do(Start()) == Done("Tracking “Contract 1” for Northwind Ltd.")
    assert rig.status().memo == "memo"


def test_contracts_are_found_by_the_beginning_of_their_title(rig: Rig) -> None:
    titled = [
        msgspec.structs.replace(contract(n), title=title)
        for n, title in enumerate(("Design", "Design system", "Development", "Twin", "twin"), 1)
    ]
    rig.marketplace.contracts, rig.marketplace.etag = tuple(titled), "titled"
    rig.do(GetContracts())
    for wanted, title in (("design", "Design"), ("DESIGN S", "Design system"), (" dev ", "Development")):
        assert rig.do(Start(wanted)) == Done(f"Tracking “{title}” for Northwind Ltd.")
    assert rig.do(Start(str(titled[1].id).upper())) == Done("Tracking “Design system” for Northwind Ltd.")
    before = rig.status().contract
    for wanted in ("de", "twin"):
        assert refused(rig.do(Start(wanted)), "More than one contract", "the id").exit_code == 3
    for wanted in ("", " ", "Nothing", "esign"):
        assert refused(rig.do(Start(wanted)), "There is no contract").exit_code == 3
    assert rig.status().contract == before
    rig.do(Stop())


@pytest.mark.parametrize("status", [ContractStatus.ENDED, ContractStatus.PAUSED])
def test_only_an_active_contract_can_be_tracked(rig: Rig, status: ContractStatus) -> None:
    rig.marketplace.contracts = (msgspec.structs.replace(contract(), status=status),)
    rig.marketplace.etag = status
    rig.do(GetContracts())
    assert refused(rig.do(Start("Contract 1")), status).exit_code == 3
    assert rig.status().phase is Phase.STOPPED


def test_before_any_log_in(make_rig: Callable[[], Rig]) -> None:
    rig = make_rig().start()
    for command in (Start("Contract 1"), Start(), Sync(), GetContracts()):
        assert refused(rig.do(command), "daybook login").exit_code == 3
    assert refused(rig.do(Stop()), "daybook start").exit_code == 3
    assert not rig.status().sync.is_logged_in
    assert rig.diary().segments == ()


def test_a_memo_that_is_too_long(rig: Rig) -> None:
    longest = "m" * MEMO_LIMIT
    refused(rig.do(Start("Contract 1", longest + "!")), "10,000")
    assert rig.status().phase is Phase.STOPPED
    rig.do(Start("Contract 1", longest))
    assert refused(rig.do(SetMemo(longest + "!")), "10,000").exit_code == 3
    assert rig.status().memo == longest
    assert rig.do(SetMemo("")) == Done("The memo is empty now.")


def test_a_bad_day(rig: Rig) -> None:
    for day in ("yesterday", "2026-13-01", "2026-02-30", "", "12"):
        refused(rig.do(GetDiary(day)), "YYYY-MM-DD")
    for day in ("0001-01-01", "9999-12-31", "2026-11-23"):
        answer = rig.do(GetDiary(day))
        assert isinstance(answer, DiaryAnswer)
        assert (answer.day, answer.segments) == (day, ())


def test_show_and_what_brings_the_window(rig: Rig) -> None:
    shown = threading.Event()
    rig.engine.on_show(shown.set)
    assert isinstance(rig.do(Show()), Done)
    assert shown.is_set()


def test_idleness_pauses_and_start_resumes(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.advance(600_000)
    status = rig.until(lambda one: one.phase is Phase.PAUSED)
    assert (status.pause_reason, status.session_ms) == (PauseReason.IDLE, 60_000)
    assert rig.do(Start()) == Done("Tracking “Contract 1” for Northwind Ltd.")
    assert (rig.status().memo, rig.status().phase) == ("memo", Phase.TRACKING)


def test_suspension_pauses_and_says_so(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.clock.suspend(3_600_000)
    rig.advance(5_000)
    status = rig.until(lambda one: one.phase is Phase.PAUSED)
    assert (status.pause_reason, status.session_ms) == (PauseReason.SUSPENDED, 60_000)
    assert any("suspended" in notice for notice in status.notices)


def test_a_suspension_without_a_word_costs_a_second_also_where_there_was_much_to_do(rig: Rig) -> None:
    """Each command comes before the second is up after which the clocks would be looked at."""
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.idle.move()
    for _ in range(4):
        rig.clock.advance(700)
        rig.status()
    rig.clock.suspend(3_600_000)
    rig.advance(5_000)
    status = rig.until(lambda one: one.phase is Phase.PAUSED)
    assert 61_800 <= status.session_ms <= 62_800


def test_a_start_right_after_a_suspension_starts(rig: Rig) -> None:
    """Nothing has looked at the clocks yet, so the timer still seems to run."""
    rig.do(Start("Contract 1", "before"))
    rig.work(60_000)
    rig.clock.suspend(3_600_000)
    assert rig.do(Start("Contract 1", "after")) == Done("Tracking “Contract 1” for Northwind Ltd.")
    status = rig.status()
    assert (status.phase, status.memo, status.session_ms) == (Phase.TRACKING, "after", 0)


def _kinds(rig: Rig) -> list[tuple[str, Kind, int]]:
    """Give what is recorded, by contract and kind, in milliseconds."""
    return [
        (one.contract_title, interval.kind, interval.end_ms - interval.start_ms)
        for one in rig.diary().segments
        for interval in one.segment.intervals
    ]


def test_a_short_lock_resumes_by_itself_and_counts_nothing(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.power.say(PowerEvent.LOCKED)
    status = rig.until(lambda one: one.phase is Phase.PAUSED)
    assert status.pause_reason is PauseReason.LOCKED
    rig.advance(120_000)
    rig.power.say(PowerEvent.UNLOCKED)
    rig.until(lambda one: one.phase is Phase.TRACKING)
    rig.work(30_000)
    assert [worked_ms for _, _, worked_ms in _kinds(rig)] == [60_000, 30_000]


def test_nothing_is_captured_behind_a_locked_screen(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.power.say(PowerEvent.LOCKED)
    rig.until(lambda one: one.phase is Phase.PAUSED)
    assert not rig.input.running
    rig.advance(AT_MS)
    assert rig.status().snapshot is None


def test_a_suspension_that_is_announced_is_counted_to_the_millisecond(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.idle.move()
    rig.clock.advance(4_321)
    rig.power.say(PowerEvent.SUSPENDING)
    assert rig.status().session_ms == 64_321
    rig.clock.suspend(8 * 3_600_000)
    rig.advance(2_000)
    assert (rig.status().pause_reason, rig.status().session_ms) == (PauseReason.SUSPENDED, 64_321)


def test_a_shutdown_ends_it_saved(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.power.say(PowerEvent.SHUTTING_DOWN)
    assert rig.engine.wait(WITHIN_S)


def _pause(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.advance(600_000)
    status = rig.until(lambda one: one.phase is Phase.PAUSED)
    assert status.away_ms == 600_000


def test_time_away_is_kept_as_manual_time(rig: Rig) -> None:
    _pause(rig)
    assert rig.do(Resume(keeps=True)) == Done("The time away is kept as manual time; the timer runs again.")
    assert sum(worked_ms for _, kind, worked_ms in _kinds(rig) if kind is Kind.MANUAL) == 600_000
    assert rig.status().phase is Phase.TRACKING


def test_time_away_is_assigned_to_another_contract_with_its_own_memo(rig: Rig) -> None:
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1), contract(2)), "two"
    rig.do(GetContracts())
    _pause(rig)
    refused(rig.do(Resume(assign_to="Contract 2")), "memo")
    assert rig.status().phase is Phase.PAUSED
    assert isinstance(rig.do(Resume(assign_to="Contract 2", memo="A call")), Done)
    manual = [(title, worked_ms) for title, kind, worked_ms in _kinds(rig) if kind is Kind.MANUAL]
    assert {title for title, _ in manual} == {"Contract 2"}
    assert sum(worked_ms for _, worked_ms in manual) == 600_000


def test_time_away_is_not_kept_where_the_policy_forbids_manual_time(rig: Rig) -> None:
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1, allows_manual_time=False),), "two"
    rig.do(GetContracts())
    _pause(rig)
    refused(rig.do(Resume(keeps=True)), "manual time")
    assert isinstance(rig.do(Resume()), Done)
    assert [kind for _, kind, _ in _kinds(rig)] == [Kind.TRACKED]


def test_a_meeting_hides_idleness_only_while_it_is_declared(rig: Rig) -> None:
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1, declared_minutes_per_day=20),), "two"
    rig.do(GetContracts())
    rig.do(Start("Contract 1", "memo"))
    assert rig.do(Declare(Declared.MEETING)) == Done("Declared: meeting.")
    rig.advance(15 * MINUTE_MS)
    status = rig.until(lambda one: one.session_ms >= 15 * MINUTE_MS)
    assert (status.phase, status.declared) == (Phase.TRACKING, Declared.MEETING)
    rig.advance(10 * MINUTE_MS)
    status = rig.until(lambda one: one.declared is None)
    assert any("declared time is used up" in notice for notice in status.notices)
    declared_ms = sum(worked_ms for _, kind, worked_ms in _kinds(rig) if kind is Kind.DECLARED)
    assert declared_ms == 20 * MINUTE_MS
    refused(rig.do(Declare(Declared.READING)), "declared time")


def test_a_contract_that_ends_stops_the_timer_and_keeps_its_time(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    ended = msgspec.structs.replace(contract(1), status=ContractStatus.ENDED)
    rig.marketplace.contracts, rig.marketplace.etag = (ended,), "ended"
    rig.do(GetContracts())
    for _ in range(10):
        rig.idle.move()
        rig.advance(MINUTE_MS)
    status = rig.until(lambda one: one.phase is Phase.STOPPED)
    assert any("paused or ended" in notice for notice in status.notices)
    assert rig.diary().worked_ms >= 60_000


def test_a_contract_that_is_listed_no_more_is_told_and_keeps_its_time(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.marketplace.contracts, rig.marketplace.etag = (), "none"
    rig.do(GetContracts())
    rig.idle.move()
    status = rig.status()
    assert status.contract is not None
    assert (status.phase, status.contract.can_be_tracked, status.contract.week_ms) == (Phase.TRACKING, False, 60_000)
    assert "lists this contract no more" in str(status.protection_problem)
    for _ in range(10):
        rig.idle.move()
        rig.advance(MINUTE_MS)
    status = rig.until(lambda one: one.phase is Phase.STOPPED)
    assert any("listed no more" in notice for notice in status.notices)
    diary = rig.diary()
    assert diary.worked_ms >= 60_000
    assert {one.contract_title for one in diary.segments} == {"Contract 1"}
    refused(rig.do(Start("Contract 1", "memo")), "There is no contract")


def test_terms_that_cannot_be_used_are_told_while_the_known_ones_hold(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1, idle_limit_s=1),), "two"
    rig.do(GetContracts())
    status = rig.status()
    assert any("cannot be used" in notice and "go on holding" in notice for notice in status.notices)
    rig.work(SEGMENT_MS + 60_000)
    assert rig.status().phase is Phase.TRACKING


def test_a_running_timer_stops_at_the_limit_as_soon_as_that_is_set(rig: Rig) -> None:
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1, weekly_limit_minutes=2),), "two"
    rig.do(GetContracts())
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    assert isinstance(rig.do(SetPreference("stop-at-limit", "on")), Done)
    answer = rig.do(GetPreferences())
    assert isinstance(answer, PreferencesAnswer)
    assert [(one.name, one.is_on) for one in answer.preferences] == [("stop-at-limit", True)]
    rig.idle.move()
    rig.advance(90_000)
    status = rig.until(lambda one: one.phase is Phase.STOPPED)
    assert any("so the timer stopped, as you set it" in notice for notice in status.notices)
    assert rig.diary().worked_ms == 120_000
    refused(rig.do(Start("Contract 1", "memo")), "limit is used up")
    refused(rig.do(SetPreference("stop-at-limit", "perhaps")), "on or off")
    assert isinstance(rig.do(SetPreference("stop-at-limit", "off")), Done)
    assert isinstance(rig.do(Start("Contract 1", "memo")), Done)


def test_time_deleted_elsewhere_is_told_once_and_given_back_to_the_limit(rig: Rig) -> None:
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1, weekly_limit_minutes=2),), "two"
    rig.do(GetContracts())
    rig.do(SetPreference("stop-at-limit", "on"))
    rig.do(Start("Contract 1", "memo"))
    began_ms = rig.clock.true_ms
    rig.work(60_000)
    rig.do(Stop())
    rig.do(Sync())
    start_ms = began_ms - began_ms % SEGMENT_MS
    stretch = Stretch(start_ms=began_ms - start_ms, end_ms=began_ms - start_ms + 60_000)
    rig.do(Start("Contract 1", "memo"))
    rig.work(10_000)
    rig.marketplace.marks = [
        Mark(
            number=1, contract=contract(1).id, device=DEVICE, start_s=start_ms // 1000, kind=MarkKind.DELETED,
            ranges=(stretch,), pictures=(), actor="Robin", reason="Lunch", made_ms=began_ms,
        )
    ]  # fmt: skip
    rig.do(Sync())
    status = rig.status()
    assert [notice for notice in status.notices if "deleted by Robin (“Lunch”)" in notice]
    assert status.contract is not None
    assert (status.contract.week_ms, status.session_ms) == (10_000, 10_000)
    rig.work(100_000)
    assert rig.status().phase is Phase.TRACKING, "without the mark the limit would be reached"
    [told] = rig.diary().marks
    assert (told.actor, told.reason, told.taken_ms) == ("Robin", "Lunch", 60_000)
    rig.do(Stop())
    rig.do(Start("Contract 1", "memo"))
    assert not [notice for notice in rig.status().notices if "Robin" in notice]
    rig.do(Stop())
    rig.advance(MINUTE_MS)  # the snapshot's hold
    rig.do(Sync())
    contents = [msgspec.json.decode(one, type=Segment) for one in rig.marketplace.contents.values()]
    sealed = [one for segment in contents if segment.revision > 1 for one in segment.intervals]
    assert sealed
    assert all(one.start_ms >= stretch.end_ms or one.end_ms <= stretch.start_ms for one in sealed)


# Snapshots, sealing, sync


def test_a_snapshot_is_held_then_sealed_and_sent(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    held = rig.work(AT_MS).snapshot
    assert held is not None
    assert (held.status, held.taken_ms, held.leaves_in_ms) == (SnapshotStatus.HELD, NOON_MS + AT_MS, 60_000)
    assert held.thumbnail is not None
    view = rig.do(ViewSnapshot(held.id))
    assert isinstance(view, PicturesAnswer)
    assert view.jpegs[0].startswith(b"\xff\xd8")
    rig.do(Stop())
    rig.clock.advance(59_999)
    assert isinstance(rig.do(Sync()), SyncAnswer)
    assert rig.marketplace.contents == {}
    assert rig.diary().segments[0].sync_state == "recording"
    rig.advance(1)
    rig.until(
        lambda one: one.sync.waiting_segments == one.sync.waiting_pictures == 0 and bool(rig.marketplace.pictures)
    )
    assert [one.sync_state for one in rig.diary().segments] == ["accepted"]
    assert view.jpegs[0] in rig.marketplace.pictures.values()
    assert len(rig.marketplace.pictures) == 2


def test_a_held_snapshot_can_be_blurred_and_withheld(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(AT_MS)
    taken = rig.status().snapshot
    assert taken is not None
    clear = rig.do(ViewSnapshot(taken.id))
    assert "clear picture is destroyed" in str(rig.do(BlurSnapshot(taken.id)))
    blurred = rig.do(ViewSnapshot(taken.id))
    assert isinstance(clear, PicturesAnswer)
    assert isinstance(blurred, PicturesAnswer)
    assert clear.jpegs != blurred.jpegs
    assert isinstance(rig.do(WithholdSnapshot(taken.id)), Done)
    refused(rig.do(ViewSnapshot(taken.id)))
    refused(rig.do(BlurSnapshot(taken.id)), "not held any more")
    refused(rig.do(WithholdSnapshot(99)), "not held any more")
    assert rig.status().protection_problem == "This segment's snapshot was withheld."
    rig.do(Stop())
    assert isinstance(rig.do(Sync()), SyncAnswer)
    assert rig.marketplace.pictures == {}
    assert len(rig.marketplace.contents) == 1


def test_a_hold_cut_short_starts_again(make_rig: Callable[[], Rig]) -> None:
    """Nothing leaves before the person has had the whole hold, not even by `daybook sync` while nothing runs."""
    rig = make_rig().start()
    rig.log_in()
    rig.do(Start("Contract 1", "memo"))
    rig.work(AT_MS)
    rig.quit()
    rig.clock.advance(3_600_000)

    alone = make_rig()
    answer = alone.engine.handle(Sync())
    assert isinstance(answer, SyncAnswer)
    alone.engine.close()
    assert rig.marketplace.contents == {}

    again = make_rig().start()
    again.advance(59_000)
    held = again.until(lambda one: one.now_ms == again.clock.true_ms).snapshot
    assert held is not None
    assert (held.status, held.leaves_in_ms) == (SnapshotStatus.HELD, 1_000)
    again.advance(1_000)
    again.until(lambda _: bool(again.marketplace.pictures))


def test_the_policy_is_learnt_at_a_new_segment(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1, version=2, idle_limit_s=120, hold_s=7),), "two"
    rig.do(GetContracts())
    held = rig.work(AT_MS - 60_000).snapshot
    assert held is not None
    assert held.leaves_in_ms == 60_000  # the running segment keeps its terms
    rig.work(SEGMENT_MS - AT_MS - 2_000)
    rig.advance(4_000)  # the tick comes late: what it counts lies in both segments
    rig.until(lambda one: one.session_ms == SEGMENT_MS + 2_000)
    rig.work(8_000)
    held = rig.work(AT_MS - 10_000).snapshot
    assert held is not None
    assert held.leaves_in_ms == 7_000
    assert [one.segment.policy_version for one in rig.diary().segments] == [1, 2]
    rig.advance(120_000)
    assert rig.until(lambda one: one.phase is Phase.PAUSED).pause_reason is PauseReason.IDLE


def test_time_worked_offline_arrives_later(rig: Rig) -> None:
    rig.marketplace.interfere = lambda _seen, _said: CUT
    rig.do(Start("Contract 1", "memo"))
    rig.work(30_000)
    rig.do(Stop())
    status = rig.until(lambda one: one.sync.waiting_segments == 1 and one.sync.next_try_ms is not None)
    assert "cannot be reached" in str(status.sync.problem)
    rig.marketplace.interfere = lambda _seen, said: said
    assert isinstance(rig.do(Sync()), SyncAnswer)
    assert rig.do(Sync()) == SyncAnswer(0, 0, 0, 0, 0, None)
    assert len(rig.marketplace.contents) == 1


# Statuses


def test_every_tick_and_command_publishes_a_status(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    seen = [rig.work(5_000).session_ms for _ in range(4)]
    assert seen == [5_000, 10_000, 15_000, 20_000]
    rig.do(SetMemo("other"))
    rig.until(lambda one: one.memo == "other")


def test_a_listener_that_fails_costs_no_time(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Status] = []

    def fails(status: Status) -> None:
        calls.append(status)
        raise ZeroDivisionError("the window's bug")

    rig.engine.subscribe(fails)
    rig.do(Start("Contract 1", "memo"))
    assert rig.work(30_000).session_ms == 30_000
    assert len(calls) == 1
    assert "the window's bug" in caplog.text


# The end


def test_quitting_saves_and_later_commands_are_refused(make_rig: Callable[[], Rig]) -> None:
    rig = make_rig().start()
    rig.log_in()
    ended = threading.Event()
    rig.engine.on_quit(ended.set)
    rig.do(Start("Contract 1", "memo"))
    rig.work(20_000)
    rig.clock.advance(3_000)
    assert rig.do(Quit()) == Done("Daybook has ended; everything is saved.")
    assert rig.engine.wait(WITHIN_S)
    assert ended.is_set()
    for command in (GetStatus(), Start("Contract 1"), Quit(), Sync()):
        assert rig.engine.submit(command).result(WITHIN_S) == ENDED
    rig.engine.close()
    again = make_rig().start()
    assert again.diary().worked_ms == 23_000
    assert again.status().notices == ()


def test_whoever_asks_while_it_ends_is_answered(rig: Rig) -> None:
    """Commands of many threads around the end: each has an answer."""
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    gate = threading.Barrier(9)

    def ask() -> None:
        gate.wait(WITHIN_S)
        for _ in range(50):
            answers.put(rig.do(GetStatus()))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.wait(WITHIN_S)
    rig.do(Quit())
    for thread in threads:
        thread.join(WITHIN_S)
    assert answers.qsize() == 400


def test_a_kill_loses_at_most_a_tick_and_is_told(make_rig: Callable[[], Rig]) -> None:
    rig = make_rig().start()
    rig.log_in()
    rig.do(Start("Contract 1", "memo"))
    rig.work(60_000)
    rig.clock.advance(4_999)
    rig.kill()
    rig.clock.advance(600_000)
    again = make_rig().start()
    assert again.diary().worked_ms == 60_000
    [notice] = again.status().notices
    assert "ended unexpectedly" in notice
    assert "12:01:00 UTC" in notice
    assert again.status().phase is Phase.STOPPED
    again.do(Start())
    assert again.status().notices == ()


def test_a_second_engine_on_one_buffer_is_impossible(rig: Rig) -> None:
    with pytest.raises(BufferInUseError):
        open_buffer(rig.folder, bytes(32))


# What fails


class Broken:
    """A part of the buffer that fails as told in place of its own work."""

    def __init__(self, owner: object, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.calls = 0
        right: Callable[..., object] = getattr(owner, name)

        def call(*words: object, **named: object) -> object:
            self.calls += 1
            if self.error is not None:
                raise self.error
            return right(*words, **named)

        monkeypatch.setattr(owner, name, call)


FULL = MachineError("The disk is full.")


def test_a_full_disk_is_shown_until_a_tick_succeeds_and_not_tried_in_a_loop(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(10_000)
    disk = Broken(rig.buffer.journal, "write", monkeypatch)
    disk.error = FULL
    rig.advance(5_000)
    rig.until(lambda one: "The disk is full." in one.notices)
    for _ in range(50):
        assert "The disk is full." in rig.status().notices  # other work does not hide it
    assert disk.calls == 1
    rig.advance(5_000)
    rig.until(lambda one: one.now_ms == rig.clock.true_ms)
    rig.status()
    assert disk.calls == 2
    disk.error = None
    rig.idle.move()
    rig.advance(5_000)
    status = rig.until(lambda one: not one.notices)
    assert status.session_ms == 25_000


def test_quitting_ends_even_where_nothing_can_be_saved(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.do(Start("Contract 1", "memo"))
    Broken(rig.buffer.journal, "write", monkeypatch).error = FULL
    assert rig.do(Quit()) == Refused("The disk is full.", 2)
    assert rig.engine.wait(WITHIN_S)


def test_a_bug_in_a_command_is_answered_and_work_goes_on(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig.do(Start("Contract 1", "memo"))
    Broken(rig.engine._diary, "day", monkeypatch).error = ZeroDivisionError("our bug")
    assert rig.do(GetDiary()) == Refused(BUG, 70)
    assert "our bug" in caplog.text
    assert rig.work(5_000).session_ms == 5_000


def test_a_bug_behind_the_contracts_leaves_nobody_waiting(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    Broken(rig.engine, "_contracts_answer", monkeypatch).error = ZeroDivisionError("our bug")
    assert rig.do(GetContracts()) == Refused(BUG, 70)


def test_a_bug_in_its_own_work_ends_it_told_and_saved(
    make_rig: Callable[[], Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig().start()
    rig.log_in()
    ended = threading.Event()
    rig.engine.on_quit(ended.set)
    rig.do(Start("Contract 1", "memo"))
    rig.work(10_000)
    Broken(rig.engine._snapshotter, "due_ms", monkeypatch).error = ZeroDivisionError("our bug")
    rig.advance(4_000)
    with pytest.raises(ZeroDivisionError, match="our bug"):
        rig.engine.wait(WITHIN_S)
    assert ended.is_set()
    assert rig.do(GetStatus()) == ENDED
    rig.engine.close()
    again = make_rig().start()
    assert again.diary().worked_ms == 14_000
    assert "ended unexpectedly" in again.status().notices[0]


def test_without_a_display_time_is_tracked_and_it_is_said(rig: Rig) -> None:
    rig.input.die("There is no display.")
    rig.screen.lost = "There is no screen."
    rig.do(Start("Contract 1", "memo"))
    status = rig.work(AT_MS)
    assert status.session_ms == AT_MS
    assert "There is no screen." in status.notices
    assert status.snapshot is not None
    assert status.snapshot.status is SnapshotStatus.FAILED


# Rest


def cpu_share(engine: Engine, for_s: float) -> float:
    """The share of a core that an engine's thread takes."""
    thread = next(one for one in threading.enumerate() if one.name == "engine")
    clock_id = time.pthread_getcpuclockid(thread.ident or 0)
    began_s, used_s = time.monotonic(), time.clock_gettime(clock_id)
    engine.wait(for_s)
    return (time.clock_gettime(clock_id) - used_s) / (time.monotonic() - began_s)


@pytest.mark.parametrize("is_tracking", [False, True])
def test_an_engine_at_rest_takes_no_processor(tmp_path: Path, marketplace: FakeMarketplace, is_tracking: bool) -> None:
    """On the machine's own clock; an engine that asks in a loop would take a whole core."""
    rig = Rig(tmp_path / "data", marketplace, MemoryVault(), FakeClock())
    engine = rig._engine(SystemClock())
    engine.start()
    try:
        engine.submit(LogIn(marketplace.url, "good", "refresh", 10**15)).result(WITHIN_S)
        if is_tracking:
            engine.submit(Start("Contract 1", "memo")).result(WITHIN_S)
        assert cpu_share(engine, 1.5) < 0.2
    finally:
        engine.submit(Quit()).result(WITHIN_S)
        engine.wait(WITHIN_S)
        engine.close()


def test_a_tick_falls_on_each_minutes_end(rig: Rig) -> None:
    rig.clock.advance(MINUTE_MS - 2_000)
    rig.do(Start("Contract 1", "memo"))
    assert rig.engine._pause_ms() == 2_000
    rig.advance(2_000)
    rig.until(lambda one: one.session_ms == 2_000)
    for _ in range(2):  # a deadline comes after what woke the engine, so the second answer has seen it met
        rig.status()
    assert rig.engine._pause_ms() == 5_000


def test_failing_marketplace_answers_do_not_reach_the_engine(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    def nonsense(seen: Seen, _said: Said) -> Said:
        return Said(body=b'{"\xff": ' if "clock" in seen.path else b"")

    rig.marketplace.interfere = nonsense
    answer = rig.do(Sync())
    assert isinstance(answer, SyncAnswer)
    assert answer.problem is not None
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


# The buffer under the running tracker


def test_a_start_that_cannot_be_committed_does_not_show_as_tracking(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where the very first write fails nor where the last one does."""

    def fail(*_: object, **__: object) -> None:
        raise MachineError("The disk is full, so this was not saved.")

    for broken in (rig.buffer.journal.__class__, rig.buffer.settings.__class__):
        with monkeypatch.context() as context:
            context.setattr(broken, "write" if broken is rig.buffer.journal.__class__ else "put", fail)
            assert refused(rig.do(Start("Contract 1", "memo")), "not saved").exit_code == 2
            status = rig.status()
            assert (status.phase, status.session_ms) == (Phase.STOPPED, 0)
    assert rig.buffer.database.rows("SELECT count(*) FROM running") == [(0,)]
    assert not rig.input.running
    assert rig.do(Start("Contract 1", "memo")) == Done("Tracking “Contract 1” for Northwind Ltd.")


def test_a_read_only_buffer_is_told_at_once(rig: Rig) -> None:
    rig.buffer.database.rows("PRAGMA query_only = ON")
    assert refused(rig.do(Start("Contract 1", "memo")), "cannot be read or written").exit_code == 2
    assert rig.status().phase is Phase.STOPPED
    rig.buffer.database.rows("PRAGMA query_only = OFF")
    assert isinstance(rig.do(Start("Contract 1", "memo")), Done)


def test_copies_are_made_while_time_is_tracked(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(15_000)
    rig.work(60_000)
    assert list((rig.folder / "copies").glob("*.db"))
    status = rig.work(10_000)
    assert (status.session_ms, status.notices) == (85_000, ())


def test_what_is_withheld_is_in_no_copy_once_the_tracker_has_ended(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    held = rig.work(AT_MS).snapshot
    assert held is not None
    before = set((rig.folder / "copies").glob("*.db"))
    assert before
    rig.do(WithholdSnapshot(held.id))
    rig.quit()
    assert not before & set((rig.folder / "copies").glob("*.db"))
    assert list((rig.folder / "copies").glob("*.db"))


def test_damage_is_mended_under_the_running_tracker(rig: Rig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(75_000)
    assert list((rig.folder / "copies").glob("*.db"))
    rig.buffer.database.empty_wal()
    file = rig.folder / "buffer.db"
    content = bytearray(file.read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 + 1000] ^= 0xFF
    file.write_bytes(content)
    rig.buffer.database.rows("PRAGMA shrink_memory")
    rig.idle.move()
    rig.advance(5_000)
    status = rig.until(lambda one: any("was restored" in notice for notice in one.notices))
    assert status.phase is Phase.TRACKING
    rig.work(5_000)
    assert (rig.folder / "quarantine").exists()
    rig.do(Stop())
    assert isinstance(rig.do(Start("Contract 1", "memo")), Done)
    assert rig.status().notices == ()


def test_correcting_much_at_a_contact_is_told_while_it_lasts(
    make_rig: Callable[[], Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_MUCH_TO_CORRECT", 1)
    rig = make_rig()
    start_ms = rig.clock.true_ms - 10 * MINUTE_MS
    now = Moment(start_ms + MINUTE_MS, 0, 0, 0, is_provisional=True, boot_id="an earlier boot")
    worked = Worked(Interval(contract(1).id, start_ms, start_ms + MINUTE_MS, Kind.TRACKED, "memo"))
    rig.buffer.journal.write(State(), (worked,), None, now=now, policy_version=1)
    rig.start().log_in()
    rig.until(lambda status: any("put in its place" in notice for notice in status.notices))
    rig.until(lambda status: not any("put in its place" in notice for notice in status.notices))
    assert not rig.buffer.journal.has_provisional(1)


# A clock that is wrong by decades


@pytest.mark.parametrize("error_ms", [-NOON_MS, 2_335_564_800_000], ids=["1970", "2100"])
def test_a_clock_decades_off_loses_removes_and_invents_nothing(
    tmp_path: Path, marketplace: FakeMarketplace, error_ms: int
) -> None:
    """Work of the day before lies in the buffer; the machine starts with a flat battery, and works before a contact."""
    vault, clock = MemoryVault(), FakeClock()
    first = Rig(tmp_path / "data", marketplace, vault, clock).start()
    first.log_in()
    first.do(Start("Contract 1", "the day before"))
    first.work(MINUTE_MS)
    first.quit()
    clock.reboot(off_ms=86_400_000)
    clock.step(error_ms)
    marketplace.utc_ms = clock.true_ms
    marketplace.interfere = lambda _seen, _said: CUT
    rig = Rig(tmp_path / "data", marketplace, vault, clock).start()
    rig.do(Start("Contract 1", "before the contact"))
    rig.work(MINUTE_MS)
    while rig.buffer.upkeep.step(clock.true_ms + error_ms, clock.mono_ms(), is_provisional=True):
        pass
    marketplace.interfere = lambda _seen, said: said
    marketplace.utc_ms = clock.true_ms
    assert isinstance(rig.do(Sync()), SyncAnswer)
    rig.do(Stop())
    assert rig.status().now_ms == clock.true_ms
    for day, memo in (("2026-11-23", "the day before"), ("2026-11-24", "before the contact")):
        answer = rig.do(GetDiary(day))
        assert isinstance(answer, DiaryAnswer)
        memos = [interval.memo for one in answer.segments for interval in one.segment.intervals]
        assert (answer.worked_ms, memos) == (MINUTE_MS, [memo])
    rig.quit()
