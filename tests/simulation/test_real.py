"""A few timelines of the real tracker, what they must find without each protection, and every seed that ever failed."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from unittest import mock

import pytest

from tests.simulation import __main__ as command
from tests.simulation import real
from tests.simulation.real import RealSabotage
from tests.simulation.timeline import Result
from tests.simulation.turns import ProcessDeathError, StuckError, Turns
from tests.simulation.world import World
from tracker.domain import session
from tracker.store.journal import Journal
from tracker.store.settings import Settings

SEEDS = (1, 2, 3, 4, 5, 6)


def _assert_right(result: Result) -> None:
    assert result.problem is None, f"seed {result.seed}: {result.problem}"


@pytest.mark.parametrize("seed", SEEDS)
def test_timelines(seed: int) -> None:
    _assert_right(real.run(seed))
