"""Stretches of input by themselves: nothing is claimed twice or untold, and no video passes for work."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.capture.idle.stretches import LONGEST_MS, TIMEOUT_MS, Stretches


@pytest.fixture
def stretches() -> Stretches:
    """Watched, counted, and idle at 10 s."""
    stretches = Stretches()
    stretches.begin_count(0)
    stretches.asked(0, can_be_blinded=True)
    stretches.idled(TIMEOUT_MS)
    assert stretches.take_active_ms(10_000) == 0
    return stretches


def test_a_lone_key_makes_one_second_active(stretches: Stretches) -> None:
    stretches.resumed(12_300)
    stretches.idled(13_300)
    assert stretches.take_active_ms(15_000) == 1_000
    assert stretches.take_active_ms(20_000) == 0
    assert stretches.newest_ms(20_000) == 12_300


def test_a_stretch_is_active_from_its_first_input_to_a_second_after_its_last(stretches: Stretches) -> None:
    stretches.resumed(12_000)
    assert stretches.take_active_ms(15_000) == 3_000
    assert stretches.newest_ms(15_000) == 15_000
    stretches.idled(18_500)
    assert stretches.take_active_ms(20_000) == 3_500
    assert stretches.newest_ms(20_000) == 17_500


def test_a_second_that_ends_after_a_look_makes_no_further_minute_active(stretches: Stretches) -> None:
    stretches.resumed(59_400)
    assert stretches.take_active_ms(60_000) == 600
    stretches.idled(60_400)
    assert stretches.take_active_ms(65_000) == 0


def test_too_soon_after_a_look_nothing_is_claimed_that_may_not_be(stretches: Stretches) -> None:
    stretches.resumed(59_000)
    assert stretches.take_active_ms(60_000) == 1_000
    assert stretches.take_active_ms(60_700) == 0, "the stretch may be over"
    assert stretches.take_active_ms(61_200) == 1_200


def test_what_was_not_counted_is_never_claimed(stretches: Stretches) -> None:
    stretches.resumed(12_000)
    stretches.end_count(14_000)
    stretches.idled(30_000)
    stretches.resumed(31_000)
    stretches.begin_count(33_000)
    stretches.begin_count(35_000)
    assert stretches.take_active_ms(36_000) == 2_000 + 3_000


def test_a_video_hides_idleness_for_a_minute_at_most(stretches: Stretches) -> None:
    stretches.resumed(12_000)
    claimed = [stretches.take_active_ms(at_ms) for at_ms in range(15_000, 700_000, 5_000)]
    assert sum(claimed) == LONGEST_MS
    assert stretches.newest_ms(700_000) == 12_000 + LONGEST_MS
    assert stretches.is_blind(700_000)
    assert not stretches.is_blind(12_000 + LONGEST_MS)
    stretches.idled(700_000)  # as the video ends
    assert stretches.take_active_ms(705_000) == 0
    assert stretches.newest_ms(705_000) == 12_000 + LONGEST_MS
    assert not stretches.is_blind(705_000)


def test_a_desktop_that_no_video_blinds_is_believed_as_long_as_it_says_so() -> None:
    stretches = Stretches()
    stretches.begin_count(0)
    stretches.asked(0, can_be_blinded=False)
    stretches.idled(1_000)
    stretches.resumed(2_000)
    assert stretches.take_active_ms(602_000) == 600_000
    assert not stretches.is_blind(602_000)


@pytest.mark.parametrize(
    ("tell", "newest_ms"),
    [
        (lambda _: None, None),
        (lambda one: one.idled(11_050), None),
        (lambda one: one.idled(14_000), 13_000),
    ],
    ids=["nothing yet", "no input since", "input since"],
)
def test_asked_anew_only_what_came_after_is_input(tell: Callable[[Stretches], None], newest_ms: int | None) -> None:
    """A desktop that came back says first that its person is idle; that is no input."""
    stretches = Stretches()
    stretches.begin_count(0)
    stretches.asked(10_000, can_be_blinded=True)
    tell(stretches)
    assert stretches.newest_ms(20_000) == newest_ms
    assert stretches.take_active_ms(20_000) == 0


def test_a_desktop_that_tells_nothing_at_all_is_blind() -> None:
    stretches = Stretches()
    stretches.asked(10_000, can_be_blinded=True)
    assert not stretches.is_blind(10_000 + LONGEST_MS)
    assert stretches.is_blind(10_000 + LONGEST_MS + TIMEOUT_MS + 1)


def test_a_lost_desktop_ends_the_stretch(stretches: Stretches) -> None:
    stretches.resumed(12_000)
    stretches.lost(14_000)
    assert stretches.take_active_ms(60_000) == 2_000
    assert stretches.newest_ms(60_000) == 12_000


@given(st.lists(st.tuples(st.integers(1, 5_000), st.sampled_from(["input", "take", "stop", "start", "lose"]))))
def test_active_time_is_never_more_than_what_input_makes(steps: list[tuple[int, str]]) -> None:
    """Against a plain model: the union of the second after each input, while counting."""
    stretches, now_ms, inputs, taken = Stretches(), 0, list[int](), 0
    stretches.asked(0, can_be_blinded=False)
    stretches.idled(0)
    counted: list[list[int]] = []
    idles_ms: int | None = None
    for pause_ms, step in steps:
        now_ms += pause_ms
        if idles_ms is not None and idles_ms <= now_ms:
            stretches.idled(idles_ms)
            idles_ms = None
        match step:
            case "input":
                if idles_ms is None:
                    stretches.resumed(now_ms)
                inputs.append(now_ms)
                idles_ms = now_ms + TIMEOUT_MS
            case "take":
                taken += stretches.take_active_ms(now_ms)
            case "start":
                stretches.begin_count(now_ms)
                if not counted or counted[-1][1:]:
                    counted.append([now_ms])
            case "stop":
                stretches.end_count(now_ms)
                if counted and not counted[-1][1:]:
                    counted[-1].append(now_ms)
            case "lose":
                stretches.lost(now_ms)
                idles_ms = None
    taken += stretches.take_active_ms(now_ms)
    active = {at_ms for begin_ms in inputs for at_ms in range(begin_ms, begin_ms + TIMEOUT_MS)}
    within = {at_ms for begin_ms, *end in counted for at_ms in range(begin_ms, (end or [now_ms])[0])}
    assert taken <= len(active & within)
