"""From journal rows to sealed revisions: nothing half done, nothing held, nothing invented."""

from pathlib import Path
from uuid import UUID

import pytest

from tests.fakes.clock import NOON_MS
from tracker.domain.clock import Moment
from tracker.domain.events import Worked
from tracker.domain.segment import Interval
from tracker.domain.session import Phase, State
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.journal import Journal, Measured
from tracker.store.outbox import Outbox
from tracker.store.snapshots import Snapshots
from tracker.sync.sealer import Sealer
from wire import canonical, chain
from wire.diary import ActiveWindow, Picture, Segment, check
from wire.sync import Rejected
from wire.words import (
    MINUTE_MS,
    SEGMENT_MS,
    ActivitySource,
    Kind,
    RevisionReason,
    SnapshotReason,
    SnapshotStatus,
)

ONE, TWO, DEVICE = UUID(int=1), UUID(int=2), UUID(int=9)
STOPPED = State()
REFUSED = Rejected(code="overlap", sentence="No.")


class Desk:
    """A buffer with a sealer, and short ways to record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.buffer: Buffer = open_buffer(folder, bytes(range(32)))
        self.sealer = Sealer(self.buffer.database, self.buffer.journal, self.buffer.snapshots, self.buffer.outbox)

    def work(
        self,
        start_ms: int,
        end_ms: int,
        *,
        contract: UUID = ONE,
        memo: str = "memo",
        keys: int = 0,
        moved: bool = False,
        active_ms: int = 0,
        source: ActivitySource = ActivitySource.COUNTS,
        is_provisional: bool = False,
        policy_version: int = 1,
    ) -> None:
        interval = Interval(contract, NOON_MS + start_ms, NOON_MS + end_ms, Kind.TRACKED, memo)
        measured = Measured(contract, NOON_MS + start_ms, source, keys, 0, 0, moved, active_ms)
        now = _moment(end_ms, is_provisional=is_provisional)
        self.buffer.journal.write(STOPPED, (Worked(interval),), measured, now=now, policy_version=policy_version)

    def snap(
        self,
        at_ms: int,
        *,
        hold_ms: int | None = 0,
        name: str = "a",
        reason: SnapshotReason | None = None,
        window: ActiveWindow | None = None,
        needs_approval: bool = False,
    ) -> int:
        for content in () if reason else (name * 64, name * 63 + "0"):
            (self.folder / "pictures" / f"{content}.picture").touch()
        picture = Picture(
            monitor=0, width=1, height=1, sha256=name * 64, size=1, thumbnail_sha256=name * 63 + "0", thumbnail_size=1
        )  # fmt: skip
        return self.buffer.snapshots.add(
            ONE,
            NOON_MS + at_ms,
            drawn_ms=NOON_MS + at_ms,
            pictures=() if reason else (picture,),
            reason=reason,
            leaves_ms=None if hold_ms is None or reason else NOON_MS + at_ms + hold_ms,
            window=window,
            needs_approval=needs_approval,
        )

    def seal(self, at_ms: int = SEGMENT_MS, state: State = STOPPED, *, is_provisional: bool = False) -> int:
        return self.sealer.seal(DEVICE, state, _moment(at_ms, is_provisional=is_provisional))

    def standing(self, start_ms: int = 0, contract: UUID = ONE) -> Segment:
        revision = self.buffer.outbox.standing(contract, NOON_MS + start_ms)
        assert revision is not None
        assert revision.content is not None
        segment = canonical.decode(revision.content, Segment)
        check(segment)
        assert (segment.worked_ms, segment.revision) == (revision.worked_ms, revision.revision)
        return segment

    def everything(self) -> list[object]:
        """Every row of the journal, the snapshots and the outbox."""
        tables = ("worked", "activity", "snapshot", "picture", "instant", "revision", "upload")
        return [self.buffer.database.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608 (names above)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _moment(at_ms: int, *, is_provisional: bool = False) -> Moment:
    return Moment(NOON_MS + at_ms, 0, 1_000_000 + at_ms, -7, is_provisional=is_provisional)


def _spans(segment: Segment) -> list[tuple[int, int, str]]:
    return [(one.start_ms, one.end_ms, one.memo) for one in segment.intervals]


def test_a_sealed_segment_says_what_was_recorded(desk: Desk) -> None:
    desk.work(3, 5000, keys=2, policy_version=4)
    desk.work(5000, MINUTE_MS + 10, keys=3, memo="other")
    desk.work(MINUTE_MS + 10, MINUTE_MS + 20, keys=4, memo="other")
    desk.work(2 * MINUTE_MS, 3 * MINUTE_MS, moved=True, memo="other")
    desk.snap(100)
    assert desk.seal() == 1
    segment = desk.standing()
    assert (segment.contract, segment.device, segment.start_s * 1000) == (ONE, DEVICE, NOON_MS)
    assert (segment.revision, segment.reason, segment.policy_version) == (1, RevisionReason.RECORDED, 4)
    assert segment.clock_offset_ms == -7
    assert _spans(segment) == [(3, 5000, "memo"), (5000, 60_020, "other"), (120_000, 180_000, "other")]
    assert segment.activity.source is ActivitySource.COUNTS
    assert [(one.minute, one.keys, one.moved) for one in segment.activity.minutes] == [
        (0, 5, False),
        (1, 4, False),
        (2, 0, True),
    ]
    assert [(one.at_ms, one.status, len(one.pictures)) for one in segment.snapshots] == [(100, SnapshotStatus.SENT, 1)]


def test_the_sealed_link_fits_its_content_and_queues_its_pictures(desk: Desk) -> None:
    desk.work(0, 5000)
    desk.snap(1, name="a")
    desk.snap(2, name="b")
    desk.seal()
    (revision,) = desk.buffer.outbox.next_batch(50)
    assert revision.salt is not None
    assert revision.content is not None
    assert revision.digest == chain.digest(revision.salt, revision.content)
    assert desk.buffer.outbox.head(DEVICE) == chain.extend(chain.genesis(DEVICE), (revision.digest,))
    uploads = {sha256 for (sha256,) in desk.buffer.database.rows("SELECT sha256 FROM upload")}
    assert uploads == {"a" * 64, "a" * 63 + "0", "b" * 64, "b" * 63 + "0"}


def test_what_is_sealed_leaves_the_journal_and_its_time_is_counted_once(desk: Desk) -> None:
    desk.work(0, 5000)
    desk.work(SEGMENT_MS, SEGMENT_MS + 70, contract=TWO)
    desk.snap(100)
    desk.seal()
    assert desk.buffer.journal.open_segments() == []
    assert desk.buffer.database.rows("SELECT (SELECT count(*) FROM snapshot), (SELECT count(*) FROM picture)") == [
        (0, 0)
    ]
    assert desk.buffer.outbox.worked_ms(0, 2**62) == {ONE: 5000, TWO: 70}
    assert desk.seal() == 0


def test_only_what_may_be_sealed_is(desk: Desk) -> None:
    """The running segment stays; the one before it goes."""
    desk.work(0, SEGMENT_MS + 5000)
    state = State(
        phase=Phase.TRACKING, contract=ONE, counted=_moment(SEGMENT_MS + 5000), last_input_ms=1_000_000 + SEGMENT_MS
    )
    assert desk.seal(SEGMENT_MS + 5000, state) == 1
    assert [one.unsealed.start_ms for one in desk.buffer.journal.open_segments()] == [NOON_MS + SEGMENT_MS]
    assert desk.standing().worked_ms == SEGMENT_MS


def test_a_held_snapshot_is_never_sealed(desk: Desk) -> None:
    desk.work(0, 5000)
    desk.snap(4000, hold_ms=60_000)
    assert desk.seal(63_999) == 0
    assert desk.buffer.outbox.next_batch(1) == []
    assert desk.seal(64_000) == 1
    assert desk.standing().snapshots[0].status is SnapshotStatus.SENT


def test_provisional_time_is_never_sealed_and_nothing_by_a_provisional_clock(desk: Desk) -> None:
    desk.work(0, 5000)
    desk.work(SEGMENT_MS, SEGMENT_MS + 5000, is_provisional=True)
    assert desk.seal(2 * SEGMENT_MS, is_provisional=True) == 0
    assert desk.seal(2 * SEGMENT_MS) == 1
    assert len(desk.buffer.journal.open_segments()) == 1


# Continuation


def test_starting_again_in_the_same_ten_minutes_continues_the_unsealed(desk: Desk) -> None:
    desk.work(0, 5000)
    desk.work(9000, 10_000)
    desk.seal()
    segment = desk.standing()
    assert (segment.revision, segment.reason) == (1, RevisionReason.RECORDED)
    assert _spans(segment) == [(0, 5000, "memo"), (9000, 10_000, "memo")]


def test_starting_again_after_sealing_makes_the_next_revision_of_all_of_it(desk: Desk) -> None:
    desk.work(0, 5000, keys=2, policy_version=4)
    desk.snap(100, name="a")
    desk.seal(5000)
    desk.work(9000, 10_000, keys=3, memo="again", policy_version=5)
    desk.work(2 * MINUTE_MS, 2 * MINUTE_MS + 5, keys=4, memo="again")
    desk.snap(9500, name="b")
    desk.seal(10_000)
    segment = desk.standing()
    assert (segment.revision, segment.reason, segment.policy_version) == (2, RevisionReason.CONTINUED, 4)
    assert _spans(segment) == [(0, 5000, "memo"), (9000, 10_000, "again"), (120_000, 120_005, "again")]
    assert [(one.minute, one.keys) for one in segment.activity.minutes] == [(0, 5), (2, 4)]
    assert [(one.at_ms, one.pictures[0].sha256[0]) for one in segment.snapshots] == [(100, "a"), (9500, "b")]
    assert desk.buffer.outbox.worked_ms(0, 2**62) == {ONE: 6005}


def test_a_refused_revision_is_numbered_past_and_not_continued(desk: Desk) -> None:
    desk.work(0, 5000)
    desk.seal(5000)
    desk.buffer.outbox.settle(0, REFUSED)
    desk.work(9000, 10_000)
    desk.seal(10_000)
    segment = desk.standing()
    assert (segment.revision, segment.reason) == (2, RevisionReason.RECORDED)
    assert _spans(segment) == [(9000, 10_000, "memo")]


def test_a_draft_is_what_sealing_would_make_and_changes_nothing(desk: Desk) -> None:
    desk.work(0, 5000, keys=2)
    before = desk.everything()
    draft = desk.sealer.draft(DEVICE, ONE, NOON_MS)
    assert desk.everything() == before
    desk.seal()
    assert desk.standing() == draft
    assert desk.sealer.draft(DEVICE, ONE, NOON_MS) is None


# Snapshots that were not taken


def test_an_instant_outside_tracked_time_has_an_agreed_reason(desk: Desk) -> None:
    desk.buffer.snapshots.draw(ONE, NOON_MS, (4999, 5000, 590_000))
    desk.work(0, 5000)
    desk.snap(4999)
    desk.seal(5000)
    found = [(one.at_ms, one.status, one.reason) for one in desk.standing().snapshots]
    assert found == [
        (4999, SnapshotStatus.SENT, None),
        (5000, SnapshotStatus.FAILED, SnapshotReason.OUTSIDE_TRACKED_TIME),
        (590_000, SnapshotStatus.FAILED, SnapshotReason.OUTSIDE_TRACKED_TIME),
    ]


def test_an_instant_inside_tracked_time_that_nobody_took_has_none(desk: Desk) -> None:
    """Otherwise stopping the tracker's process at the right moment would give protected time without a picture."""
    desk.buffer.snapshots.draw(ONE, NOON_MS, (4999,))
    desk.work(0, 5000)
    for until_ms in (5000, 10_000):
        desk.seal(until_ms)
        found = [(one.at_ms, one.status, one.reason) for one in desk.standing().snapshots]
        assert found == [(4999, SnapshotStatus.FAILED, SnapshotReason.UNAVAILABLE)]
        desk.work(until_ms, until_ms + 100)


def test_a_continuation_that_reaches_an_instant_replaces_that_it_lay_outside(desk: Desk) -> None:
    desk.buffer.snapshots.draw(ONE, NOON_MS, (9500,))
    desk.work(0, 5000)
    desk.seal(5000)
    assert [one.reason for one in desk.standing().snapshots] == [SnapshotReason.OUTSIDE_TRACKED_TIME]
    desk.work(9000, 10_000)
    desk.snap(9500)
    desk.seal(10_000)
    assert [(one.status, one.reason) for one in desk.standing().snapshots] == [(SnapshotStatus.SENT, None)]


def test_what_became_of_a_snapshot_is_sealed_as_it_is(desk: Desk) -> None:
    desk.work(0, 5000)
    desk.snap(1, reason=SnapshotReason.BLANK)
    desk.buffer.snapshots.withhold(desk.snap(2))
    desk.seal(5000)
    assert [(one.status, one.reason, one.pictures) for one in desk.standing().snapshots] == [
        (SnapshotStatus.FAILED, SnapshotReason.BLANK, ()),
        (SnapshotStatus.WITHHELD, None, ()),
    ]


# Activity


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        ((ActivitySource.NONE, ActivitySource.COUNTS), ActivitySource.COUNTS),
        ((ActivitySource.COUNTS, ActivitySource.NONE), ActivitySource.COUNTS),
        ((ActivitySource.NONE, ActivitySource.NONE), ActivitySource.NONE),
        ((ActivitySource.NONE, ActivitySource.ACTIVE_SECONDS), ActivitySource.ACTIVE_SECONDS),
        ((ActivitySource.COUNTS, ActivitySource.ACTIVE_SECONDS), ActivitySource.ACTIVE_SECONDS),
        ((ActivitySource.ACTIVE_SECONDS, ActivitySource.COUNTS), ActivitySource.ACTIVE_SECONDS),
    ],
)
def test_a_part_without_counts_speaks_for_the_whole_segment(
    desk: Desk, sources: tuple[ActivitySource, ActivitySource], told: ActivitySource
) -> None:
    for number, source in enumerate(sources):
        desk.work(number * 100, number * 100 + 50, source=source)
        desk.seal()
    assert desk.standing().activity.source is told


def test_active_time_is_sealed_as_whole_seconds_of_its_minute(desk: Desk) -> None:
    def work(start_ms: int, active_ms: int) -> None:
        desk.work(start_ms, start_ms + 1000, active_ms=active_ms, source=ActivitySource.ACTIVE_SECONDS)

    work(0, 1)
    work(MINUTE_MS, 1500)
    work(MINUTE_MS + 5000, 1500)
    work(2 * MINUTE_MS, 60_000)
    work(2 * MINUTE_MS + 30_000, 900)
    work(3 * MINUTE_MS, 0)
    desk.seal()
    segment = desk.standing()
    assert [(one.minute, one.active_s) for one in segment.activity.minutes] == [(0, 1), (1, 3), (2, 60)]
    assert (segment.active_s, segment.activity_minutes) == (64, (3, 4))


def test_a_continuation_adds_its_active_seconds(desk: Desk) -> None:
    for start_ms, active_ms in ((0, 4200), (10_000, 2000), (20_000, 60_000)):
        desk.work(start_ms, start_ms + 1000, active_ms=active_ms, source=ActivitySource.ACTIVE_SECONDS)
        desk.seal()
    assert desk.standing().revision == 3
    assert [one.active_s for one in desk.standing().activity.minutes] == [60]


def test_counts_and_active_seconds_of_one_segment_both_stand(desk: Desk) -> None:
    desk.work(0, 1000, keys=7)
    desk.work(MINUTE_MS, MINUTE_MS + 1000, active_ms=4000, source=ActivitySource.ACTIVE_SECONDS)
    desk.seal()
    segment = desk.standing()
    assert [(one.keys, one.active_s) for one in segment.activity.minutes] == [(7, 0), (0, 4)]
    assert segment.activity.source is ActivitySource.ACTIVE_SECONDS, "a minute without keys must not seem counted"


def test_more_input_than_a_message_can_say_costs_no_time(desk: Desk) -> None:
    """A counter gone mad must not make a content that the marketplace refuses."""
    desk.work(0, 5000, keys=999_999)
    desk.work(5000, 6000, keys=999_999)
    desk.seal()
    assert desk.standing().activity.minutes[0].keys == 1_000_000


# One transaction


@pytest.mark.parametrize(
    ("part", "method"), [(Outbox, "append"), (Journal, "forget"), (Snapshots, "forget"), (Outbox, "head")]
)
def test_a_fault_anywhere_leaves_nothing_half_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, part: type, method: str
) -> None:
    desk.work(0, 5000, keys=1)
    desk.snap(100)
    before = desk.everything()

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(part, method, fail)
    with pytest.raises(ZeroDivisionError):
        desk.seal()
    assert desk.everything() == before
    monkeypatch.undo()
    assert desk.seal() == 1
    assert desk.standing().worked_ms == 5000


def test_without_one_transaction_the_fault_would_leave_it_half_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the same fault, each part committed by itself, doubles the time."""
    desk.work(0, 5000)

    def commit_and_fail(*_: object) -> None:
        connection = desk.buffer.database._connection
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        raise ZeroDivisionError

    monkeypatch.setattr(Journal, "forget", commit_and_fail)
    with pytest.raises(ZeroDivisionError):
        desk.seal()
    both = desk.buffer.outbox.worked_ms(0, 2**62)[ONE] + desk.buffer.journal.worked_ms(0, 2**62)[ONE]
    assert both == 10_000


def test_one_that_cannot_be_sealed_keeps_those_sealed_before(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.work(0, 5000)
    desk.work(SEGMENT_MS, SEGMENT_MS + 5000)
    draft = desk.sealer.draft

    def fail_second(device: UUID, contract: UUID, start_ms: int) -> Segment | None:
        if start_ms != NOON_MS:
            raise ZeroDivisionError
        return draft(device, contract, start_ms)

    monkeypatch.setattr(desk.sealer, "draft", fail_second)
    with pytest.raises(ZeroDivisionError):
        desk.seal(2 * SEGMENT_MS)
    assert desk.standing().worked_ms == 5000
    assert len(desk.buffer.journal.open_segments()) == 1


# What must not be sealed


def test_nothing_is_sealed_onto_a_head_that_is_not_known(desk: Desk) -> None:
    desk.work(0, 1000)
    desk.buffer.settings.put("head_unknown", "5")
    assert desk.seal() == 0
    assert len(desk.buffer.journal.open_segments()) == 1
    desk.buffer.settings.delete("head_unknown")
    assert desk.seal() == 1


def test_time_that_overlaps_what_is_sealed_yields_to_it(desk: Desk) -> None:
    desk.work(1000, 3000)
    desk.seal()
    desk.work(0, 5000, memo="late")
    assert desk.seal() == 1
    assert _spans(desk.standing()) == [(0, 1000, "late"), (1000, 3000, "memo"), (3000, 5000, "late")]


def test_a_content_that_breaks_the_rules_is_told_and_holds_no_other_back(desk: Desk) -> None:
    desk.work(0, 2000)
    desk.work(1000, 3000, memo="overlapping")
    desk.work(SEGMENT_MS, SEGMENT_MS + 1000)
    assert desk.seal(2 * SEGMENT_MS) == 1
    assert "2026-11-23 12:00 UTC cannot be sent" in (desk.sealer.trouble or "")
    assert desk.standing(SEGMENT_MS).worked_ms == 1000
    assert [one.unsealed.start_ms for one in desk.buffer.journal.open_segments()] == [NOON_MS]


def test_a_picture_that_is_gone_is_sealed_as_lost(desk: Desk) -> None:
    desk.work(0, 1000)
    desk.snap(500)
    (desk.folder / "pictures" / f"{'a' * 64}.picture").unlink()
    desk.seal(3 * SEGMENT_MS)
    [snapshot] = desk.standing().snapshots
    assert (snapshot.status, snapshot.reason, snapshot.pictures) == (
        SnapshotStatus.FAILED,
        SnapshotReason.LOST,
        (),
    )


def test_a_window_goes_with_its_clear_picture_and_with_nothing_else(desk: Desk) -> None:
    desk.work(0, SEGMENT_MS)
    window = ActiveWindow(application="Editor", title="notes")
    desk.snap(100, name="a", window=window)
    blurred, withheld = desk.snap(200, name="b", window=window), desk.snap(300, name="c", window=window)
    desk.buffer.snapshots.blur(blurred, desk.buffer.snapshots.of_segment(ONE, NOON_MS)[1].pictures)
    desk.buffer.snapshots.withhold(withheld)
    desk.snap(400, name="d", window=window)
    (desk.folder / "pictures" / f"{'d' * 64}.picture").unlink()
    assert desk.seal() == 1
    segment = desk.standing()
    assert [(one.status, one.window) for one in segment.snapshots] == [
        (SnapshotStatus.SENT, window),
        (SnapshotStatus.BLURRED, None),
        (SnapshotStatus.WITHHELD, None),
        (SnapshotStatus.FAILED, None),
    ]
    assert canonical.encode(segment).count(b"notes") == 1


def test_what_nobody_approved_is_sealed_as_withheld(desk: Desk) -> None:
    """The sealer looks itself: a picture must not leave because something else was late to withhold it."""
    desk.work(0, SEGMENT_MS)
    desk.snap(100, name="a", needs_approval=True)
    approved = desk.snap(200, name="b", needs_approval=True)
    desk.buffer.snapshots.approve(approved)
    assert desk.seal() == 1
    segment = desk.standing()
    assert [(one.status, len(one.pictures)) for one in segment.snapshots] == [
        (SnapshotStatus.WITHHELD, 0),
        (SnapshotStatus.SENT, 1),
    ]
    assert segment.snapshots[0].reason is None, "the client learns that it was withheld, and nothing else"


def test_what_waits_for_approval_holds_its_segment_back(desk: Desk) -> None:
    desk.work(0, SEGMENT_MS)
    desk.snap(SEGMENT_MS - 1, hold_ms=60_000, needs_approval=True)
    assert desk.seal(SEGMENT_MS + 59_000) == 0
    assert desk.seal(SEGMENT_MS + 60_000) == 1
    assert desk.standing().snapshots[0].status is SnapshotStatus.WITHHELD
