import random

import pytest

from tracker.sync.retry import FIRST_DELAY_S, LONGEST_DELAY_S, LONGEST_RETRY_AFTER_S, delay_s


def delays(failures: int, retry_after_s: float | None = None) -> list[float]:
    draw = random.Random(1)  # noqa: S311 (the same waits in every run)
    return [delay_s(failures, retry_after_s, draw) for _ in range(500)]


def test_each_failure_doubles_the_wait_up_to_the_longest() -> None:
    for failures in range(1, 8):
        ceiling_s = FIRST_DELAY_S * 2 ** (failures - 1)
        assert ceiling_s / 2 <= min(delays(failures)) <= max(delays(failures)) <= ceiling_s
    for failures in (10, 1_000, 10**9):
        assert LONGEST_DELAY_S / 2 <= min(delays(failures)) <= max(delays(failures)) <= LONGEST_DELAY_S


def test_trackers_do_not_return_in_step() -> None:
    assert max(delays(5)) - min(delays(5)) > 0.4 * FIRST_DELAY_S * 2**4
    assert len(set(delays(5))) > 400


def test_never_before_the_server_said() -> None:
    assert min(delays(1, 40.0)) == 40.0
    assert min(delays(9, 1.0)) >= LONGEST_DELAY_S / 2


@pytest.mark.parametrize("retry_after_s", [1e9, float("inf")])
def test_no_answer_silences_a_tracker_for_longer_than_an_hour(retry_after_s: float) -> None:
    assert max(delays(1, retry_after_s)) == LONGEST_RETRY_AFTER_S == 3600
