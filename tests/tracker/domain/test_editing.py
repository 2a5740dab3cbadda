"""What an edit makes of intervals, by property; and every rule that says whether it may be made."""

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import NOON_MS
from tracker.domain.clock import Moment
from tracker.domain.editing import (
    Add,
    Describe,
    Edit,
    Gaining,
    Move,
    Remove,
    Withhold,
    added,
    after,
    check,
    free_ranges,
    joined,
    segments_of,
    undecided_ms,
)
from tracker.domain.errors import RefusedError
from tracker.domain.segment import LABEL_LIMIT, MEMO_LIMIT, Interval, segment_start_ms, split
from tracker.domain.session import Phase, State
from wire.week import lock_ms, week_start_ms
from wire.words import SEGMENT_MS, Kind

ONE, TWO = UUID(int=1), UUID(int=2)
SPAN_MS = 3 * SEGMENT_MS
GAINING = Gaining(title="Two", is_active=True, allows_manual_time=True, started_ms=0)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[Interval, ...]:
    """Intervals of two contracts that never overlap, cut at the grid."""
    edges = sorted(draw(st.sets(st.integers(0, SPAN_MS), min_size=2, max_size=10)))
    found = list[Interval]()
    for start_ms, end_ms in pairwise(edges):
        if draw(st.booleans()):
            interval = Interval(
                draw(st.sampled_from((ONE, TWO))), NOON_MS + start_ms, NOON_MS + end_ms, draw(st.sampled_from(Kind)),
                draw(st.sampled_from(("a", "b"))), draw(st.sampled_from((None, "x"))),
            )  # fmt: skip
            found += split(interval)
    return tuple(found)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[int, int]:
    one, other = draw(st.tuples(st.integers(0, SPAN_MS), st.integers(0, SPAN_MS)).filter(lambda two: two[0] != two[1]))
    return NOON_MS + min(one, other), NOON_MS + max(one, other)


def at(intervals: tuple[Interval, ...], instant_ms: int) -> Interval | None:
    """Give what is recorded at an instant; more than one would be an overlap."""
    found = [one for one in intervals if one.start_ms <= instant_ms < one.end_ms]
    assert len(found) <= 1
    return found[0] if found else None


def said(interval: Interval | None) -> tuple[UUID, Kind, str, str | None] | None:
    return None if interval is None else (interval.contract, interval.kind, interval.memo, interval.label)


def probes(intervals: tuple[Interval, ...], span: tuple[int, int]) -> set[int]:
    """Give every instant at which anything can change, and its neighbours."""
    edges = {*span, *(one.start_ms for one in intervals), *(one.end_ms for one in intervals)}
    return {edge + step for edge in edges for step in (-1, 0, 1)}


def total_ms(intervals: tuple[Interval, ...], contract: UUID | None = None) -> int:
    return sum(one.worked_ms for one in intervals if contract in {None, one.contract})


def inside_ms(intervals: tuple[Interval, ...], span: tuple[int, int]) -> int:
    return sum(
        max(0, min(one.end_ms, span[1]) - max(one.start_ms, span[0])) for one in intervals if one.contract == ONE
    )


def check_shape(intervals: tuple[Interval, ...]) -> None:
    assert list(intervals) == sorted(intervals, key=lambda one: one.start_ms)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(intervals))
    assert all(one.worked_ms > 0 for one in intervals)
    assert all(one.end_ms <= segment_start_ms(one.start_ms) + SEGMENT_MS for one in intervals)


@given(recordings(), ranges(), st.sampled_from((None, "new")), st.sampled_from((None, "", "y")))
def test_describing_changes_the_words_inside_and_no_time(
    before: tuple[Interval, ...], span: tuple[int, int], memo: str | None, label: str | None
) -> None:
    result = after(before, Describe(ONE, *span, memo, label))
    check_shape(result)
    assert total_ms(result) == total_ms(before)
    for instant_ms in probes(before, span):
        old, new = at(before, instant_ms), at(result, instant_ms)
        if old is None or old.contract != ONE or not span[0] <= instant_ms < span[1]:
            assert said(new) == said(old)
        else:
            told = old.label if label is None else label or None
            assert said(new) == (ONE, old.kind, old.memo if memo is None else memo, told)


@given(recordings(), ranges())
def test_removing_takes_the_range_and_nothing_else(before: tuple[Interval, ...], span: tuple[int, int]) -> None:
    result = after(before, Remove(ONE, *span))
    check_shape(result)
    assert total_ms(result) == total_ms(before) - inside_ms(before, span)
    for instant_ms in probes(before, span):
        old, new = at(before, instant_ms), at(result, instant_ms)
        is_gone = old is not None and old.contract == ONE and span[0] <= instant_ms < span[1]
        assert said(new) == (None if is_gone else said(old))


@given(recordings(), ranges())
def test_moving_takes_from_the_one_what_it_gives_to_the_other(
    before: tuple[Interval, ...], span: tuple[int, int]
) -> None:
    result = after(before, Move(ONE, *span, TWO, "moved"))
    check_shape(result)
    moved_ms = inside_ms(before, span)
    assert total_ms(result, ONE) == total_ms(before, ONE) - moved_ms
    assert total_ms(result, TWO) == total_ms(before, TWO) + moved_ms
    for instant_ms in probes(before, span):
        old, new = at(before, instant_ms), at(result, instant_ms)
        is_moved = old is not None and old.contract == ONE and span[0] <= instant_ms < span[1]
        assert said(new) == ((TWO, Kind.MANUAL, "moved", None) if is_moved else said(old))


@given(recordings(), ranges())
def test_withholding_changes_no_time(before: tuple[Interval, ...], span: tuple[int, int]) -> None:
    assert after(before, Withhold(ONE, *span)) == before


@given(recordings(), ranges())
def test_what_a_refusal_names_as_free_can_be_added_and_nothing_else(
    before: tuple[Interval, ...], span: tuple[int, int]
) -> None:
    free = free_ranges([one for one in before if one.start_ms < span[1] and span[0] < one.end_ms], *span)
    result = before
    for start_ms, end_ms in free:
        result = after(result, Add(ONE, start_ms, end_ms, "added"))
    check_shape(result)
    assert total_ms(result) - total_ms(before) == sum(end_ms - start_ms for start_ms, end_ms in free)
    covered = sum(max(0, min(one.end_ms, span[1]) - max(one.start_ms, span[0])) for one in result)
    assert covered == span[1] - span[0]


@given(recordings())
def test_joining_neighbours_changes_nothing_that_can_be_seen(before: tuple[Interval, ...]) -> None:
    result = joined(before)
    check_shape(result)
    for instant_ms in probes(before, (NOON_MS, NOON_MS)):
        assert said(at(before, instant_ms)) == said(at(result, instant_ms))
    assert joined(result) == result


def test_neighbours_that_differ_in_nothing_become_one() -> None:
    first = Interval(ONE, NOON_MS, NOON_MS + 5, Kind.TRACKED, "a")
    second = Interval(ONE, NOON_MS + 5, NOON_MS + 9, Kind.TRACKED, "a")
    assert joined((first, second)) == (Interval(ONE, NOON_MS, NOON_MS + 9, Kind.TRACKED, "a"),)


def test_what_is_added_lies_on_the_grid() -> None:
    edit = Add(ONE, NOON_MS + 5, NOON_MS + 2 * SEGMENT_MS + 7, "memo", "")
    assert [(one.start_ms - NOON_MS, one.end_ms - NOON_MS) for one in added(edit)] == [
        (5, SEGMENT_MS),
        (SEGMENT_MS, 2 * SEGMENT_MS),
        (2 * SEGMENT_MS, 2 * SEGMENT_MS + 7),
    ]
    assert {said(one) for one in added(edit)} == {(ONE, Kind.MANUAL, "memo", None)}
    assert list(segments_of(edit)) == [NOON_MS, NOON_MS + SEGMENT_MS, NOON_MS + 2 * SEGMENT_MS]


# The rules

RECORDED = (
    Interval(ONE, NOON_MS, NOON_MS + 1000, Kind.TRACKED, "a"),
    Interval(TWO, NOON_MS + 2000, NOON_MS + 3000, Kind.TRACKED, "b"),
)
INSIDE = (NOON_MS, NOON_MS + 1000)
SORTS: tuple[Edit, ...] = (
    Describe(ONE, *INSIDE, "memo"),
    Remove(ONE, *INSIDE),
    Move(ONE, *INSIDE, TWO, "memo"),
    Withhold(ONE, *INSIDE),
    Add(ONE, NOON_MS + 1000, NOON_MS + 2000, "memo"),
)


def checked(
    edit: Edit,
    *,
    asked_ms: int = NOON_MS + SEGMENT_MS,
    undecided_from_ms: int | None = None,
    gaining: Gaining | None = GAINING,
) -> None:
    check(edit, RECORDED, asked_ms=asked_ms, undecided_from_ms=undecided_from_ms, gaining=gaining)


def refused(edit: Edit, match: str, **facts: int) -> None:
    with pytest.raises(RefusedError, match=match):
        checked(edit, **facts)  # type: ignore[arg-type]  # a test names them


@pytest.mark.parametrize("edit", SORTS, ids=lambda edit: type(edit).__name__)
def test_until_the_lock_every_edit_may_be_made(edit: Edit) -> None:
    checked(edit, asked_ms=lock_ms(NOON_MS) - 1)
    assert isinstance(edit, Describe | Remove | Move | Withhold | Add)


@pytest.mark.parametrize("edit", SORTS, ids=lambda edit: type(edit).__name__)
def test_from_the_lock_on_time_can_only_be_lowered(edit: Edit) -> None:
    if isinstance(edit, Remove | Withhold):
        checked(edit, asked_ms=lock_ms(NOON_MS))
        return
    refused(edit, "was locked at 2026-11-30 12:00:00 UTC", asked_ms=lock_ms(NOON_MS))


def test_a_range_is_one_and_within_one_week() -> None:
    refused(Remove(ONE, NOON_MS, NOON_MS), "ends before it begins")
    monday_ms = week_start_ms(NOON_MS)
    refused(Remove(ONE, monday_ms - 1, monday_ms + 1), "over Monday 00:00 UTC")
    refused(Remove(ONE, monday_ms - 5, monday_ms), "Nothing of this contract is recorded")


def test_what_may_still_be_taken_away_by_idleness_is_not_edited() -> None:
    for edit in SORTS[:3]:
        refused(edit, "may still be taken away by idleness", undecided_from_ms=NOON_MS + 999)
        checked(edit, undecided_from_ms=NOON_MS + 1000)
    checked(Withhold(ONE, *INSIDE), undecided_from_ms=NOON_MS)
    wide = Describe(ONE, NOON_MS, NOON_MS + SEGMENT_MS, "memo")
    checked(wide, undecided_from_ms=NOON_MS + 1000)


def test_manual_time_is_added_where_it_is_allowed_alone() -> None:
    add, move = SORTS[4], SORTS[2]
    for changed, match in (
        (Gaining("Two", is_active=False, allows_manual_time=True, started_ms=0), "is not active"),
        (Gaining("Two", is_active=True, allows_manual_time=False, started_ms=0), "does not allow manual time"),
        (Gaining("Two", is_active=True, allows_manual_time=True, started_ms=NOON_MS + 1500), "started at"),
    ):
        for edit in (add, move):
            with pytest.raises(RefusedError, match=match):
                checked(edit, gaining=changed)


@pytest.mark.parametrize("memo", ["", " \n"])
def test_time_entered_by_hand_needs_a_memo(memo: str) -> None:
    refused(Add(ONE, NOON_MS + 1000, NOON_MS + 2000, memo), "needs a memo")
    refused(Move(ONE, *INSIDE, TWO, memo), "needs a memo")
    checked(Describe(ONE, *INSIDE, memo))


def test_time_is_not_moved_to_where_it_is() -> None:
    refused(Move(ONE, *INSIDE, ONE, "memo"), "already")


def test_words_are_no_longer_than_the_marketplace_takes() -> None:
    refused(Describe(ONE, *INSIDE, "m" * (MEMO_LIMIT + 1)), "10,000 characters")
    refused(Describe(ONE, *INSIDE, None, "l" * (LABEL_LIMIT + 1)), "200 characters")
    checked(Describe(ONE, *INSIDE, "m" * MEMO_LIMIT, "l" * LABEL_LIMIT))
    refused(Describe(ONE, *INSIDE), "nothing to change")


def test_nobody_works_twice_and_the_refusal_names_what_is_free() -> None:
    refused(
        Add(ONE, NOON_MS, NOON_MS + 4000, "memo"),
        "2026-11-23 12:00:01 UTC to 2026-11-23 12:00:02 UTC, 2026-11-23 12:00:03 UTC to 2026-11-23 12:00:04 UTC",
    )
    refused(Add(ONE, NOON_MS + 2500, NOON_MS + 2900, "memo"), "Nothing of this range is free")


def test_nothing_is_added_in_the_future_or_in_what_is_undecided() -> None:
    add = SORTS[4]
    refused(add, "in the future", asked_ms=NOON_MS + 1999)
    checked(add, asked_ms=NOON_MS + 2000)
    refused(add, "the timer has still to decide", undecided_from_ms=NOON_MS + 1999)
    checked(add, undecided_from_ms=NOON_MS + 2000)


def test_an_edit_of_nothing_is_refused() -> None:
    for edit in (Describe(TWO, *INSIDE, "memo"), Remove(TWO, *INSIDE), Move(TWO, *INSIDE, ONE, "memo")):
        refused(edit, "Nothing of this contract is recorded")


def test_what_is_undecided_begins_with_the_last_input_or_the_pause() -> None:
    moment = Moment(NOON_MS, 0, 5000, 0, is_provisional=False)
    assert undecided_ms(State()) is None
    tracking = State(phase=Phase.TRACKING, contract=ONE, counted=moment, last_input_ms=4000)
    assert undecided_ms(tracking) == NOON_MS - 1000
    paused = State(phase=Phase.PAUSED, contract=ONE, seen=moment, paused_since_ms=NOON_MS - 7000)
    assert undecided_ms(paused) is not None
    assert undecided_ms(paused) == NOON_MS - 7000
