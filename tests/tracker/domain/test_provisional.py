"""Two boots without a contact: each is moved by its own error, none overlaps another or what is certain."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.domain.provisional import MOST_AHEAD_MS, Boot, Taken, correction


@pytest.mark.parametrize("own", ["b", "c"])
def test_nothing_is_placed_after_the_contact(own: str) -> None:
    began_ms = 150 if own == "c" else 1000
    boots = [Boot("a", 0, 100, 0), Boot("b", 50, 200, 0)]
    moved = correction(boots, own, 10, began_ms=began_ms, certain_ms=None).moved
    assert moved["a"] + 100 <= moved["b"] + 50
    assert moved["b"] + 200 <= began_ms


_BOOTS = st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(-(10**8), 10**8)), max_size=8)


@given(_BOOTS, st.integers(-(10**9), 10**9), st.none() | st.integers(0, 10**12), st.booleans())
def test_boots_never_overlap(
    spans: list[tuple[int, int, int]], by_ms: int, certain_ms: int | None, is_own_recorded: bool
) -> None:
    boots = [Boot(str(number), at, at + length, offset) for number, (at, length, offset) in enumerate(spans)]
    own = boots[-1].id if boots and is_own_recorded else "none"
    began_ms = boots[-1].last_ms + by_ms if boots and is_own_recorded else 10**12
    found = correction(boots, own, by_ms, began_ms=began_ms, certain_ms=certain_ms)
    placed = [(boot.first_ms + found.moved[boot.id], boot.last_ms + found.moved[boot.id]) for boot in boots]
    assert all(one[1] <= other[0] for one, other in pairwise(placed))
    assert found.moved[own] == by_ms + found.ahead_ms
    assert found.ahead_ms >= 0


@given(_BOOTS, st.integers(1, MOST_AHEAD_MS))
def test_nothing_begins_before_the_end_of_what_is_certain(spans: list[tuple[int, int, int]], drift_ms: int) -> None:
    """A boot that was ahead by less than clocks drift pushes all that follows it, the next start too."""
    boots = [Boot(str(number), at, at + length, offset) for number, (at, length, offset) in enumerate(spans)]
    began_ms = 10**12
    first_ms = min((boot.first_ms + by for boot, by in _placed(boots, began_ms)), default=began_ms)
    certain_ms = first_ms + drift_ms
    found = correction(boots, "none", 0, began_ms=began_ms, certain_ms=certain_ms)
    assert all(boot.first_ms + found.moved[boot.id] >= certain_ms for boot in boots)
    last_ms = max((boot.last_ms + found.moved[boot.id] for boot in boots), default=certain_ms)
    assert began_ms + found.ahead_ms >= last_ms


def test_a_guess_that_contradicts_what_is_certain_gives_way_however_far_it_was_off() -> None:
    """The clock was set a day forward between two boots: the first one's error is not the second one's."""
    day_ms = 86_400_000
    boots = [Boot("a", 0, 1000, 0), Boot("b", 2 * day_ms, 2 * day_ms + 1000, 0)]
    found = correction(boots, "b", -day_ms, began_ms=day_ms + 1000, certain_ms=5000)
    assert (found.moved, found.ahead_ms) == ({"a": 5000, "b": -day_ms}, 0)


def _placed(boots: list[Boot], began_ms: int) -> list[tuple[Boot, int]]:
    moved = correction(boots, "none", 0, began_ms=began_ms, certain_ms=None).moved
    return [(boot, moved[boot.id]) for boot in boots]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_what_is_taken_is_taken_once(spans: list[tuple[int, int]]) -> None:
    """Against every millisecond counted by itself."""
    taken, free = Taken([(10, 20), (30, 31)]), set(range(100)) - set(range(10, 20)) - {30}
    for start_ms, length_ms in spans:
        wanted = set(range(start_ms, start_ms + length_ms))
        parts = taken.take(start_ms, start_ms + length_ms)
        assert [ms for part in parts for ms in range(*part)] == sorted(wanted & free)
        free -= wanted
