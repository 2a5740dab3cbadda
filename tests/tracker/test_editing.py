"""Edits on the real, encrypted buffer: what is sealed gets its next revision, what is not is edited where it lies."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.fakes.clock import NOON_MS
from tests.fakes.desk import DEVICE, ONE, TWO, Desk, moment, spans
from tests.fakes.terms import contract
from tests.tracker.sync.conftest import MemoryVault
from tracker.commands import AddTime, DescribeTime, EditCommand, MoveTime, RemoveTime, WithholdPictures
from tracker.domain.errors import RefusedError
from tracker.domain.session import Phase, State
from tracker.store import keyed
from tracker.store.edits import Edits
from tracker.store.outbox import Outbox
from wire import canonical, chain
from wire.diary import Segment
from wire.sync import Accepted, Rejected
from wire.week import lock_ms
from wire.words import MINUTE_MS, SEGMENT_MS, Kind, RevisionReason, SnapshotReason, SnapshotStatus

MINUTE = MINUTE_MS
REFUSED = Rejected(code="overlap", sentence="No.")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, MemoryVault())
    yield desk
    desk.close()


def describe(from_ms: int, to_ms: int, memo: str = "other", label: str | None = None) -> DescribeTime:
    return DescribeTime(str(ONE), NOON_MS + from_ms, NOON_MS + to_ms, memo, label)


def remove(from_ms: int, to_ms: int) -> RemoveTime:
    return RemoveTime(str(ONE), NOON_MS + from_ms, NOON_MS + to_ms)


def move(from_ms: int, to_ms: int, memo: str = "moved") -> MoveTime:
    return MoveTime(str(ONE), NOON_MS + from_ms, NOON_MS + to_ms, str(TWO), memo)


def add(from_ms: int, to_ms: int, memo: str = "added") -> AddTime:
    return AddTime(str(ONE), NOON_MS + from_ms, NOON_MS + to_ms, memo)


def withhold(from_ms: int, to_ms: int) -> WithholdPictures:
    return WithholdPictures(str(ONE), NOON_MS + from_ms, NOON_MS + to_ms)


def chain_is_whole(desk: Desk) -> bool:
    head = chain.genesis(DEVICE)
    for link, link_hash, digest, salt, content in desk.buffer.database.rows(
        "SELECT link, link_hash, digest, salt, content FROM revision ORDER BY link"
    ):
        head = chain.extend(head, (bytes(digest),))
        if (head.length, head.hash) != (link + 1, bytes(link_hash)):
            return False
        if content is not None and chain.digest(salt, content) != digest:
            return False
    return True


def snapshots(segment: Segment) -> list[tuple[int, SnapshotStatus, int]]:
    return [(one.at_ms, one.status, len(one.pictures)) for one in segment.snapshots]


# What is sealed


def test_another_memo_makes_the_next_revision_at_once(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(60_000)
    desk.seal()
    before = desk.standing()
    desk.edit(describe(2 * MINUTE, 4 * MINUTE, "other", "label"))
    after = desk.standing()
    assert (after.revision, after.reason) == (2, RevisionReason.DESCRIBED)
    assert spans(after) == [(0, 120_000, "memo"), (120_000, 240_000, "other"), (240_000, 480_000, "memo")]
    assert [one.label for one in after.intervals] == [None, "label", None]
    assert (after.activity, after.snapshots) == (before.activity, before.snapshots)
    assert chain_is_whole(desk)
    desk.edit(DescribeTime(None, NOON_MS, NOON_MS + SEGMENT_MS, "memo", ""))
    assert spans(desk.standing()) == [(0, 480_000, "memo")]


def test_a_range_over_several_segments_edits_each(desk: Desk) -> None:
    desk.work(0, 2 * SEGMENT_MS)
    desk.seal(3 * SEGMENT_MS)
    desk.edit(describe(SEGMENT_MS - 5, SEGMENT_MS + 5), 3 * SEGMENT_MS)
    assert spans(desk.standing()) == [(0, 599_995, "memo"), (599_995, 600_000, "other")]
    assert spans(desk.standing(SEGMENT_MS)) == [(0, 5, "other"), (5, 600_000, "memo")]


def test_a_cut_lowers_time_and_leaves_the_minutes_counts_behind(desk: Desk) -> None:
    for number in range(8):
        desk.work(number * MINUTE, (number + 1) * MINUTE, keys=number + 1)
    desk.seal()
    desk.edit(remove(2 * MINUTE, 4 * MINUTE + 30_000))
    after = desk.standing()
    assert after.reason is RevisionReason.CUT
    assert spans(after) == [(0, 120_000, "memo"), (270_000, 480_000, "memo")]
    assert [(one.minute, one.keys) for one in after.activity.minutes] == [
        (0, 1),
        (1, 2),
        (4, 5),
        (5, 6),
        (6, 7),
        (7, 8),
    ]
    assert desk.buffer.outbox.worked_ms(0, 2**62) == {ONE: 330_000}


def test_cutting_around_a_picture_withholds_it_and_buys_no_protection(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(3 * MINUTE)
    desk.seal()
    assert len(desk.buffer.pictures.names()) == 2
    desk.edit(remove(2 * MINUTE, 4 * MINUTE))
    assert snapshots(desk.standing()) == [(180_000, SnapshotStatus.WITHHELD, 0)]
    assert desk.buffer.pictures.names() == set()
    assert desk.buffer.outbox.waiting().pictures == 0


@pytest.mark.parametrize("is_sealed", [False, True])
def test_cutting_around_an_instant_that_nobody_took_does_not_excuse_it(desk: Desk, is_sealed: bool) -> None:
    desk.buffer.snapshots.draw(ONE, NOON_MS, (3 * MINUTE,))
    desk.work(0, 8 * MINUTE)
    if is_sealed:
        desk.seal()
    desk.edit(remove(2 * MINUTE, 4 * MINUTE))
    desk.work(9 * MINUTE, 9 * MINUTE + 1000)  # or the sealer would have nothing to fold
    desk.seal()
    assert [one.reason for one in desk.standing().snapshots] == [SnapshotReason.UNAVAILABLE]


def test_withholding_keeps_the_time(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(3 * MINUTE, b"first")
    kept = desk.snap(5 * MINUTE, b"second")
    desk.seal()
    before = desk.standing()
    desk.edit(withhold(3 * MINUTE, 5 * MINUTE))
    after = desk.standing()
    assert (after.reason, after.intervals, after.activity) == (
        RevisionReason.WITHHELD, before.intervals, before.activity,
    )  # fmt: skip
    assert snapshots(after) == [(180_000, SnapshotStatus.WITHHELD, 0), (300_000, SnapshotStatus.SENT, 1)]
    assert kept is not None
    assert desk.buffer.pictures.names() == {kept.sha256, kept.thumbnail_sha256}


def test_a_deleted_segment_leaves_bare_links_and_no_picture(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(3 * MINUTE)
    desk.seal()
    desk.edit(describe(0, MINUTE))
    desk.edit(remove(0, SEGMENT_MS))
    after = desk.standing()
    assert (after.revision, after.reason, after.worked_ms) == (3, RevisionReason.DELETED, 0)
    assert (after.intervals, after.snapshots, after.activity.minutes) == ((), (), ())
    rows = desk.buffer.database.rows("SELECT salt IS NULL, content IS NULL FROM revision ORDER BY link")
    assert rows == [(1, 1), (1, 1), (0, 0)]
    assert chain_is_whole(desk)
    assert desk.buffer.pictures.names() == set()
    assert desk.buffer.outbox.worked_ms(0, 2**62) == {ONE: 0}


def test_work_after_a_deletion_in_the_same_ten_minutes_numbers_on(desk: Desk) -> None:
    desk.work(0, MINUTE)
    desk.seal(MINUTE)
    desk.edit(remove(0, SEGMENT_MS), MINUTE)
    desk.work(2 * MINUTE, 3 * MINUTE, memo="again")
    desk.seal()
    assert (desk.standing().revision, spans(desk.standing())) == (3, [(120_000, 180_000, "again")])


# What is not sealed


def test_unsealed_time_is_edited_where_it_lies(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(3 * MINUTE)
    desk.edit(describe(MINUTE, 2 * MINUTE))
    desk.edit(remove(2 * MINUTE, 4 * MINUTE))
    assert desk.buffer.outbox.next_batch(5) == []
    desk.seal()
    after = desk.standing()
    assert (after.revision, after.reason) == (1, RevisionReason.RECORDED)
    assert spans(after) == [(0, 60_000, "memo"), (60_000, 120_000, "other"), (240_000, 480_000, "memo")]
    assert snapshots(after) == [(180_000, SnapshotStatus.WITHHELD, 0)]
    assert desk.buffer.pictures.names() == set()


def test_an_unsealed_segment_that_is_removed_whole_leaves_nothing(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(3 * MINUTE)
    desk.edit(remove(0, SEGMENT_MS))
    worked, activity, taken, pictures, *_ = desk.everything()
    assert (worked, activity, taken, pictures) == ([], [], [], [])
    assert desk.buffer.pictures.names() == set()
    assert desk.seal() == 0


def test_both_parts_of_a_segment_are_edited(desk: Desk) -> None:
    desk.work(0, 2 * MINUTE)
    desk.seal(2 * MINUTE)
    desk.work(4 * MINUTE, 6 * MINUTE)
    desk.edit(describe(MINUTE, 5 * MINUTE), 6 * MINUTE)
    assert spans(desk.standing()) == [(0, 60_000, "memo"), (60_000, 120_000, "other")]
    desk.seal()
    after = desk.standing()
    assert (after.revision, after.reason) == (3, RevisionReason.CONTINUED)
    assert spans(after)[2:] == [(240_000, 300_000, "other"), (300_000, 360_000, "memo")]


def test_an_unsealed_part_that_goes_leaves_its_withheld_snapshot_to_the_sealed_one(desk: Desk) -> None:
    """Its instant fell in worked time, so taking that time away must not make it an agreed reason again."""
    desk.work(0, 2 * MINUTE)
    desk.seal(2 * MINUTE)
    desk.work(4 * MINUTE, 6 * MINUTE)
    desk.snap(5 * MINUTE)
    desk.edit(remove(4 * MINUTE, 6 * MINUTE), 6 * MINUTE)
    after = desk.standing()
    assert (after.revision, after.worked_ms) == (2, 120_000)
    assert snapshots(after) == [(300_000, SnapshotStatus.WITHHELD, 0)]
    assert desk.seal() == 0


def test_a_sealed_part_that_goes_keeps_its_withheld_snapshot_while_another_part_stays(desk: Desk) -> None:
    desk.work(0, 2 * MINUTE)
    desk.snap(MINUTE)
    desk.seal(2 * MINUTE)
    desk.work(4 * MINUTE, 6 * MINUTE)
    desk.edit(remove(0, 2 * MINUTE), 6 * MINUTE)
    assert (desk.standing().reason, desk.standing().worked_ms) == (RevisionReason.CUT, 0)
    desk.edit(remove(4 * MINUTE, 6 * MINUTE), 7 * MINUTE)
    assert (desk.standing().reason, desk.standing().snapshots) == (RevisionReason.DELETED, ())
    rows = desk.buffer.database.rows("SELECT content IS NULL FROM revision ORDER BY link")
    assert rows == [(1,), (1,), (0,)]


# Moving and adding


def test_a_move_is_two_adjacent_links_and_leaves_pictures_and_activity_behind(desk: Desk) -> None:
    desk.work(0, 4 * MINUTE, keys=3)
    desk.work(4 * MINUTE, 8 * MINUTE, keys=5)
    desk.snap(5 * MINUTE)
    desk.seal()
    desk.edit(move(4 * MINUTE, SEGMENT_MS))
    left, arrived = desk.standing(), desk.standing(contract=TWO)
    assert spans(left) == [(0, 240_000, "memo")]
    assert snapshots(left) == [(300_000, SnapshotStatus.WITHHELD, 0)]
    assert [one.minute for one in left.activity.minutes] == [0]
    assert spans(arrived) == [(240_000, 480_000, "moved")]
    assert [one.kind for one in arrived.intervals] == [Kind.MANUAL]
    assert (arrived.snapshots, arrived.activity.minutes) == ((), ())
    assert {left.reason, arrived.reason} == {RevisionReason.MOVED}
    links = [(one.contract, one.is_joined) for one in desk.buffer.outbox.next_batch(50)]
    assert links == [(ONE, False), (ONE, False), (TWO, True)]
    assert desk.buffer.pictures.names() == set()


def test_a_moved_pair_is_never_parted(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.seal()
    desk.edit(move(0, MINUTE))
    assert [one.link for one in desk.buffer.outbox.next_batch(2)] == [0]
    assert [one.link for one in desk.buffer.outbox.next_batch(3)] == [0, 1, 2]
    for link in (0, 1):
        desk.buffer.outbox.settle(link, Accepted(received_ms=NOON_MS))
    assert [one.link for one in desk.buffer.outbox.next_batch(2)] == [1, 2]


def test_unsealed_time_that_is_moved_arrives_sealed_and_leaves_the_journal(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.edit(move(0, 2 * MINUTE))
    (arrived,) = desk.buffer.outbox.next_batch(50)
    assert (arrived.contract, arrived.is_joined) == (TWO, False)
    desk.seal()
    assert spans(desk.standing()) == [(120_000, 480_000, "memo")]
    assert spans(desk.standing(contract=TWO)) == [(0, 120_000, "moved")]


def test_moved_time_joins_what_the_other_contract_has(desk: Desk) -> None:
    desk.work(0, 2 * MINUTE)
    desk.work(2 * MINUTE, 3 * MINUTE, contract=TWO, memo="theirs")
    desk.snap(2 * MINUTE + 5, contract=TWO)
    desk.seal()
    desk.edit(move(0, 2 * MINUTE))
    arrived = desk.standing(contract=TWO)
    assert (arrived.revision, spans(arrived)) == (2, [(0, 120_000, "moved"), (120_000, 180_000, "theirs")])
    assert snapshots(arrived) == [(120_005, SnapshotStatus.SENT, 1)]
    assert (desk.standing().worked_ms, desk.standing().snapshots) == (0, ())


def test_a_refused_move_leaves_the_time_where_it_was_and_its_destroyed_picture_withheld(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(MINUTE)
    desk.seal()
    desk.edit(move(0, 2 * MINUTE))
    for link in (1, 2):
        desk.buffer.outbox.settle(link, REFUSED)
    assert desk.buffer.outbox.worked_ms(0, 2**62) == {ONE: 480_000}
    desk.edit(describe(0, MINUTE))
    after = desk.standing()
    assert (after.revision, after.worked_ms) == (3, 480_000)
    assert snapshots(after) == [(60_000, SnapshotStatus.WITHHELD, 0)]


def test_the_half_of_a_move_that_is_deleted_since_goes_once_it_is_judged(desk: Desk) -> None:
    """Bare, it could not be judged with the other half, whose time the source's older revision still claims."""
    desk.work(0, 8 * MINUTE)
    desk.seal()
    desk.edit(move(0, 2 * MINUTE))
    desk.edit(remove(0, SEGMENT_MS))

    def is_bare() -> list[bool]:
        rows = desk.buffer.database.rows("SELECT content IS NULL AND salt IS NULL FROM revision ORDER BY link")
        return [bool(row[0]) for row in rows]

    assert is_bare() == [True, False, False, False]
    desk.buffer.outbox.settle(1, Accepted(received_ms=NOON_MS))
    assert is_bare() == [True, True, False, False]


def test_manual_time_is_added_as_a_revision_of_its_own(desk: Desk) -> None:
    desk.edit(add(5 * MINUTE, SEGMENT_MS + MINUTE))
    first, second = desk.standing(), desk.standing(SEGMENT_MS)
    assert (first.revision, first.reason, first.policy_version) == (1, RevisionReason.ADDED, 1)
    assert spans(first) == [(300_000, 600_000, "added")]
    assert spans(second) == [(0, 60_000, "added")]
    assert {one.kind for one in first.intervals} == {Kind.MANUAL}


def test_work_that_goes_on_after_time_was_added_continues_it(desk: Desk) -> None:
    desk.work(4 * MINUTE, 5 * MINUTE)
    desk.edit(add(0, MINUTE), 5 * MINUTE)
    desk.seal()
    after = desk.standing()
    assert (after.revision, spans(after)) == (2, [(0, 60_000, "added"), (240_000, 300_000, "memo")])
    assert [one.minute for one in after.activity.minutes] == [4]


def test_added_time_overlaps_no_work_of_any_contract(desk: Desk) -> None:
    desk.work(0, MINUTE, contract=TWO)
    desk.seal(MINUTE)
    desk.work(2 * MINUTE, 3 * MINUTE)
    with pytest.raises(RefusedError, match="12:01:00 UTC to 2026-11-23 12:02:00 UTC") as refused:
        desk.ask(add(0, 3 * MINUTE))
    assert "12:03" not in str(refused.value)
    desk.edit(add(MINUTE, 2 * MINUTE))


# Which may be made


def refuse(
    desk: Desk, command: EditCommand, match: str, at_ms: int = 2 * SEGMENT_MS, state: State | None = None
) -> None:
    before = desk.everything()
    with pytest.raises(RefusedError, match=match):
        desk.ask(command, at_ms, State() if state is None else state)
    assert desk.everything() == before
    assert desk.buffer.edits.pending() is None


def test_after_the_lock_time_is_only_lowered(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(MINUTE)
    desk.seal()
    late_ms = lock_ms(NOON_MS) - NOON_MS
    for command in (describe(0, MINUTE), move(0, MINUTE), add(9 * MINUTE, SEGMENT_MS)):
        refuse(desk, command, "was locked", late_ms)
    desk.edit(withhold(0, 2 * MINUTE), late_ms)
    desk.edit(remove(0, MINUTE), late_ms + 1)
    assert desk.standing().worked_ms == 7 * MINUTE


def test_an_edit_asked_for_before_the_lock_is_carried_out_after_it(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.seal()
    last_ms = lock_ms(NOON_MS) - NOON_MS - 1
    desk.ask(describe(0, MINUTE), last_ms)
    assert desk.carry_out(last_ms + 10_000)
    assert desk.standing().reason is RevisionReason.DESCRIBED


def test_nothing_is_edited_that_cannot_be_sealed(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.seal()
    with pytest.raises(RefusedError, match="marketplace's time is not known"):
        desk.editing.ask(describe(0, MINUTE), State(), moment(SEGMENT_MS, is_provisional=True))
    desk.buffer.settings.put("head_unknown", "5")
    refuse(desk, describe(0, MINUTE), "lost")
    desk.buffer.settings.delete("head_unknown")
    desk.buffer.settings.delete("device")
    refuse(desk, describe(0, MINUTE), "not logged in")


def test_what_idleness_may_take_is_not_edited(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    state = State(phase=Phase.TRACKING, contract=ONE, counted=moment(8 * MINUTE), last_input_ms=1_000_000 + 5 * MINUTE)
    refuse(desk, remove(4 * MINUTE, 6 * MINUTE), "taken away by idleness", 8 * MINUTE, state)
    desk.edit(remove(4 * MINUTE, 5 * MINUTE), 8 * MINUTE, state)


def test_an_ended_contract_is_described_and_lowered_and_gets_nothing(tmp_path: Path) -> None:
    import msgspec  # noqa: PLC0415 (one test)

    ended = msgspec.structs.replace(contract(1), status="ended")
    desk = Desk(tmp_path / "ended", MemoryVault(), ended, contract(2, allows_manual_time=False))
    desk.work(0, 8 * MINUTE)
    desk.seal()
    desk.edit(describe(0, MINUTE))
    desk.edit(remove(0, MINUTE))
    refuse(desk, add(0, MINUTE), "is not active")
    refuse(desk, move(2 * MINUTE, 3 * MINUTE), "does not allow manual time")
    refuse(desk, RemoveTime("Contract 9", NOON_MS, NOON_MS + 1), "There is no contract")
    desk.close()


def test_a_contract_need_be_named_only_where_it_is_not_plain(desk: Desk) -> None:
    desk.work(0, MINUTE)
    desk.work(MINUTE, 2 * MINUTE, contract=TWO)
    refuse(
        desk, RemoveTime(None, NOON_MS, NOON_MS + SEGMENT_MS), "more than one contract then: “Contract 1”, “Contract 2”"
    )
    refuse(desk, RemoveTime(None, NOON_MS + 5 * MINUTE, NOON_MS + SEGMENT_MS), "Nothing is recorded")
    refuse(desk, AddTime(None, NOON_MS + 3 * MINUTE, NOON_MS + 4 * MINUTE, "memo"), "Name the contract")
    assert "“Contract 2”" in desk.ask(RemoveTime(None, NOON_MS + MINUTE, NOON_MS + SEGMENT_MS))


def test_there_must_be_a_picture_to_withhold(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(MINUTE)
    refuse(desk, withhold(2 * MINUTE, SEGMENT_MS), "No picture")
    desk.edit(withhold(MINUTE, 2 * MINUTE))
    refuse(desk, withhold(MINUTE, 2 * MINUTE), "No picture")


def test_what_is_kept_here_no_longer_cannot_be_edited_here(desk: Desk) -> None:
    desk.work(0, MINUTE)
    desk.seal()
    with desk.buffer.database.transaction():
        desk.buffer.database.execute("UPDATE revision SET content = NULL, salt = NULL")
    refuse(desk, remove(0, MINUTE), "not kept on this computer any more")


def test_what_was_refused_can_be_corrected(desk: Desk) -> None:
    desk.work(0, 4 * MINUTE)
    desk.seal()
    desk.buffer.outbox.settle(0, REFUSED)
    desk.edit(remove(0, MINUTE))
    assert (desk.standing().revision, desk.standing().worked_ms) == (2, 3 * MINUTE)


# Taking back


def test_until_it_is_carried_out_an_edit_changes_nothing_and_can_be_taken_back(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(MINUTE)
    desk.seal()
    before = desk.everything()
    assert "daybook undo" in desk.ask(remove(0, SEGMENT_MS))
    assert desk.everything() == before
    desk.editing.undo()
    assert desk.carry_out() is False
    assert desk.everything() == before
    with pytest.raises(RefusedError, match="no edit to take back"):
        desk.editing.undo()


def test_it_lapses_after_ten_seconds_or_with_the_boot(desk: Desk) -> None:
    desk.work(0, MINUTE)
    desk.ask(describe(0, MINUTE), SEGMENT_MS)
    assert desk.editing.left_ms(moment(SEGMENT_MS)) == 10_000
    assert desk.editing.left_ms(moment(SEGMENT_MS + 9_999)) == 1
    assert desk.editing.left_ms(moment(SEGMENT_MS + 10_000)) == 0
    assert desk.editing.left_ms(moment(SEGMENT_MS + 1, boot_id="next")) == 0
    assert desk.editing.left_ms(moment(SEGMENT_MS + 1, is_provisional=True)) is None


def test_another_edit_carries_the_one_before_out(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.seal()
    desk.ask(describe(0, MINUTE, "first"))
    desk.ask(describe(0, MINUTE, "second"))
    assert spans(desk.standing())[0] == (0, 60_000, "first")
    desk.editing.undo()
    assert spans(desk.standing())[0] == (0, 60_000, "first")


def test_a_refused_edit_leaves_the_one_before_to_be_taken_back(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    desk.ask(describe(0, MINUTE))
    with pytest.raises(RefusedError):
        desk.ask(remove(9 * MINUTE, SEGMENT_MS))
    assert desk.buffer.edits.pending() is not None


def test_nothing_of_a_segment_leaves_while_an_edit_of_it_can_be_taken_back(desk: Desk) -> None:
    desk.work(0, 8 * MINUTE)
    picture = desk.snap(MINUTE)
    desk.work(SEGMENT_MS, SEGMENT_MS + MINUTE)
    desk.ask(describe(0, MINUTE))
    assert desk.seal(3 * SEGMENT_MS) == 1
    desk.editing.undo()
    assert desk.seal(3 * SEGMENT_MS) == 1
    desk.buffer.outbox.settle(1, Accepted(received_ms=NOON_MS))
    assert picture is not None
    assert len(desk.buffer.outbox.uploads(9)) == 2
    desk.ask(withhold(0, 2 * MINUTE))
    assert desk.buffer.outbox.uploads(9) == []
    assert not desk.buffer.outbox.is_to_send(ONE, picture.sha256)
    desk.editing.undo()
    assert desk.buffer.outbox.is_to_send(ONE, picture.sha256)


def test_a_move_holds_the_other_contracts_segment_back_too(desk: Desk) -> None:
    desk.work(0, MINUTE)
    desk.work(MINUTE, 2 * MINUTE, contract=TWO)
    desk.ask(move(0, MINUTE))
    assert desk.seal() == 0
    assert desk.carry_out()
    assert desk.seal() == 1


def test_an_edit_that_cannot_be_carried_out_any_more_is_told_and_dropped(desk: Desk) -> None:
    desk.work(0, MINUTE)
    desk.seal()
    desk.ask(describe(0, MINUTE))
    desk.buffer.settings.put("head_unknown", "5")
    assert desk.carry_out()
    assert "could not be carried out" in (desk.editing.trouble or "")
    assert desk.buffer.edits.pending() is None
    assert desk.standing().revision == 1


@pytest.mark.parametrize(
    "command",
    [
        describe(0, MINUTE, "memo é", "label"), remove(0, MINUTE), move(0, MINUTE), add(9 * MINUTE, SEGMENT_MS),
        withhold(0, 2 * MINUTE),
    ],
    ids=lambda command: type(command).__name__,
)  # fmt: skip
def test_a_kept_edit_survives_the_process(tmp_path: Path, command: EditCommand) -> None:
    desk = Desk(tmp_path, MemoryVault())
    desk.work(0, 8 * MINUTE)
    desk.snap(MINUTE)
    desk.seal()
    desk.ask(command)
    kept = desk.buffer.edits.pending()
    desk.close()
    again = Desk(tmp_path, MemoryVault())
    assert again.buffer.edits.pending() == kept
    assert again.carry_out()
    assert again.standing().revision == 2
    again.close()


# The diary


@pytest.mark.parametrize("is_sealed", [False, True])
@pytest.mark.parametrize(
    "command",
    [describe(0, MINUTE), remove(MINUTE, 2 * MINUTE), remove(0, SEGMENT_MS), move(0, MINUTE),
     add(9 * MINUTE, SEGMENT_MS + MINUTE), withhold(0, 2 * MINUTE)],
)  # fmt: skip
def test_the_diary_shows_an_edits_outcome_before_it_is_carried_out(
    desk: Desk, command: EditCommand, is_sealed: bool
) -> None:
    desk.work(0, 8 * MINUTE)
    desk.snap(MINUTE)
    if is_sealed:
        desk.seal()
    desk.ask(command)

    def shown() -> tuple[int, list[tuple[UUID, int, list[tuple[int, int, str]], int]]]:
        now = moment(2 * SEGMENT_MS + 5)
        answer = desk.editing.shown(desk.diary.day("2026-11-23", desk.contracts(), DEVICE, now), now)
        return answer.worked_ms, [
            (
                one.segment.contract,
                one.start_ms,
                spans(one.segment),
                sum(len(s.pictures) for s in one.segment.snapshots),
            )
            for one in answer.segments
            if one.segment.intervals
        ]

    now = moment(2 * SEGMENT_MS + 5)
    pending = desk.editing.shown(desk.diary.day("2026-11-23", desk.contracts(), DEVICE, now), now).pending
    assert pending is not None
    assert pending.left_ms == 9_995
    before = shown()
    assert desk.carry_out()
    assert shown() == before


# Destruction, and one transaction


def _found(needle: bytes, folder: Path, key: bytes) -> list[str]:
    """Name the database files in a folder that hold a text in any page, once they are decrypted."""
    found = []
    for path in sorted(folder.rglob("*.db")):
        plain = path.with_name("plain-" + path.name)
        plain.write_bytes(path.read_bytes())
        wal = path.with_name(path.name + "-wal")
        if wal.exists():
            plain.with_name(plain.name + "-wal").write_bytes(wal.read_bytes())
        connection = keyed.connect(plain, key)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        connection.execute("PRAGMA rekey = ''").fetchall()
        connection.close()
        if needle in plain.read_bytes():
            found.append(path.name)
        plain.unlink()
    return found


def _settle(desk: Desk, at_ms: int) -> None:
    while desk.buffer.upkeep.step(NOON_MS + at_ms, at_ms, is_provisional=False):
        pass


SECRET = "what nobody is to read any more"


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_deleted_segments_memo_is_in_no_page_of_any_file(tmp_path: Path, is_sealed: bool) -> None:
    desk = Desk(tmp_path, MemoryVault())
    key = bytes(range(32))
    desk.work(0, 8 * MINUTE, memo=SECRET)
    desk.work(SEGMENT_MS, SEGMENT_MS + MINUTE)
    if is_sealed:
        desk.seal()
    _settle(desk, 0)
    needle = SECRET.encode()
    assert len(_found(needle, tmp_path, key)) == 2  # the database and its copy: the search sees what is there
    desk.ask(remove(0, SEGMENT_MS))
    assert len(_found(needle, tmp_path, key)) == 2
    assert desk.carry_out()
    _settle(desk, 3 * SEGMENT_MS)
    assert _found(needle, tmp_path, key) == []
    assert (tmp_path / "buffer.db-wal").stat().st_size == 0
    assert len(list((tmp_path / "copies").glob("*.db"))) == 1
    desk.close()
    assert _found(needle, tmp_path, key) == []


@pytest.mark.parametrize(
    ("part", "method"),
    [
        (Outbox, "append"),
        (Outbox, "delete_before"),
        (Edits, "edit_unsealed"),
        (Edits, "_leave_behind"),
        (Edits, "drop"),
    ],
)
def test_a_fault_anywhere_leaves_nothing_half_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, part: type, method: str
) -> None:
    for start_ms in (0, SEGMENT_MS):
        desk.work(start_ms, start_ms + 8 * MINUTE)
        desk.snap(start_ms + MINUTE, b"%d" % start_ms)
        desk.seal()
        desk.work(start_ms + 9 * MINUTE, start_ms + 10 * MINUTE)
    desk.ask(remove(0, 2 * SEGMENT_MS))
    before, pictures = desk.everything(), desk.buffer.pictures.names()
    real, calls = getattr(part, method), [0]

    def fail_at_last(*arguments: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] == (1 if method == "drop" else 2):
            raise ZeroDivisionError
        return real(*arguments, **named)

    with monkeypatch.context() as context:
        context.setattr(part, method, fail_at_last)
        with pytest.raises(ZeroDivisionError):
            desk.carry_out()
    assert desk.everything() == before
    assert desk.buffer.pictures.names() == pictures
    assert desk.carry_out()
    assert desk.buffer.pictures.names() == set()
    assert desk.standing().reason is RevisionReason.DELETED


def test_a_sealed_revision_is_the_one_that_is_told(desk: Desk) -> None:
    """What the marketplace gets is canonical and says the segment's own number."""
    desk.work(0, 8 * MINUTE)
    desk.seal()
    desk.edit(describe(0, MINUTE))
    for revision in desk.buffer.outbox.next_batch(9):
        assert revision.content is not None
        assert canonical.decode(revision.content, Segment).revision == revision.revision
