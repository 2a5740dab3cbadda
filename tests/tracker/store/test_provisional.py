"""Two boots without a contact: each is moved by its own error, and none ever overlaps another."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import NOON_MS
from tracker.domain.clock import Moment
from tracker.domain.events import TakeAway, Worked
from tracker.domain.segment import Interval
from tracker.domain.session import State
from tracker.store.buffer import Buffer
from tracker.store.journal import Measured
from tracker.store.provisional import Boot, Taken, shifts
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


def test_what_is_certain_stands(buffer: Buffer) -> None:
    _work(buffer, None, 0, 4500)
    _work(buffer, "a", HOUR_MS, HOUR_MS + 1000)
    _work(buffer, "b", 5000, 6000)
    buffer.journal.shift_provisional(0, "b")
    assert _spans(buffer) == [(0, 4500), (4500, 5000), (5000, 6000)]


def test_idleness_in_one_boot_cuts_nothing_of_another(buffer: Buffer) -> None:
    _work(buffer, "a", 0, 5000)
    _work(buffer, "b", 1000, 3000)
    now = Moment(NOON_MS + 3000, 0, 0, 0, is_provisional=True, boot_id="b")
    buffer.journal.write(State(), (TakeAway(NOON_MS + 2000, NOON_MS + 3000),), None, now=now, policy_version=1)
    assert _spans(buffer) == [(0, 5000), (1000, 2000)]


@pytest.mark.parametrize("own", ["b", "c"])
def test_nothing_is_placed_after_the_contact(own: str) -> None:
    moved = shifts([Boot("a", 0, 100, 0), Boot("b", 50, 200, 0)], own, 10, 150 if own == "c" else 1000)
    assert moved["a"] + 100 <= moved["b"] + 50
    assert moved["b"] + 200 <= (150 if own == "c" else 1000)


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(-(10**8), 10**8)), max_size=8),
    st.integers(-(10**9), 10**9),
)
def test_boots_never_overlap(spans: list[tuple[int, int, int]], by_ms: int) -> None:
    boots = [Boot(str(number), at, at + length, offset) for number, (at, length, offset) in enumerate(spans)]
    moved = shifts(boots, "none", by_ms, 10**12)
    for one, other in pairwise(boots):
        assert one.last_ms + moved[one.id] <= other.first_ms + moved[other.id]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_what_is_taken_is_taken_once(spans: list[tuple[int, int]]) -> None:
    """Against every millisecond counted by itself."""
    taken, free = Taken([(10, 20), (30, 31)]), set(range(100)) - set(range(10, 20)) - {30}
    for start_ms, length_ms in spans:
        wanted = set(range(start_ms, start_ms + length_ms))
        parts = taken.take(start_ms, start_ms + length_ms)
        assert [ms for part in parts for ms in range(*part)] == sorted(wanted & free)
        free -= wanted
