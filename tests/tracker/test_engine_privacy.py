"""The engine and the screen: what it captures, when it tells, and that it captures nothing while the timer is off."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.terms import contract
from tests.fakes.windows import FakeWindows
from tests.tracker.sync.conftest import MemoryVault
from tests.tracker.sync.scripted import FakeMarketplace
from tests.tracker.test_engine import AT_MS, WITHIN_S, Rig, refused
from tracker.capture.platform import BackEnds
from tracker.capture.power.port import PowerEvent
from tracker.capture.window.port import Window
from tracker.clock import Clock
from tracker.commands import (
    AddExclusion,
    ApproveSnapshot,
    BlurSnapshot,
    Done,
    ExclusionsAnswer,
    GetContracts,
    GetExclusions,
    PicturesAnswer,
    Refused,
    RemoveExclusion,
    Resume,
    Start,
    Stop,
    Sync,
    ViewSnapshot,
)
from tracker.domain.exclusion import Rule, Subject, Withholding
from tracker.domain.session import Phase
from tracker.engine import Engine
from tracker.sight import Seen, Sight
from tracker.status import Status
from tracker.store.pictures import Pictures
from tracker.timer import Timer
from wire import canonical
from wire.diary import Segment
from wire.words import SEGMENT_MS, SnapshotStatus

BANK = Rule(Subject.TITLE, "bank")
BANK_WINDOW = Window("Firefox", "My Bank")
EDITOR = Window("Editor", "notes", is_active=True)


class PrivacyRig(Rig):
    """A rig whose desktop lists windows, and whose instants are as dense as a test wants."""

    def __init__(
        self, folder: Path, marketplace: FakeMarketplace, clock: FakeClock, instants: tuple[int, ...] = (AT_MS,)
    ) -> None:
        self.windows = FakeWindows(EDITOR)
        self.instants = instants
        super().__init__(folder, marketplace, MemoryVault(), clock)

    def _engine(self, clock: Clock) -> Engine:
        back_ends = BackEnds(self.screen, self.input, self.idle, self.power, "fake", windows=self.windows)
        return Engine(self.buffer, self.vault, clock, back_ends, lambda *_: self.instants)


@pytest.fixture
def rig(tmp_path: Path, marketplace: FakeMarketplace) -> Iterator[PrivacyRig]:
    rig = PrivacyRig(tmp_path / "data", marketplace, FakeClock())
    rig.start()
    yield from _running(rig)


def _running(rig: PrivacyRig) -> Iterator[PrivacyRig]:
    rig.log_in()
    yield rig
    if rig.engine._worker.is_running:
        rig.quit()
    rig.engine.close()


def _newest(rig: Rig) -> Any:
    taken = rig.buffer.snapshots.newest()
    assert taken is not None
    return taken


# Exclusion rules


def test_rules_are_added_listed_and_removed_and_outlive_a_restart(rig: PrivacyRig) -> None:
    assert "My Bank" in str(rig.do(AddExclusion(Rule(Subject.TITLE, "My Bank"))))
    assert "already" in str(rig.do(AddExclusion(Rule(Subject.TITLE, "my bank"))))
    rig.do(AddExclusion(Rule(Subject.APPLICATION, "Signal")))
    answer = rig.do(GetExclusions())
    assert answer == ExclusionsAnswer(
        (Rule(Subject.TITLE, "My Bank"), Rule(Subject.APPLICATION, "Signal")), ("Editor",)
    )
    again = Engine(
        rig.buffer, rig.vault, rig.clock, BackEnds(rig.screen, rig.input, rig.idle, rig.power, ""), lambda *_: ()
    )
    assert again.handle(GetExclusions()) == ExclusionsAnswer(answer.rules, None)
    assert "Not excluded any more" in str(rig.do(RemoveExclusion(Rule(Subject.TITLE, "MY BANK"))))
    refused(rig.do(RemoveExclusion(Rule(Subject.TITLE, "My Bank"))), "There is no rule")
    refused(rig.do(AddExclusion(Rule(Subject.TITLE, " "))), "empty")
    refused(rig.do(AddExclusion(Rule(Subject.TITLE, "x" * 201))), "200")


def test_an_excluded_window_withholds_and_neither_rule_nor_window_leaves(rig: PrivacyRig) -> None:
    rig.do(AddExclusion(BANK))
    rig.do(Start("Contract 1", "memo"))
    rig.windows.shown.append(BANK_WINDOW)
    shown = rig.work(AT_MS).snapshot
    assert shown is not None
    assert (shown.status, shown.withholding) == (SnapshotStatus.WITHHELD, Withholding.RULE)
    assert rig.status().protection_problem == "This segment's snapshot was withheld."
    rig.do(Stop())
    rig.do(Sync())
    (content,) = rig.marketplace.contents.values()
    assert b'"reason":null,"status":"withheld"' in bytes(content)
    assert b"ank" not in bytes(content)
    assert b"rule" not in bytes(content)
    assert rig.marketplace.pictures == {}


def test_a_title_goes_with_its_snapshot_where_the_contract_says_so(rig: PrivacyRig) -> None:
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1, sends_window_titles=True),), "titled"
    rig.do(GetContracts())
    rig.do(Start("Contract 1", "memo"))
    rig.work(AT_MS)
    rig.do(Stop())
    rig.advance(60_000)
    rig.until(lambda one: one.sync.waiting_segments == 0 and bool(rig.marketplace.contents))
    (content,) = rig.marketplace.contents.values()
    assert b'"window":{"application":"Editor","title":"notes"}' in bytes(content)


# Approval


def _unapproved(rig: PrivacyRig) -> int:
    rig.do(AddExclusion(BANK))
    rig.windows.lost = "They cannot be listed."
    rig.do(Start("Contract 1", "memo"))
    held = rig.work(AT_MS).snapshot
    assert held is not None
    assert (held.status, held.needs_approval, held.leaves_in_ms) == (SnapshotStatus.HELD, True, 60_000)
    return held.id


def test_what_nobody_approves_is_withheld_at_the_holds_end_and_never_leaves(rig: PrivacyRig) -> None:
    _unapproved(rig)
    rig.do(Stop())
    rig.clock.advance(60_000)
    rig.engine.submit(GetContracts())
    status = rig.until(lambda one: one.snapshot is not None and one.snapshot.status is SnapshotStatus.WITHHELD)
    assert status.snapshot is not None
    assert status.snapshot.withholding is Withholding.NOT_APPROVED
    rig.do(Sync())
    (content,) = rig.marketplace.contents.values()
    assert b'"pictures":[],"reason":null,"status":"withheld"' in bytes(content)
    assert (rig.marketplace.pictures, rig.buffer.pictures.names()) == ({}, set())


def test_what_is_approved_leaves(rig: PrivacyRig) -> None:
    snapshot = _unapproved(rig)
    assert isinstance(rig.do(ApproveSnapshot(snapshot)), Done)
    refused(rig.do(ApproveSnapshot(snapshot)), "needs no approval")
    refused(rig.do(ApproveSnapshot(99)), "not held")
    shown = rig.status().snapshot
    assert shown is not None
    assert not shown.needs_approval
    rig.do(Stop())
    rig.advance(60_000)
    rig.until(lambda one: one.sync.waiting_pictures == 0 and len(rig.marketplace.pictures) == 2)


def test_what_is_blurred_instead_of_approved_leaves_blurred(rig: PrivacyRig) -> None:
    snapshot = _unapproved(rig)
    clear = rig.do(ViewSnapshot(snapshot))
    rig.do(BlurSnapshot(snapshot))
    rig.do(Stop())
    rig.advance(60_000)
    rig.until(lambda one: one.sync.waiting_pictures == 0 and len(rig.marketplace.pictures) == 2)
    assert isinstance(clear, PicturesAnswer)
    assert clear.jpegs[0] not in rig.marketplace.pictures.values()


# The notice


def test_a_snapshot_is_told_in_the_moment_it_is_taken(rig: PrivacyRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows in the same step, such as sealing a year of segments, must not keep the notice waiting."""
    published: list[Status] = []
    told_by_then: list[tuple[int, SnapshotStatus]] = []
    seal = Engine._seal

    def seal_late(self: Engine) -> None:
        told_by_then.extend(
            (one.now_ms - one.snapshot.taken_ms, one.snapshot.status) for one in published if one.snapshot is not None
        )
        seal(self)

    rig.engine.subscribe(published.append)
    monkeypatch.setattr(Engine, "_seal", seal_late)
    rig.do(Start("Contract 1", "memo"))
    rig.work(AT_MS - 5_000)
    assert told_by_then == []
    rig.idle.move()
    rig.advance(5_000)
    rig.until(lambda one: one.snapshot is not None)
    rig.do(Stop())
    assert told_by_then[0] == (0, SnapshotStatus.HELD)


def test_the_engine_wakes_at_the_very_instant(rig: PrivacyRig) -> None:
    rig.do(Start("Contract 1", "memo"))
    rig.work(AT_MS - 5_000)
    rig.advance(4_700)
    rig.status()
    assert rig.engine._pause_ms() == 300


# The examination before long work


def test_what_does_not_work_is_told_at_the_first_start_and_forbids_nothing(rig: PrivacyRig) -> None:
    rig.screen.lost, rig.idle.lost = "No screen here.", "No pointer here."
    assert rig.status().notices == ()
    assert isinstance(rig.do(Start("Contract 1", "memo")), Done)
    status = rig.until(lambda one: "No screen here." in one.notices)
    assert (status.phase, status.notices.count("No pointer here.")) == (Phase.TRACKING, 1)
    assert rig.buffer.pictures.names() == set()
    rig.work(5_000)
    rig.do(Stop())
    rig.screen.lost = rig.idle.lost = None
    rig.do(Start("Contract 1", "memo"))
    rig.until(lambda one: one.notices == ())


def test_what_works_is_examined_once_for_each_contract(rig: PrivacyRig) -> None:
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1), contract(2)), "two"
    rig.do(GetContracts())
    for wanted, grabs in (("Contract 1", 1), ("Contract 1", 1), ("Contract 2", 2), ("Contract 1", 2)):
        rig.do(Start(wanted, "memo"))
        rig.status()
        assert rig.screen.grabs == grabs
        rig.do(Stop())
    assert rig.buffer.pictures.names() == set(), "the test picture is thrown away"


def test_no_test_picture_is_taken_of_an_excluded_window(rig: PrivacyRig) -> None:
    rig.do(AddExclusion(BANK))
    rig.windows.shown.append(BANK_WINDOW)
    rig.do(Start("Contract 1", "memo"))
    rig.status()
    assert rig.screen.grabs == 0
    rig.do(Stop())
    rig.windows.shown.remove(BANK_WINDOW)
    rig.do(Start("Contract 1", "memo"))
    rig.status()
    assert rig.screen.grabs == 1


def test_windows_that_cannot_be_listed_are_told_only_where_rules_need_them(rig: PrivacyRig) -> None:
    rig.windows.lost = "They cannot be listed."
    rig.do(Start("Contract 1", "memo"))
    rig.status()
    assert rig.status().notices == ()
    rig.do(Stop())
    rig.do(AddExclusion(BANK))
    rig.marketplace.contracts, rig.marketplace.etag = (contract(1), contract(2)), "two"
    rig.do(GetContracts())
    rig.do(Start("Contract 2", "memo"))
    rig.status()
    (notice,) = rig.status().notices
    assert notice.startswith("They cannot be listed. While you have rules, no snapshot leaves")


def test_a_power_watch_that_was_not_there_is_begun_with_a_later_start(
    tmp_path: Path, marketplace: FakeMarketplace
) -> None:
    rig = PrivacyRig(tmp_path / "data", marketplace, FakeClock())
    rig.power.lost = "No bus here."
    rig.start()
    for running in _running(rig):
        running.do(Start("Contract 1", "memo"))
        running.until(lambda one: "No bus here." in one.notices)
        running.power.lost = None
        running.do(Stop())
        running.do(Start("Contract 1", "memo"))
        running.until(lambda one: one.notices == ())
        running.power.say(PowerEvent.LOCKED)
        running.until(lambda one: one.phase is Phase.PAUSED)


# Nothing while the timer is off


class Person:
    """Works, pauses, locks, suspends, hides and shows windows at random, and knows when nothing may be captured.

    Args:
        rig: what is tracked with; an instant is drawn every six seconds.
        seed: of the sequence.
    """

    def __init__(self, rig: PrivacyRig, seed: int) -> None:
        self.rig = rig
        self.random = random.Random(seed)  # noqa: S311 (a sequence that can be had again)
        self.is_on = self.is_locked = False
        self.wrong: list[str] = []
        rig.screen.during_grab = self.check_grab

    def check_grab(self) -> None:
        if not self.is_on:
            self.wrong.append("a grab while the timer was off")
        if BANK_WINDOW in self.rig.windows.shown and not self.comes_late:
            self.wrong.append("a grab with an excluded window on the screen")

    comes_late = False

    def live(self, steps: int) -> None:
        """Take so many steps, and stop."""
        self.start()
        for _ in range(steps):
            step = self.random.choice(
                [self.start, self.stop, self.idle, self.lock, self.unlock, self.suspend, self.sleep, self.resume,
                 self.show_bank, self.hide_bank, self.bank_comes_late]
            )  # fmt: skip
            self.work()
            step()
            self.settle()
        self.unlock()
        self.settle()
        self.stop()
        self.hide_bank()

    def settle(self) -> None:
        """Let the engine do what is due; a deadline comes after what woke it, so the second round has seen it done."""
        for _ in range(2):
            done = threading.Event()
            self.rig.engine._worker.put(done.set)
            assert done.wait(WITHIN_S)
        if self.rig.engine._timer.state.phase is not Phase.TRACKING:
            self.is_on = False

    def start(self) -> None:
        if self.is_locked:
            return
        self.is_on = True
        self.rig.do(Start("Contract 1", "memo"))

    def stop(self) -> None:
        self.rig.do(Stop())
        self.is_on = False

    def resume(self) -> None:
        if self.is_locked:
            return
        was_on, self.is_on = self.is_on, True
        if isinstance(self.rig.do(Resume()), Refused):
            self.is_on = was_on

    def work(self) -> None:
        for _ in range(self.random.randrange(1, 4)):
            self.rig.idle.move()
            self.rig.clock.advance(self.random.randrange(1, 5_000))
            self.settle()

    def idle(self) -> None:
        for _ in range(4):
            self.rig.clock.advance(200_000)
            self.settle()

    def lock(self) -> None:
        self.is_locked = True
        self.rig.power.say(PowerEvent.LOCKED)
        self.settle()
        self.is_on = False

    def unlock(self) -> None:
        if self.is_locked:
            self.is_on = True  # it may run on by itself; settle() looks
            self.rig.power.say(PowerEvent.UNLOCKED)
        self.is_locked = False

    def suspend(self) -> None:
        self.rig.power.say(PowerEvent.SUSPENDING)
        self.is_on = False
        self.sleep()
        self.rig.power.say(PowerEvent.RESUMED)

    def sleep(self) -> None:
        """Nobody announces it."""
        self.rig.clock.suspend(self.random.randrange(3_000, 3_600_000))
        self.is_on = False

    def show_bank(self) -> None:
        self.rig.windows.shown[:] = [EDITOR, BANK_WINDOW]

    def hide_bank(self) -> None:
        self.comes_late = False
        self.rig.windows.after_look = lambda: None
        self.rig.windows.shown[:] = [EDITOR]

    def bank_comes_late(self) -> None:
        """Let it open just when the windows have been looked at."""
        if BANK_WINDOW not in self.rig.windows.shown:
            self.comes_late = True
            self.rig.windows.after_look = self.show_bank


def _outside_tracked_time(rig: PrivacyRig) -> list[int]:
    """Give the instants of all pictures, sealed or not, that lie in no recorded time."""
    spans = [(int(start), int(end)) for start, end in rig.buffer.database.rows("SELECT start_ms, end_ms FROM worked")]
    rows = rig.buffer.database.rows("SELECT at_ms FROM snapshot WHERE id IN (SELECT snapshot FROM picture)")
    instants = [int(row[0]) for row in rows]
    for (content,) in rig.buffer.database.rows("SELECT content FROM revision WHERE content IS NOT NULL"):
        segment = canonical.decode(bytes(content), Segment)
        start_ms = segment.start_s * 1000
        spans += [(start_ms + one.start_ms, start_ms + one.end_ms) for one in segment.intervals]
        instants += [start_ms + one.at_ms for one in segment.snapshots if one.pictures]
    return [at_ms for at_ms in instants if not any(start_ms <= at_ms <= end_ms for start_ms, end_ms in spans)]


DENSE = tuple(range(0, SEGMENT_MS, 6_000))  # a hundred, which is the most that a segment takes


@pytest.fixture
def dense(tmp_path: Path, marketplace: FakeMarketplace, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivacyRig]:
    """A rig with an instant every six seconds, a rule, and a check of each picture that is written."""
    rig = PrivacyRig(tmp_path / "data", marketplace, FakeClock(), DENSE)
    put = Pictures.put
    rig.written = []  # type: ignore[attr-defined]  # this fixture's own

    def put_checked(self: Pictures, content: bytes) -> str:
        rig.written.append(BANK_WINDOW in rig.windows.shown)  # type: ignore[attr-defined]
        return put(self, content)

    monkeypatch.setattr(Pictures, "put", put_checked)
    rig.engine.start()  # nobody listens: a thousand sequences need no statuses
    for running in _running(rig):
        running.do(AddExclusion(BANK))
        yield running


class Unlucky(Person):
    """One to whom an excluded window opens just when the windows have been looked at, over and over."""

    def work(self) -> None:
        self.hide_bank()
        self.bank_comes_late()
        super().work()


def _run(rig: PrivacyRig, seeds: range, lives: type[Person] = Person) -> tuple[list[tuple[int, str]], int]:
    """Live a sequence for each seed; give what was wrong with the seed, and the pictures written."""
    wrong: list[tuple[int, str]] = []
    for seed in seeds:
        person = lives(rig, seed)
        person.live(6)
        wrong += [(seed, one) for one in person.wrong]
    written: list[bool] = rig.written  # type: ignore[attr-defined]
    wrong += [(-1, "a picture was written with an excluded window on the screen")] * sum(written)
    wrong += [(-1, f"a picture of {at_ms} in no recorded time") for at_ms in _outside_tracked_time(rig)]
    return wrong, len(written)


@pytest.mark.parametrize(
    "seeds",
    [range(40), *(pytest.param(range(start, start + 96), marks=pytest.mark.slow) for start in range(40, 1000, 96))],
    ids=str,
)
def test_nothing_is_captured_while_the_timer_is_off(dense: PrivacyRig, seeds: range) -> None:
    wrong, written = _run(dense, seeds)
    assert wrong == []
    assert written > len(seeds), "and while it runs, pictures are taken"


def test_an_engine_that_captures_while_it_is_off_would_be_found(
    dense: PrivacyRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Timer, "is_tracking", property(lambda self: self.contract is not None))
    wrong, _ = _run(dense, range(12))
    assert "a grab while the timer was off" in {what for _, what in wrong}


def test_an_engine_that_looks_at_no_window_would_be_found(dense: PrivacyRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sight, "look", lambda *_, **__: Seen(is_excluded=False, is_certain=True, active=None))
    wrong, _ = _run(dense, range(12))
    assert {what for _, what in wrong} == {
        "a grab with an excluded window on the screen",
        "a picture was written with an excluded window on the screen",
    }


def test_an_engine_that_looks_only_before_the_grab_would_be_found(
    dense: PrivacyRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looks = Sight.look, {"grabs": 0}

    def look_before(self: Sight, **asks: bool) -> Seen:
        seen, before = look(self, **asks), looks["grabs"]
        looks["grabs"] = dense.screen.grabs
        return seen if before == dense.screen.grabs else Seen(is_excluded=False, is_certain=True, active=None)

    assert _run(dense, range(4), Unlucky)[0] == []
    monkeypatch.setattr(Sight, "look", look_before)
    wrong, _ = _run(dense, range(4), Unlucky)
    assert {what for _, what in wrong} == {"a picture was written with an excluded window on the screen"}
