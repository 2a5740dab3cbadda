"""Edits through the engine: when a kept one is carried out, what a crash leaves of it, and what the timer learns."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.clock import NOON_MS, FakeClock
from tests.fakes.terms import contract
from tests.tracker.sync.conftest import MemoryVault
from tests.tracker.sync.scripted import CUT, FakeMarketplace
from tests.tracker.test_engine import Rig
from tracker.commands import (
    AddTime,
    Answer,
    Command,
    DescribeTime,
    Done,
    GetStatus,
    MoveTime,
    Refused,
    RemoveTime,
    Start,
    Stop,
    Sync,
    Undo,
    WithholdPictures,
)
from tracker.store.outbox import Revision
from wire import canonical
from wire.diary import Segment
from wire.words import MINUTE_MS, SEGMENT_MS, RevisionReason, SnapshotStatus


@pytest.fixture
def make_rig(tmp_path: Path, marketplace: FakeMarketplace) -> Iterator[Callable[[], Rig]]:
    """Rigs that come after each other on one buffer and one clock, as restarts do."""
    marketplace.contracts = (contract(1), contract(2))
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
def worked(make_rig: Callable[[], Rig]) -> Rig:
    """An engine that runs, with a minute of each of two contracts recorded and sealed from noon on."""
    rig = make_rig().start()
    rig.log_in()
    for number in (1, 2):
        rig.do(Start(f"Contract {number}", "memo"))
        rig.work(MINUTE_MS)
    rig.do(Stop())
    return rig


def edit(rig: Rig, command: Command) -> None:
    answer = rig.do(command)
    assert isinstance(answer, Done), answer
    assert "within ten seconds" in answer.sentence


def memo(text: str, from_ms: int = 0, to_ms: int = MINUTE_MS) -> DescribeTime:
    return DescribeTime("Contract 1", NOON_MS + from_ms, NOON_MS + to_ms, text)


def revisions(rig: Rig) -> list[Revision]:
    return rig.buffer.outbox.between(0, 10**15)


def newest(rig: Rig) -> Segment:
    """Give the newest revision of the first contract's segment of noon."""
    standing = rig.buffer.outbox.standing(contract(1).id, NOON_MS)
    assert standing is not None
    assert standing.content is not None
    return canonical.decode(standing.content, Segment)


def memos(rig: Rig) -> list[str]:
    return [one.memo for one in newest(rig).intervals]


def wait_for_edit(rig: Rig) -> None:
    """Wake the engine until it has carried out what was due."""
    for _ in range(50):
        rig.do(GetStatus())
        if rig.buffer.edits.pending() is None:
            return
    pytest.fail("the edit was not carried out")


def refused(answer: Answer, word: str) -> None:
    assert isinstance(answer, Refused), answer
    assert word in answer.sentence


def test_an_edit_is_carried_out_when_its_ten_seconds_are_over_and_arrives(worked: Rig) -> None:
    edit(worked, memo("better"))
    assert worked.engine._pause_ms() <= 10_000
    worked.advance(9_999)
    assert worked.do(GetStatus())
    assert memos(worked) == ["memo"]
    worked.advance(1)
    wait_for_edit(worked)
    assert (memos(worked), newest(worked).reason) == (["better"], RevisionReason.DESCRIBED)
    worked.do(Sync())
    sent = [canonical.decode(content, Segment) for content in worked.marketplace.contents.values()]
    assert [one.reason for one in sent if one.contract == contract(1).id][-1] is RevisionReason.DESCRIBED


def test_until_then_the_diary_shows_it_and_undo_takes_it_back(worked: Rig) -> None:
    edit(worked, memo("better"))
    shown = worked.diary()
    assert shown.pending is not None
    assert "another memo" in shown.pending.sentence
    assert [one.segment.intervals[0].memo for one in shown.segments] == ["better", "memo"]
    assert worked.do(Undo()) == Done("The edit is taken back; everything stands as it did.")
    shown = worked.diary()
    assert shown.pending is None
    assert [one.segment.intervals[0].memo for one in shown.segments] == ["memo", "memo"]
    worked.advance(60_000)
    worked.do(GetStatus())
    assert newest(worked).revision == 1
    refused(worked.do(Undo()), "no edit to take back")


def test_quitting_carries_it_out(worked: Rig, make_rig: Callable[[], Rig]) -> None:
    edit(worked, memo("better"))
    worked.quit()
    again = make_rig()
    assert again.buffer.edits.pending() is None
    assert memos(again) == ["better"]


def test_after_a_crash_the_next_start_carries_it_out(worked: Rig, make_rig: Callable[[], Rig]) -> None:
    edit(worked, RemoveTime("Contract 1", NOON_MS, NOON_MS + SEGMENT_MS))
    worked.kill()
    again = make_rig()
    assert again.buffer.edits.pending() is not None
    assert newest(again).revision == 1
    again.start()
    again.do(GetStatus())
    assert again.buffer.edits.pending() is None
    assert (newest(again).reason, newest(again).worked_ms) == (RevisionReason.DELETED, 0)


def test_after_a_reboot_without_a_network_it_waits_for_the_contact(worked: Rig, make_rig: Callable[[], Rig]) -> None:
    edit(worked, memo("better"))
    worked.kill()
    worked.clock.reboot(60_000)
    worked.marketplace.interfere = lambda _seen, _said: CUT
    again = make_rig().start()
    again.do(GetStatus())
    assert again.buffer.edits.pending() is not None
    refused(again.do(memo("another")), "marketplace's time is not known")
    worked.marketplace.interfere = lambda _seen, said: said
    worked.marketplace.utc_ms = worked.clock.true_ms
    again.do(Sync())
    wait_for_edit(again)
    assert memos(again) == ["better"]


def test_without_a_running_tracker_an_edit_is_kept_for_the_next_command(
    worked: Rig, make_rig: Callable[[], Rig]
) -> None:
    worked.quit()
    rig = make_rig()
    assert isinstance(rig.engine.handle(memo("better")), Done)
    rig.engine.close()
    rig = make_rig()
    assert isinstance(rig.engine.handle(Undo()), Done)
    assert isinstance(rig.engine.handle(memo("better")), Done)
    assert memos(rig) == ["memo"]
    rig.engine.close()
    rig.clock.advance(10_000)
    rig = make_rig()
    rig.engine.handle(GetStatus())
    assert memos(rig) == ["better"]


def test_what_is_deleted_without_a_running_tracker_is_in_no_copy(worked: Rig, make_rig: Callable[[], Rig]) -> None:
    rig = worked
    while rig.buffer.upkeep.step(rig.clock.true_ms, rig.clock.mono_ms(), is_provisional=False):
        pass
    kept = {path.name for path in (rig.folder / "copies").glob("*.db")}
    assert kept
    rig.quit()
    rig = make_rig()
    rig.engine.handle(RemoveTime("Contract 1", NOON_MS, NOON_MS + SEGMENT_MS))
    rig.clock.advance(10_000)
    rig.engine.handle(GetStatus())
    assert not kept & {path.name for path in (rig.folder / "copies").glob("*.db")}


def test_an_edit_after_a_crash_leaves_the_next_start_to_tell_of_it(worked: Rig, make_rig: Callable[[], Rig]) -> None:
    worked.do(Start("Contract 1", "interrupted"))
    worked.work(10_000)
    worked.kill()
    rig = make_rig()
    rig.engine.handle(memo("better"))
    rig.engine.close()
    rig = make_rig().start()
    assert any("ended unexpectedly" in notice for notice in rig.status().notices)
    assert memos(rig) == ["better"]


def test_moving_adding_and_withholding(worked: Rig) -> None:
    edit(worked, MoveTime("Contract 1", NOON_MS, NOON_MS + 30_000, "Contract 2", "moved"))
    edit(worked, AddTime("Contract 1", NOON_MS - SEGMENT_MS, NOON_MS - SEGMENT_MS + 60_000, "by hand"))
    worked.advance(10_000)
    wait_for_edit(worked)
    lines = {line.title: line.today_ms for line in worked.status().contracts}
    assert lines == {"Contract 1": 90_000, "Contract 2": 90_000}
    assert [one.is_joined for one in worked.buffer.outbox.next_batch(50)].count(True) == 1
    assert len({one.contract for one in revisions(worked)}) == 2
    refused(worked.do(WithholdPictures("Contract 1", NOON_MS, NOON_MS + 1)), "No picture")


def test_the_running_segment_is_edited_up_to_the_last_input(worked: Rig) -> None:
    start_ms = worked.clock.true_ms - NOON_MS
    worked.do(Start("Contract 1", "running"))
    worked.work(60_000)
    worked.clock.advance(20_000)
    refused(worked.do(memo("all of it", start_ms, start_ms + 80_000)), "may still be taken away by idleness")
    edit(worked, memo("the first half", start_ms, start_ms + 30_000))
    worked.work(10_000)
    wait_for_edit(worked)
    worked.do(Stop())
    told = [
        (one.memo, one.end_ms - one.start_ms)
        for shown in worked.diary().segments
        if shown.contract_title == "Contract 1"
        for one in shown.segment.intervals
    ]
    assert told == [("memo", 60_000), ("the first half", 30_000), ("running", 60_000)]


def test_removed_time_frees_the_running_timers_limit(make_rig: Callable[[], Rig], marketplace: FakeMarketplace) -> None:
    marketplace.contracts = (contract(1, weekly_limit_minutes=2),)
    rig = make_rig().start()
    rig.log_in()
    rig.do(Start("Contract 1", "memo"))
    rig.work(2 * MINUTE_MS + 5_000)
    assert rig.engine._timer.state.is_over_limit
    edit(rig, RemoveTime("Contract 1", NOON_MS, NOON_MS + MINUTE_MS))
    rig.work(10_000)
    wait_for_edit(rig)
    assert not rig.engine._timer.state.is_over_limit


def test_a_held_picture_in_time_that_is_removed_never_leaves(make_rig: Callable[[], Rig]) -> None:
    rig = make_rig().start()
    rig.log_in()
    rig.do(Start("Contract 1", "memo"))
    rig.work(3 * MINUTE_MS)
    held = rig.buffer.snapshots.newest()
    assert held is not None
    assert held.pictures
    edit(rig, RemoveTime("Contract 1", NOON_MS + 90_000, NOON_MS + 150_000))
    rig.do(Stop())
    rig.advance(10_000)
    wait_for_edit(rig)
    rig.advance(SEGMENT_MS)
    rig.do(Sync())
    assert [one.status for one in newest(rig).snapshots] == [SnapshotStatus.WITHHELD]
    assert rig.marketplace.pictures == {}
    assert rig.buffer.pictures.names() == set()
