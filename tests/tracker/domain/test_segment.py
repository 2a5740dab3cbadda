"""The ten-minute grid, and texts that can be kept."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import NOON_MS
from tracker.domain.segment import Interval, segment_start_ms, split, whole_characters
from wire.words import SEGMENT_MS, Kind


def _interval(start_ms: int, end_ms: int) -> Interval:
    return Interval(UUID(int=1), start_ms, end_ms, Kind.TRACKED, "memo", "label")


@given(st.integers(0, 2**43), st.integers(0, 10 * SEGMENT_MS))
def test_a_split_loses_nothing_and_crosses_nothing(start_ms: int, length_ms: int) -> None:
    whole = _interval(start_ms, start_ms + length_ms)
    pieces = list(split(whole))
    assert sum(piece.worked_ms for piece in pieces) == length_ms
    ends = [start_ms, *(piece.end_ms for piece in pieces)]
    assert [piece.start_ms for piece in pieces] == ends[:-1]
    assert ends[-1] == whole.end_ms
    for piece in pieces:
        assert segment_start_ms(piece.start_ms) == segment_start_ms(piece.end_ms - 1)
        assert (piece.contract, piece.kind, piece.memo, piece.label) == (UUID(int=1), Kind.TRACKED, "memo", "label")


def test_an_end_on_the_grid_makes_no_empty_piece() -> None:
    assert list(split(_interval(NOON_MS, NOON_MS + SEGMENT_MS))) == [_interval(NOON_MS, NOON_MS + SEGMENT_MS)]


def test_a_segment_begins_on_its_own_grid_line() -> None:
    assert segment_start_ms(NOON_MS) == NOON_MS
    assert segment_start_ms(NOON_MS - 1) == NOON_MS - SEGMENT_MS


@given(st.text())
def test_whole_characters_stay_as_they_are(text: str) -> None:
    assert whole_characters(text) == text


@given(st.text(alphabet=st.characters()))
def test_half_characters_can_be_written_afterwards(text: str) -> None:
    whole_characters(text).encode()


def test_halves_are_marked_and_pairs_joined() -> None:
    assert whole_characters("a\ud800b\udcffc") == "a�b�c"
    assert whole_characters("\ud83d\ude00") == "😀"
