"""Boots without a contact in the real buffer: each is moved by its own error, and no time is lost or doubled."""

from uuid import UUID

from tests.fakes.clock import NOON_MS
from tracker.domain.clock import Moment
from tracker.domain.events import TakeAway, Worked
from tracker.domain.provisional import MOST_AHEAD_MS
from tracker.domain.segment import Interval
from tracker.domain.session import State
from tracker.store.buffer import Buffer
from tracker.store.journal import Measured
from wire.words import ActivitySource, Kind

ONE = UUID(int=1)
HOUR_MS = 3_600_000


def _work(buffer: Buffer, boot: str | None, start_ms: int, end_ms: int, *, offset_ms: int = 0) -> None:
    now = Moment(
        NOON_MS + end_ms, 0, 0, offset_ms, is_provisional=boot is not None, boot_id="now" if boot is None else boot
    )
    worked = Worked(Interval(ONE, NOON_MS + start_ms, NOON_MS + end_ms, Kind.TRACKED, "memo"))
    measured = Measured(ONE, NOON_MS + start_ms, ActivitySource.COUNTS, 1, 0, 0, moved=False)
    buffer.journal.write(State(), (worked,), measured, now=now, policy_version=1)


def _spans(buffer: Buffer) -> list[tuple[int, int]]:
    rows = buffer.database.rows("SELECT start_ms, end_ms FROM worked ORDER BY start_ms")
    return [(start_ms - NOON_MS, end_ms - NOON_MS) for start_ms, end_ms in rows]


def test_a_clock_that_stays_wrong_moves_both_boots_alike(buffer: Buffer) -> None:
    _work(buffer, "a", 0, 1000)
    _work(buffer, "b", 5000, 6000)
    buffer.journal.shift_provisional(700, "b")
    assert _spans(buffer) == [(700, 1700), (5700, 6700)]
    rows = buffer.database.rows("SELECT at_ms FROM activity ORDER BY at_ms")
    assert [at_ms - NOON_MS for (at_ms,) in rows] == [700, 5700]


def test_a_clock_set_right_within_a_boot_tells_that_boots_error(buffer: Buffer) -> None:
    """The clock was an hour behind in the first boot, until somebody set it forward there."""
    _work(buffer, "a", 0, 1000)
    _work(buffer, "a", 2000, 3000, offset_ms=-HOUR_MS)
    _work(buffer, "b", HOUR_MS + 5000, HOUR_MS + 6000)
    buffer.journal.shift_provisional(0, "b")
    assert _spans(buffer) == [
        (HOUR_MS, HOUR_MS + 1000),
        (HOUR_MS + 2000, HOUR_MS + 3000),
        (HOUR_MS + 5000, HOUR_MS + 6000),
    ]


def test_a_boot_that_would_overlap_the_next_ends_where_it_begins(buffer: Buffer) -> None:
    """The clock was set back between the boots, where nobody could see it."""
    _work(buffer, "a", HOUR_MS, HOUR_MS + 1000)
    _work(buffer, "b", 5000, 6000)
    buffer.journal.shift_provisional(0, "b")
    assert _spans(buffer) == [(4000, 5000), (5000, 6000)]


def test_what_follows_a_boot_that_ran_ahead_begins_at_its_end(buffer: Buffer) -> None:
    """Its correction had met no break that was long enough; not a millisecond is lost for that."""
    _work(buffer, None, 0, 4500)
    _work(buffer, "a", HOUR_MS, HOUR_MS + 1000)
    _work(buffer, "b", 5000, 6000)
    corrected = buffer.journal.shift_provisional(0, "b", began_ms=NOON_MS + 6000)
    assert _spans(buffer) == [(0, 4500), (4500, 5500), (5500, 6500)]
    assert (corrected.moved_ms, corrected.ahead_ms, corrected.cut_ms) == (500, 500, 0)


def test_a_boot_without_work_begins_at_that_end_too(buffer: Buffer) -> None:
    _work(buffer, None, 0, 4500)
    corrected = buffer.journal.shift_provisional(7, "b", began_ms=NOON_MS + 4000)
    assert (corrected.moved_ms, corrected.ahead_ms) == (507, 500)


def test_time_that_never_was_the_right_one_stands_and_the_overlap_is_told(buffer: Buffer) -> None:
    _work(buffer, None, 0, MOST_AHEAD_MS + 2000)
    _work(buffer, "a", 0, 1000)
    corrected = buffer.journal.shift_provisional(0, "a", began_ms=NOON_MS + 1000)
    assert sum(end_ms - start_ms for start_ms, end_ms in _spans(buffer)) == MOST_AHEAD_MS + 2000
    assert (corrected.ahead_ms, corrected.cut_ms) == (0, 1000)


def test_idleness_in_one_boot_cuts_nothing_of_another(buffer: Buffer) -> None:
    _work(buffer, "a", 0, 5000)
    _work(buffer, "b", 1000, 3000)
    now = Moment(NOON_MS + 3000, 0, 0, 0, is_provisional=True, boot_id="b")
    buffer.journal.write(State(), (TakeAway(NOON_MS + 2000, NOON_MS + 3000),), None, now=now, policy_version=1)
    assert _spans(buffer) == [(0, 5000), (1000, 2000)]
