"""Some timelines of the real tracker, and what they must find without each protection."""

from collections.abc import Callable, Iterable

import pytest

from tests.simulation import __main__ as command
from tests.simulation import real
from tests.simulation.real import RealSabotage
from tests.simulation.timeline import Result
from tracker.domain import session
from tracker.domain.clock import Moment
from tracker.domain.sealing import Unsealed
from tracker.domain.session import State
from tracker.store.destruction import Destruction
from tracker.store.journal import Corrected, Journal
from tracker.sync import sealer
from tracker.timer import Timer

SHORT_MS = 25 * 60_000
CONTROL_MS = 60 * 60_000


def _assert_right(result: Result) -> None:
    assert result.problem is None, f"seed {result.seed}: {result.problem}"


@pytest.mark.parametrize("seed", range(5))
def test_short_timelines(seed: int) -> None:
    _assert_right(real.run(seed, awake_ms=SHORT_MS))


def test_a_seed_decides_everything() -> None:
    assert real.run(3, awake_ms=SHORT_MS) == real.run(3, awake_ms=SHORT_MS)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 120, 5))
def test_timelines(first: int) -> None:
    for seed in range(first, first + 5):
        _assert_right(real.run(seed))


@pytest.mark.slow
def test_with_every_protection_the_first_controls_seeds_are_right() -> None:
    for seed in (11, 31):
        _assert_right(real.run(seed, awake_ms=CONTROL_MS))


# Negative controls


def _no_commit_per_tick(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Timer, "next_tick_ms", lambda _self, _now: None)


def _no_idle_cut(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(session, "idle_due_ms", lambda _state: None)


def _no_suspension_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(session, "SUSPENSION_MS", 10**15)


def _no_looks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Timer, "look", lambda _self: False)


def _no_shift(patch: pytest.MonkeyPatch) -> None:
    right = Journal.shift_provisional

    def stay(journal: Journal, _by_ms: int, boot_id: str = "", *, began_ms: int = 0) -> Corrected:
        return right(journal, 0, boot_id, began_ms=began_ms)

    patch.setattr(Journal, "shift_provisional", stay)


def _early_seals(patch: pytest.MonkeyPatch) -> None:
    def may_seal(segment: Unsealed, _state: State, now: Moment) -> bool:
        return not (segment.is_provisional or now.is_provisional)

    patch.setattr(sealer, "may_seal", may_seal)


def _no_destruction(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Destruction, "of", lambda _self, _names: None)


_MANY = range(60)  # a protection is not needed in every timeline


@pytest.mark.parametrize(
    ("breaks", "seeds"),
    [
        pytest.param(_no_looks, (31,), id="no looks between ticks"),
        pytest.param(_early_seals, (11,), id="sealed before idleness can no longer cut it"),
        pytest.param(_no_commit_per_tick, _MANY, id="no commit per tick", marks=pytest.mark.slow),
        pytest.param(_no_idle_cut, _MANY, id="no idle cut", marks=pytest.mark.slow),
        pytest.param(_no_suspension_check, _MANY, id="no look at the gap between the clocks", marks=pytest.mark.slow),
        pytest.param(_no_shift, (106,), id="provisional time not shifted", marks=pytest.mark.slow),
        pytest.param(_no_destruction, _MANY, id="pictures not destroyed", marks=pytest.mark.slow),
    ],
)
def test_without_a_protection_it_fails(
    breaks: Callable[[pytest.MonkeyPatch], None], seeds: Iterable[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    assert any(real.run(seed, awake_ms=CONTROL_MS).problem for seed in seeds)


@pytest.mark.slow
def test_with_locks_unheard_it_fails() -> None:
    unheard = RealSabotage(hides_locks=True)
    assert any(real.run(seed, sabotage=unheard, awake_ms=CONTROL_MS).problem for seed in _MANY)


# The command


def test_the_command_shows_a_failing_seed_with_how_to_replay_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(real, "run", lambda seed: Result(seed, "lost an hour", 1, 0, 0, 0, 0))
    assert command.main(["--real", "--first", "7", "--seeds", "1", "--processes", "1"]) == 1
    assert "python -m tests.simulation --real --seeds 1 --first 7" in capsys.readouterr().out
