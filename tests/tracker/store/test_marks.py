"""Marks in the buffer: what they name is taken out of what was recorded and sealed, and no revision brings it back."""

from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from tests.fakes.clock import NOON_MS
from tests.tracker.sync.test_sealer import DEVICE, ONE, STOPPED, TWO, Desk
from tracker.domain.clock import Moment
from tracker.store.outbox import Revision
from wire import canonical
from wire.diary import Segment
from wire.marks import Mark, MarkKind, MarkList, Stretch
from wire.sync import Accepted, Rejected
from wire.week import DAY_MS, WEEK_MS
from wire.words import SEGMENT_MS, SnapshotStatus

LATER = Moment(NOON_MS + 2 * SEGMENT_MS, 2 * SEGMENT_MS, 2 * SEGMENT_MS, 0, is_provisional=False)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def made(*ranges: tuple[int, int], number: int = 1, pictures: tuple[str, ...] = (), **changes: object) -> Mark:
    mark = Mark(
        number=number, contract=ONE, device=DEVICE, start_s=NOON_MS // 1000,
        kind=MarkKind.DELETED if ranges else MarkKind.WITHHELD, pictures=pictures,
        ranges=tuple(Stretch(start_ms=start, end_ms=end) for start, end in ranges), actor="Ana Silva",
        reason="Private", made_ms=NOON_MS,
    )  # fmt: skip
    return msgspec.structs.replace(mark, **changes)


def take_in(desk: Desk, *marks: Mark) -> None:
    desk.buffer.marks.take_in(MarkList(marks=marks, newest=marks[-1].number), DEVICE)


def seal(desk: Desk) -> None:
    desk.sealer.seal(DEVICE, STOPPED, LATER)


def standing(desk: Desk) -> Revision:
    found = desk.buffer.outbox.standing(ONE, NOON_MS)
    assert found is not None
    return found


def content(desk: Desk) -> Segment:
    found = standing(desk).content
    assert found is not None
    return canonical.decode(found, Segment)


def worked_ms(desk: Desk) -> int:
    return desk.buffer.outbox.worked_ms(NOON_MS, NOON_MS + DAY_MS).get(ONE, 0)


def test_deleting_all_of_a_segment_destroys_content_salt_and_pictures_and_keeps_the_link(desk: Desk) -> None:
    desk.work(0, 60_000)
    desk.snap(30_000)
    seal(desk)
    desk.buffer.outbox.settle(0, Accepted(received_ms=1))
    before = standing(desk)
    assert desk.buffer.pictures.names() == {"a" * 64, "a" * 63 + "0"}
    destroyed = desk.buffer.database.destroyed_at
    take_in(desk, made((0, 60_000)))
    after = standing(desk)
    assert (after.content, after.salt, after.worked_ms, worked_ms(desk)) == (None, None, 0, 0)
    assert (after.link_hash, after.digest, after.state) == (before.link_hash, before.digest, "accepted")
    assert desk.buffer.pictures.names() == set()
    assert desk.buffer.outbox.waiting().pictures == 0
    assert desk.buffer.database.destroyed_at > destroyed, "copies that hold it still are made anew"


def test_a_content_that_was_not_sent_yet_travels_bare(desk: Desk) -> None:
    desk.work(0, 60_000)
    seal(desk)
    assert desk.buffer.outbox.waiting().first_ms == NOON_MS
    take_in(desk, made((0, 60_000)))
    [bare] = desk.buffer.outbox.next_batch(10)
    assert (bare.salt, bare.content, bare.state) == (None, None, "waiting")
    assert desk.buffer.outbox.waiting().first_ms is None, "a bare link has no time that could come too late"


def test_a_part_that_is_deleted_counts_no_more_and_the_rest_stands(desk: Desk) -> None:
    desk.work(0, 60_000)
    desk.snap(50_000)
    seal(desk)
    take_in(desk, made((10_000, 20_000)))
    assert worked_ms(desk) == 50_000
    assert content(desk).worked_ms == 60_000, "what was sealed is not rewritten"
    assert desk.buffer.pictures.names() == {"a" * 64, "a" * 63 + "0"}, "it was taken outside"


def test_a_withheld_picture_is_destroyed_here_too_and_the_time_stays(desk: Desk) -> None:
    desk.work(0, 60_000)
    desk.snap(10_000)
    desk.snap(50_000, name="b")
    seal(desk)
    take_in(desk, made(pictures=("a" * 64,)))
    assert worked_ms(desk) == 60_000
    assert desk.buffer.pictures.names() == {"b" * 64, "b" * 63 + "0"}
    assert desk.buffer.outbox.waiting().pictures == 2


def test_the_next_revision_keeps_out_of_what_is_marked(desk: Desk) -> None:
    desk.work(0, 60_000, keys=3)
    desk.snap(10_000)
    seal(desk)
    take_in(desk, made((0, 30_000), pictures=("a" * 64,)))
    desk.work(20_000 + SEGMENT_MS // 2, 30_000 + SEGMENT_MS // 2)
    seal(desk)
    segment = content(desk)
    assert [(one.start_ms, one.end_ms) for one in segment.intervals] == [(30_000, 60_000), (320_000, 330_000)]
    assert (segment.revision, list(segment.pictures())) == (2, [])
    assert worked_ms(desk) == 40_000


def test_what_is_not_sealed_yet_is_cut_and_its_pictures_are_destroyed(desk: Desk) -> None:
    desk.work(0, 60_000)
    desk.snap(10_000)
    desk.snap(50_000, name="b")
    desk.work(100_000, 160_000, contract=TWO)
    take_in(desk, made((5_000, 20_000), (20_000, 30_000), (55_000, 60_000)), made((0, 1_000), number=2))
    rows = desk.buffer.database.rows("SELECT start_ms - ?, end_ms - ? FROM worked ORDER BY id", (NOON_MS, NOON_MS))
    assert sorted(rows) == [(1_000, 5_000), (30_000, 55_000), (100_000, 160_000)]
    assert [one.at_ms - NOON_MS for one in desk.buffer.snapshots.of_segment(ONE, NOON_MS)] == [50_000]
    assert desk.buffer.pictures.names() == {"b" * 64, "b" * 63 + "0"}


def test_a_held_picture_that_is_named_is_withheld(desk: Desk) -> None:
    desk.work(0, 60_000)
    desk.snap(10_000, hold_ms=60_000)
    take_in(desk, made(pictures=("a" * 64,)))
    [taken] = desk.buffer.snapshots.of_segment(ONE, NOON_MS)
    assert (taken.status, taken.pictures) == (SnapshotStatus.WITHHELD, ())
    assert desk.buffer.pictures.names() == set()


def test_provisional_time_under_a_mark_is_never_sealed(desk: Desk) -> None:
    """Its timestamps are corrected only after the mark came; the sealer keeps it out, and its pictures go."""
    desk.work(0, 60_000, is_provisional=True)
    take_in(desk, made((0, 60_000)))
    assert desk.buffer.journal.worked_ms(NOON_MS, NOON_MS + 1)[ONE] == 60_000
    desk.buffer.journal.shift_provisional(0)
    desk.snap(10_000)
    seal(desk)
    assert desk.buffer.outbox.standing(ONE, NOON_MS) is None
    assert desk.buffer.journal.worked_ms(NOON_MS, NOON_MS + 1) == {}
    assert desk.buffer.pictures.names() == set()


def test_other_devices_marks_are_kept_and_change_nothing_here(desk: Desk) -> None:
    desk.work(0, 60_000)
    desk.snap(10_000)
    seal(desk)
    take_in(desk, made((0, 60_000), pictures=("a" * 64,), device=UUID(int=3)))
    assert (worked_ms(desk), desk.buffer.marks.seen, desk.buffer.marks.changes) == (60_000, 1, 0)
    assert desk.buffer.marks.untold(DEVICE) == ()
    assert desk.buffer.pictures.names() == {"a" * 64, "a" * 63 + "0"}


def test_the_same_marks_again_do_nothing(desk: Desk) -> None:
    desk.work(0, 60_000)
    seal(desk)
    for _ in range(2):
        take_in(desk, made((0, 10_000)), made((0, 20_000), number=2))
        assert (worked_ms(desk), desk.buffer.marks.seen, desk.buffer.marks.changes) == (40_000, 2, 1)


def test_marks_that_were_lost_are_asked_for_again(desk: Desk) -> None:
    take_in(desk, made((0, 10_000)), made((0, 20_000), number=2), made((0, 30_000), number=3))
    with desk.buffer.database.transaction():
        desk.buffer.database.execute("DELETE FROM mark WHERE number = 2")
    assert desk.buffer.marks.seen == 0


def test_a_refused_revision_takes_no_earlier_one_along(desk: Desk) -> None:
    """The refused one lies wholly in the mark, the one that stands does not."""
    desk.work(0, 60_000)
    seal(desk)
    desk.buffer.outbox.settle(0, Accepted(received_ms=1))
    desk.work(60_000, 70_000)
    seal(desk)
    desk.buffer.outbox.settle(1, Rejected(code="overlap", sentence="No."))
    take_in(desk, made((50_000, 70_000)))
    assert (worked_ms(desk), standing(desk).revision) == (50_000, 1)


def test_of_a_content_that_is_gone_no_more_is_left_than_no_mark_names(desk: Desk) -> None:
    desk.work(0, SEGMENT_MS)
    seal(desk)
    desk.buffer.outbox.settle(0, Accepted(received_ms=1))
    desk.buffer.upkeep.step(NOON_MS + 6 * WEEK_MS, 0, is_provisional=False)
    while desk.buffer.outbox.standing(ONE, NOON_MS).content is not None:  # type: ignore[union-attr] # there is one
        assert desk.buffer.upkeep.step(NOON_MS + 6 * WEEK_MS, 0, is_provisional=False)
    take_in(desk, made((0, 500_000)))
    assert worked_ms(desk) == 100_000


def test_the_person_is_told_once(desk: Desk) -> None:
    first, second = made((0, 10_000)), made((0, 20_000), number=2)
    take_in(desk, first)
    assert desk.buffer.marks.untold(DEVICE) == (first,)
    desk.buffer.marks.told()
    assert desk.buffer.marks.untold(DEVICE) == ()
    take_in(desk, second)
    assert desk.buffer.marks.untold(DEVICE) == (second,)
    folder = desk.folder
    desk.buffer.database.close()
    assert Desk(folder).buffer.marks.untold(DEVICE) == (second,), "also by the next run"
