"""When a segment may be sealed, rule by rule."""

from dataclasses import replace
from uuid import UUID

import pytest

from tests.fakes.clock import NOON_MS
from tracker.domain.clock import Moment
from tracker.domain.sealing import Unsealed, may_seal
from tracker.domain.session import PauseReason, Phase, State
from wire.words import SEGMENT_MS

END_MS = NOON_MS + SEGMENT_MS
MONO_MS = 50_000_000


def _moment(utc_ms: int, *, is_provisional: bool = False) -> Moment:
    return Moment(utc_ms, boot_ms=0, mono_ms=MONO_MS, clock_offset_ms=0, is_provisional=is_provisional)


def _tracking(counted_ms: int, last_input_ms: int) -> State:
    """Tracking, counted up to one instant, with the last input at another (both UTC)."""
    return State(
        phase=Phase.TRACKING,
        contract=UUID(int=1),
        counted=_moment(counted_ms),
        last_input_ms=MONO_MS - (counted_ms - last_input_ms),
    )


ENDED = Unsealed(NOON_MS, last_end_ms=END_MS, last_hold_ms=None, is_provisional=False)
PAUSED = State(phase=Phase.PAUSED, contract=UUID(int=1))


def _locked(seen_ms: int, last_input_ms: int) -> State:
    """Paused by the screen's lock, looked at at one instant, with the last input at another (both UTC)."""
    tracking = _tracking(seen_ms, last_input_ms)
    return replace(tracking, phase=Phase.PAUSED, pause_reason=PauseReason.LOCKED, counted=None, seen=tracking.counted)


@pytest.mark.parametrize(
    ("segment", "state", "now_ms", "may"),
    [
        pytest.param(ENDED, State(), NOON_MS + 1, True, id="stopped, though the segment still runs"),
        pytest.param(ENDED, PAUSED, NOON_MS + 1, True, id="paused"),
        pytest.param(ENDED, _tracking(END_MS, END_MS), END_MS, True, id="ended, input at its end"),
        pytest.param(ENDED, _locked(END_MS + 9, END_MS - 1), END_MS + 9, False, id="locked, may yet be idle"),
        pytest.param(ENDED, _locked(END_MS + 9, END_MS), END_MS + 9, True, id="locked by the person"),
        pytest.param(ENDED, _tracking(END_MS - 1, END_MS - 1), END_MS, False, id="still runs"),
        pytest.param(ENDED, _tracking(END_MS + 9, END_MS - 1), END_MS + 9, False, id="idleness could still cut it"),
        pytest.param(ENDED, _tracking(END_MS + 9, END_MS + 1), END_MS + 9, True, id="input after its end"),
        pytest.param(
            replace(ENDED, last_end_ms=NOON_MS + 5),
            _tracking(NOON_MS + 90_000, NOON_MS + 90_000),
            NOON_MS + 90_000,
            False,
            id="switched away, but its ten minutes run",
        ),
        pytest.param(replace(ENDED, last_hold_ms=END_MS + 5), State(), END_MS + 4, False, id="hold runs"),
        pytest.param(replace(ENDED, last_hold_ms=END_MS + 5), State(), END_MS + 5, True, id="hold ran out"),
        pytest.param(
            replace(ENDED, last_hold_ms=END_MS + 5), _tracking(END_MS + 4, END_MS + 4), END_MS + 4, False, id="both"
        ),
        pytest.param(replace(ENDED, is_provisional=True), State(), END_MS, False, id="provisional"),
    ],
)
def test_may_seal(segment: Unsealed, state: State, now_ms: int, may: bool) -> None:
    assert may_seal(segment, state, _moment(now_ms)) is may


def test_nothing_is_sealed_by_a_provisional_clock() -> None:
    """It may be a year ahead, and every hold would have run out."""
    assert not may_seal(ENDED, State(), _moment(END_MS, is_provisional=True))
