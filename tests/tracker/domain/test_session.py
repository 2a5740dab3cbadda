"""The timer's state machine, transition by transition."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.fakes.clock import NOON_MS
from tests.fakes.machine import ONE, TWO, Machine, overlaps
from tracker.domain.clock import Moment
from tracker.domain.errors import RefusedError
from tracker.domain.events import (
    Assign,
    ContractEnded,
    Declare,
    Declared,
    Discard,
    Event,
    Keep,
    Lock,
    NewTerms,
    Notice,
    SetLabel,
    SetMemo,
    Start,
    Stop,
    Suspend,
    TakeAway,
    TakenOver,
    Terms,
    Tick,
    Told,
    Unlock,
    Worked,
)
from tracker.domain.segment import Interval
from tracker.domain.session import (
    SUSPENSION_MS,
    PauseReason,
    Phase,
    Span,
    State,
    has_slept,
    looked,
    shifted,
    transition,
)
from wire.words import Kind

IDLE_S = 600


def _interval(
    start_ms: int, end_ms: int, contract: UUID = ONE, memo: str = "memo", kind: Kind = Kind.TRACKED
) -> Interval:
    return Interval(contract, NOON_MS + start_ms, NOON_MS + end_ms, kind, memo)


def _at(ms: int) -> int:
    return NOON_MS + ms


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_stopped_it_records_nothing(machine: Machine) -> None:
    for event in (Tick(machine.clock.mono_ms()), SetMemo("later"), Stop()):
        machine.clock.advance(5000)
        assert machine.do(event) == ()
        assert machine.state.phase is Phase.STOPPED


def test_start_counts_from_its_own_moment(machine: Machine) -> None:
    machine.clock.advance(3)
    assert machine.start() == ()
    assert (machine.state.phase, machine.state.started_ms) == (Phase.TRACKING, NOON_MS + 3)
    assert machine.state.counted == machine.now()
    machine.clock.advance(5000)
    assert machine.tick() == (Worked(_interval(3, 5003)),)
    assert machine.state.session_ms == 5000


def test_each_tick_goes_on_where_the_last_ended(machine: Machine) -> None:
    machine.start()
    for ms in (4999, 1, 0, 5001):
        machine.clock.advance(ms)
        machine.tick()
    spans = [effect.interval for effect in machine.effects if isinstance(effect, Worked)]
    assert spans == [_interval(0, 4999), _interval(4999, 5000), _interval(5000, 10_001)]
    assert machine.worked() == [_interval(0, 10_001)]


def test_stop_counts_up_to_its_moment_and_keeps_contract_and_memo(machine: Machine) -> None:
    machine.start(memo="map")
    machine.clock.advance(1234)
    assert machine.do(Stop()) == (Worked(_interval(0, 1234, memo="map")),)
    assert machine.state == State(contract=ONE, memo="map", recorded_to_ms=_at(1234))


def test_a_switch_ends_one_contract_and_begins_the_other_in_one_instant(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(700)
    assert machine.start(TWO, "other") == (Worked(_interval(0, 700)),)
    machine.clock.advance(300)
    assert machine.tick() == (Worked(_interval(700, 1000, TWO, "other")),)
    assert machine.state.session_ms == 300


def test_a_memo_holds_from_when_it_is_said(machine: Machine) -> None:
    machine.start(memo="first")
    machine.clock.advance(700)
    machine.do(SetMemo("second"))
    machine.clock.advance(300)
    machine.do(Stop())
    assert machine.worked() == [_interval(0, 700, memo="first"), _interval(700, 1000, memo="second")]


def test_idle_takes_away_all_time_since_the_last_input(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(7001)
    machine.tick()
    for _ in range(119):
        machine.clock.advance(5000)
        machine.tick(has_input=False)
        assert machine.state.phase is Phase.TRACKING
    machine.clock.advance(5000)
    machine.tick(has_input=False)
    assert (machine.state.phase, machine.state.pause_reason) == (Phase.PAUSED, PauseReason.IDLE)
    assert machine.state.paused_since_ms == NOON_MS + 7001
    assert machine.worked_ms() == machine.state.session_ms == 7001


def test_the_idle_limit_is_reached_at_its_very_millisecond(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(IDLE_S * 1000 - 1)
    machine.tick(has_input=False)
    assert machine.state.pause_reason is None
    machine.clock.advance(1)
    machine.tick(has_input=False)
    assert (machine.state.phase, machine.worked_ms()) == (Phase.PAUSED, 0)


def test_idle_cuts_across_memos_and_segments_but_not_before_a_switch(machine: Machine) -> None:
    machine.start(TWO)
    machine.clock.advance(500_000)
    machine.tick()
    machine.start(ONE, "first")
    for memo in ("second", "third"):
        machine.clock.advance(250_000)
        machine.do(SetMemo(memo))
    machine.clock.advance(150_000)
    machine.tick(has_input=False)
    assert machine.state.phase is Phase.PAUSED
    assert machine.worked() == [_interval(0, 500_000, TWO)]


def test_input_between_two_ticks_is_where_idleness_began(machine: Machine) -> None:
    """One late tick both counts up to the input and finds the idleness after it."""
    machine.start()
    machine.clock.advance(2000)
    machine.input_ms = machine.clock.mono_ms()
    machine.clock.advance(IDLE_S * 1000)
    assert machine.tick(has_input=False) == (
        Worked(_interval(0, 2000)),
        TakeAway(_at(2000), _at(602_000)),
        Told(Notice.IDLE),
    )
    assert machine.state.session_ms == 2000


def test_stopping_when_idle_takes_the_idle_time_away_first(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(1000)
    machine.tick()
    machine.clock.advance(IDLE_S * 1000)
    machine.do(Stop())
    assert (machine.worked_ms(), machine.state.phase) == (1000, Phase.STOPPED)


def test_an_older_report_of_input_takes_nothing_back(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(1000)
    machine.tick()
    newest_ms = machine.state.last_input_ms
    machine.do(Tick(newest_ms - 500_000))
    assert machine.state.last_input_ms == newest_ms


def test_a_suspension_without_a_signal_ends_the_work_at_the_last_look(machine: Machine) -> None:
    """What lies between look and discovery is partly from before, partly from after; no clock tells how much."""
    machine.start()
    machine.clock.advance(5000)
    machine.tick()
    machine.clock.advance(2000)
    machine.look()
    machine.clock.advance(700)
    machine.clock.suspend(8 * 3_600_000)
    machine.clock.advance(300)
    assert has_slept(machine.state, machine.now())
    machine.look()
    assert machine.tick() == (Worked(_interval(5000, 7000)), Told(Notice.SUSPENDED))
    assert (machine.state.phase, machine.state.pause_reason) == (Phase.PAUSED, PauseReason.SUSPENDED)
    assert machine.state.paused_since_ms == _at(7000)
    assert (machine.state.session_ms, machine.state.away) == (7000, ())


def test_the_signal_of_a_suspension_ends_the_work_at_its_very_millisecond(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(1234)
    assert machine.do(Suspend()) == (Worked(_interval(0, 1234)), Told(Notice.SUSPENDED))
    machine.clock.suspend(60_000)
    machine.clock.advance(500)
    assert machine.tick() == ()
    assert machine.worked_ms() == 1234


def test_skew_between_the_clocks_is_no_suspension_and_never_worked(machine: Machine) -> None:
    machine.start()
    machine.clock.suspend(SUSPENSION_MS)
    machine.clock.advance(5000)
    machine.tick()
    assert (machine.state.phase, machine.worked_ms()) == (Phase.TRACKING, 5000)
    machine.clock.suspend(SUSPENSION_MS + 1)
    machine.tick()
    assert machine.state.phase is Phase.PAUSED


@pytest.mark.parametrize(
    "event", [Start(TWO, "", Terms()), Stop(), SetMemo("x"), Tick(0), Lock()], ids=lambda one: type(one).__name__
)
def test_no_event_hides_a_suspension(machine: Machine, event: Event) -> None:
    machine.start()
    machine.clock.suspend(60_000)
    assert machine.do(event) == (Told(Notice.SUSPENDED),)


def test_paused_it_records_nothing_until_started_again(machine: Machine) -> None:
    machine.start()
    machine.clock.suspend(60_000)
    machine.tick()
    machine.clock.advance(5000)
    assert machine.tick() == ()
    assert machine.do(SetMemo("new")) == ()
    machine.start(memo=machine.state.memo)
    assert (machine.state.pause_reason, machine.state.paused_since_ms, machine.state.session_ms) == (None, None, 0)
    machine.clock.advance(10)
    assert machine.tick() == (Worked(_interval(65_000, 65_010, memo="new")),)
    assert machine.worked_ms() == 10


def test_a_pause_can_be_stopped(machine: Machine) -> None:
    machine.start()
    machine.clock.suspend(60_000)
    machine.tick()
    machine.do(Stop())
    assert machine.state == State(contract=ONE, memo="memo")


def test_half_a_character_in_a_memo_is_replaced(machine: Machine) -> None:
    """Neither SQLite nor JSON takes it: every tick under such a memo would fail, and its time be lost."""
    machine.start(memo="a\ud800")
    assert machine.state.memo == "a�"
    machine.do(SetMemo("\udcffb"))
    assert machine.state.memo == "�b"


def test_half_a_character_in_a_label_is_replaced(machine: Machine) -> None:
    machine.do(Start(ONE, "", Terms(), label="a\ud800"))
    assert machine.state.label == "a\ufffd"
    machine.do(SetLabel("\udcffb"))
    assert machine.state.label == "\ufffdb"
    machine.do(SetLabel(None))
    assert machine.state.label is None


def test_a_label_holds_from_when_it_is_chosen(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(700)
    machine.do(SetLabel("review"))
    machine.clock.advance(300)
    machine.do(Stop())
    assert machine.worked() == [_interval(0, 700), replace(_interval(700, 1000), label="review")]


def test_shifted_moves_every_timestamp_and_no_duration(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(5000)
    machine.tick()
    state = shifted(machine.state, 1000)
    assert state.counted is not None
    assert machine.state.counted is not None
    assert state.counted == replace(machine.state.counted, utc_ms=_at(6000), clock_offset_ms=1000, is_provisional=False)
    assert state.seen == state.counted
    assert (state.started_ms, state.session_ms, state.recorded_to_ms) == (_at(1000), 5000, _at(6000))
    paused = replace(state, counted=None, paused_since_ms=5, away=(Span(5, 9),))
    moved = shifted(paused, -5)
    assert (moved.paused_since_ms, moved.away, moved.counted) == (0, (Span(0, 4),), None)
    assert shifted(shifted(paused, 77), -77) == paused


def test_shifted_work_goes_on_without_a_gap(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(5000)
    machine.tick()
    machine.clock.advance(5000)
    now = replace(machine.now(), utc_ms=machine.now().utc_ms + 3_600_000)
    state, effects = transition(shifted(machine.state, 3_600_000), Stop(), now)
    assert effects == (Worked(_interval(3_605_000, 3_610_000)),)
    assert state.recorded_to_ms == _at(3_610_000)


# Misread clocks


def test_a_millisecond_between_the_two_clocks_makes_no_gap_and_no_overlap(machine: Machine) -> None:
    """They are read one after the other and rounded; each of these is a reading of the same 100 ms on."""
    machine.start()
    for skew_ms in (0, -1, 1, -40, 3, 0, -1):
        machine.clock.advance(100)
        now = machine.now()
        now = replace(now, utc_ms=now.utc_ms + skew_ms, boot_ms=now.boot_ms + skew_ms)
        machine.state, effects = transition(machine.state, Start(ONE, str(skew_ms), Terms()), now)
        machine.effects += effects
    assert not overlaps(machine.worked())
    assert machine.worked_ms() == 700


def test_a_stop_and_a_start_at_one_instant_do_not_overlap(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(100)
    now = machine.now()
    machine.do(Stop())
    earlier = replace(now, utc_ms=now.utc_ms - 1, boot_ms=now.boot_ms - 1)
    machine.state, _ = transition(machine.state, Start(TWO, "", Terms()), earlier)
    assert machine.state.started_ms == _at(100)


def test_a_moment_before_the_last_counts_nothing_and_takes_nothing(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(5000)
    earlier = machine.now()
    machine.clock.advance(5000)
    machine.tick()
    state, effects = transition(machine.state, Tick(0), earlier)
    assert (state, effects) == (machine.state, ())


def test_input_from_the_future_does_not_put_idleness_off(machine: Machine) -> None:
    machine.start()
    machine.do(Tick(machine.clock.mono_ms() + 10**9))
    machine.clock.advance(IDLE_S * 1000)
    machine.do(Tick(machine.clock.mono_ms() - IDLE_S * 1000))
    assert machine.state.pause_reason is PauseReason.IDLE


def test_suspensions_too_short_to_notice_add_up(machine: Machine) -> None:
    machine.start()
    for _ in range(2):
        machine.clock.advance(1000)
        machine.clock.suspend(600)
        machine.look()
    machine.clock.advance(1000)
    machine.tick()
    assert machine.state.pause_reason is PauseReason.SUSPENDED
    assert machine.worked_ms() == 1000


def test_looks_change_nothing_of_what_a_tick_finds(machine: Machine) -> None:
    machine.start()
    for ms in (300, 700, 4000):
        machine.clock.advance(ms)
        machine.look()
        assert machine.state.counted != machine.state.seen
    assert machine.tick() == (Worked(_interval(0, 5000)),)
    assert looked(State(), machine.now()) == State()


# Declared mode


def _declaring(machine: Machine, left_ms: int = 3_600_000, **terms: Any) -> None:
    machine.start(declared_left_ms=left_ms, declared_per_day_ms=left_ms, **terms)
    machine.do(Declare(Declared.MEETING))


def test_declared_time_never_idles_and_is_recorded_as_what_it_is(machine: Machine) -> None:
    _declaring(machine)
    machine.clock.advance(IDLE_S * 3000)
    assert machine.tick(has_input=False) == (Worked(_interval(0, IDLE_S * 3000, kind=Kind.DECLARED)),)
    assert machine.state.terms.declared_left_ms == 3_600_000 - IDLE_S * 3000


def test_going_back_to_the_timer_counts_as_input(machine: Machine) -> None:
    _declaring(machine)
    machine.clock.advance(1_000_000)
    machine.do(Declare(None))
    machine.clock.advance(IDLE_S * 1000 - 1)
    machine.tick(has_input=False)
    assert machine.state.phase is Phase.TRACKING
    machine.clock.advance(1)
    machine.tick(has_input=False)
    assert machine.worked() == [_interval(0, 1_000_000, kind=Kind.DECLARED)]


def test_declared_time_ends_at_its_very_millisecond_and_counts_as_input(machine: Machine) -> None:
    _declaring(machine, left_ms=2001)
    machine.clock.advance(5000)
    assert machine.tick(has_input=False) == (
        Worked(_interval(0, 2001, kind=Kind.DECLARED)),
        Told(Notice.DECLARED_TIME_USED),
        Worked(_interval(2001, 5000)),
    )
    machine.clock.advance(IDLE_S * 1000 - 2999)
    machine.tick(has_input=False)
    assert machine.state.paused_since_ms == _at(2001)
    assert machine.worked_ms() == 2001


def test_one_late_tick_finds_the_end_of_declared_time_and_the_idleness_after_it(machine: Machine) -> None:
    _declaring(machine, left_ms=2000)
    machine.clock.advance(2000 + IDLE_S * 1000)
    machine.tick(has_input=False)
    assert (machine.state.pause_reason, machine.state.paused_since_ms) == (PauseReason.IDLE, _at(2000))
    assert machine.worked() == [_interval(0, 2000, kind=Kind.DECLARED)]


def test_the_end_of_declared_time_hides_no_input_after_it(machine: Machine) -> None:
    """Found by the simulation, seed 673: one tick found both."""
    _declaring(machine, left_ms=2000)
    machine.clock.advance(5000)
    machine.tick()
    assert machine.state.last_input_ms == machine.clock.mono_ms()


def test_a_locked_screen_does_not_end_a_meeting_but_the_meeting_s_end_finds_it(machine: Machine) -> None:
    _declaring(machine, left_ms=2000)
    machine.do(Lock())
    machine.clock.advance(5000)
    machine.tick(has_input=False)
    assert (machine.state.pause_reason, machine.state.paused_since_ms) == (PauseReason.LOCKED, _at(2000))
    assert machine.told() == [Notice.DECLARED_TIME_USED, Notice.LOCKED]
    machine.do(Unlock())
    assert machine.state.phase is Phase.TRACKING


def test_leaving_a_meeting_before_a_locked_screen_pauses(machine: Machine) -> None:
    _declaring(machine)
    machine.do(Lock())
    machine.do(Declare(None))
    assert machine.state.pause_reason is PauseReason.LOCKED


def test_no_declared_time_where_none_is_left(machine: Machine) -> None:
    machine.start()
    with pytest.raises(RefusedError, match="no declared time left"):
        machine.do(Declare(Declared.READING))


def test_a_new_utc_day_brings_new_declared_time(machine: Machine) -> None:
    """Not at the tick after midnight, but at midnight."""
    machine.clock.advance(12 * 3_600_000 - 3000)
    _declaring(machine, left_ms=4000)
    machine.clock.advance(5000)
    machine.tick(has_input=False)
    assert machine.state.declared is Declared.MEETING
    assert machine.state.terms.declared_left_ms == 4000 - 2000


# The weekly limit


def test_time_over_the_limit_is_tracked_on(machine: Machine) -> None:
    machine.start(limit_left_ms=2500)
    machine.clock.advance(5000)
    assert machine.tick() == (Worked(_interval(0, 5000)), Told(Notice.LIMIT_REACHED))
    assert (machine.state.is_over_limit, machine.state.terms.limit_left_ms) == (True, -2500)
    machine.clock.advance(5000)
    assert machine.tick() == (Worked(_interval(5000, 10_000)),)


def test_the_limit_stops_the_timer_at_its_very_millisecond(machine: Machine) -> None:
    machine.start(limit_left_ms=2501, stops_at_limit=True)
    machine.clock.advance(5000)
    assert machine.tick() == (Worked(_interval(0, 2501)), Told(Notice.LIMIT_REACHED))
    assert machine.state.phase is Phase.STOPPED


def test_a_start_at_a_used_up_limit_is_refused_and_what_runs_runs_on(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(1000)
    with pytest.raises(RefusedError, match="limit is used up"):
        machine.do(Start(TWO, "", Terms(limit_left_ms=0, stops_at_limit=True)))
    machine.clock.advance(1000)
    assert machine.tick() == (Worked(_interval(0, 2000)),)


def test_a_new_week_brings_a_new_limit_at_its_first_millisecond(machine: Machine) -> None:
    until_monday_ms = (6 * 24 + 12) * 3_600_000
    machine.clock.advance(until_monday_ms - 1000)
    machine.start(limit_left_ms=2000, limit_per_week_ms=7000, stops_at_limit=True)
    machine.clock.advance(5000)
    machine.tick()
    assert (machine.state.phase, machine.state.terms.limit_left_ms) == (Phase.TRACKING, 3000)


def test_a_week_that_begins_in_a_pause_brings_its_limit(machine: Machine) -> None:
    machine.start(limit_left_ms=2000, limit_per_week_ms=7000)
    machine.clock.suspend(7 * 24 * 3_600_000)
    machine.tick()
    machine.do(Discard())
    assert machine.state.terms.limit_left_ms == 7000


def test_idle_time_taken_away_is_given_back_to_the_week_it_was_worked_in(machine: Machine) -> None:
    machine.clock.advance((6 * 24 + 12) * 3_600_000 - 100_000)
    machine.start(limit_left_ms=10**6, limit_per_week_ms=10**7)
    for _ in range(IDLE_S // 5):
        machine.clock.advance(5000)
        machine.tick(has_input=False)
    assert machine.state.pause_reason is PauseReason.IDLE
    assert machine.state.terms.limit_left_ms == 10**7


def test_new_terms_can_reach_the_limit(machine: Machine) -> None:
    machine.start()
    machine.do(NewTerms(Terms(limit_left_ms=-5)))
    assert machine.told() == [Notice.LIMIT_REACHED]
    machine.do(NewTerms(Terms(limit_left_ms=-5, stops_at_limit=True)))
    assert machine.state.phase is Phase.STOPPED


def test_a_lowered_idle_limit_that_is_up_already_pauses_at_once(machine: Machine) -> None:
    """Found by the simulation, seed 100069: the person came back before the next tick."""
    machine.start()
    machine.clock.advance(1000)
    machine.tick()
    machine.clock.advance(60_000)
    assert machine.do(NewTerms(Terms(idle_limit_s=60))) == (
        Worked(_interval(1000, 61_000)),
        TakeAway(_at(1000), _at(61_000)),
        Told(Notice.IDLE),
    )


def test_idleness_that_began_yesterday_leaves_today_s_terms_as_they_are(machine: Machine) -> None:
    """Found by the simulation, seed 414964: they were renewed again, as if midnight came a second time."""
    machine.clock.advance(12 * 3_600_000 - 30_000)
    machine.start()
    machine.clock.advance(40_000)
    machine.tick(has_input=False)
    machine.do(NewTerms(Terms(idle_limit_s=30, declared_left_ms=7, declared_per_day_ms=5000)))
    assert machine.state.pause_reason is PauseReason.IDLE
    assert machine.state.terms.declared_left_ms == 7
    assert machine.state.away == (Span(machine.now().utc_ms - 40_000, machine.now().utc_ms),)


# Locks


def test_a_lock_pauses_and_an_unlock_goes_on(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(1000)
    machine.do(Lock())
    machine.clock.advance(60_000)
    machine.tick()
    machine.do(Unlock())
    machine.clock.advance(500)
    machine.tick()
    assert machine.worked() == [_interval(0, 1000), _interval(61_000, 61_500)]
    assert machine.state.session_ms == 1500


def test_a_lock_as_long_as_the_idle_limit_waits_for_the_choice(machine: Machine) -> None:
    machine.start(allows_manual_time=True)
    machine.clock.advance(1000)
    machine.tick()
    machine.do(Lock())
    machine.clock.advance(IDLE_S * 1000)
    machine.do(Unlock())
    assert (machine.state.pause_reason, machine.state.paused_since_ms) == (PauseReason.IDLE, _at(1000))
    machine.do(Keep())
    assert machine.worked() == [_interval(0, 1000), _interval(1000, 601_000, kind=Kind.MANUAL)]


def test_a_screen_that_locks_by_itself_hides_no_idleness(machine: Machine) -> None:
    """Desktops lock after five minutes by default: the idle limit would never be reached, and each absence billed."""
    machine.start()
    machine.clock.advance(1000)
    machine.tick()
    machine.clock.advance(300_000)
    machine.do(Lock())
    machine.clock.advance(299_999)
    machine.tick(has_input=False)
    assert machine.worked_ms() == 301_000
    machine.clock.advance(1)
    assert machine.tick() == (TakeAway(_at(1000), _at(601_000)), Told(Notice.IDLE))
    assert (machine.worked_ms(), machine.state.session_ms) == (1000, 1000)
    assert machine.state.away == (Span(_at(1000), _at(601_000)),)


def test_a_suspension_behind_a_lock_does_not_end_with_it(machine: Machine) -> None:
    """On resume the timer is paused and says so."""
    for event in (None, Suspend()):
        machine.start()
        machine.do(Lock())
        if event:
            machine.do(event)
        machine.clock.suspend(60_000)
        machine.tick()
        machine.do(Unlock())
        assert machine.state.pause_reason is PauseReason.SUSPENDED
        assert machine.told()[-2:] == [Notice.LOCKED, Notice.SUSPENDED]


def test_who_starts_before_a_locked_screen_starts_with_the_unlock(machine: Machine) -> None:
    machine.do(Lock())
    assert machine.start() == (Told(Notice.LOCKED),)
    machine.clock.advance(5000)
    machine.tick()
    assert machine.state.pause_reason is PauseReason.LOCKED
    machine.do(Unlock())
    machine.clock.advance(10)
    assert machine.tick() == (Worked(_interval(5000, 5010)),)


# Return and choice


def _away(machine: Machine, contract: UUID = ONE, **terms: Any) -> None:
    """Work one second, be away for 700 s, of which the machine slept the last 60 s but for one."""
    machine.start(contract, allows_manual_time=True, **terms)
    machine.clock.advance(1000)
    machine.tick()
    machine.clock.advance(640_000)
    machine.tick(has_input=False)
    machine.clock.suspend(60_000)
    machine.tick(has_input=False)
    machine.clock.advance(1000)


def test_discard_goes_on_from_now(machine: Machine) -> None:
    _away(machine)
    machine.do(Discard())
    machine.clock.advance(10)
    machine.tick()
    assert machine.worked() == [_interval(0, 1000), _interval(702_000, 702_010)]


def test_keep_makes_the_time_away_manual_but_not_the_sleep_in_it(machine: Machine) -> None:
    _away(machine, limit_left_ms=10**6)
    machine.do(SetLabel("reading"))
    machine.do(Keep())
    kept = [_interval(1000, 641_000, kind=Kind.MANUAL), _interval(701_000, 702_000, kind=Kind.MANUAL)]
    assert machine.worked()[1:] == [replace(one, label="reading") for one in kept]
    assert machine.state.terms.limit_left_ms == 10**6 - 1000 - 641_000
    machine.clock.advance(10)
    machine.tick()
    assert not overlaps(machine.worked())


def test_assign_gives_the_time_away_to_another_contract_and_goes_on(machine: Machine) -> None:
    _away(machine)
    machine.do(Assign(TWO, "call", Terms(allows_manual_time=True)))
    assert machine.worked()[1:] == [
        _interval(1000, 641_000, TWO, "call", Kind.MANUAL),
        _interval(701_000, 702_000, TWO, "call", Kind.MANUAL),
    ]
    assert (machine.state.phase, machine.state.contract, machine.state.memo) == (Phase.TRACKING, ONE, "memo")


@pytest.mark.parametrize(
    ("event", "match"),
    [
        (Assign(TWO, "call", Terms()), "allows no manual time"),
        (Assign(TWO, " ", Terms(allows_manual_time=True)), "needs its own memo"),
        (Assign(ONE, "call", Terms(allows_manual_time=True)), "keep the time away"),
    ],
)
def test_assignments_that_are_refused(machine: Machine, event: Event, match: str) -> None:
    _away(machine)
    with pytest.raises(RefusedError, match=match):
        machine.do(event)
    machine.do(Keep())
    assert machine.worked_ms() == 642_000


def test_nothing_is_kept_where_manual_time_is_off(machine: Machine) -> None:
    machine.start()
    machine.do(Suspend())
    with pytest.raises(RefusedError, match="no manual time"):
        machine.do(Keep())
    assert machine.state.phase is Phase.PAUSED


@pytest.mark.parametrize("event", [Discard(), Keep(), Assign(TWO, "m", Terms(allows_manual_time=True))])
def test_a_refused_event_loses_no_time(machine: Machine, event: Event) -> None:
    """The caller keeps the old state, so that the next tick counts what the refused event did not."""
    machine.start()
    machine.clock.advance(3000)
    before = machine.state
    with pytest.raises(RefusedError):
        machine.do(event)
    assert machine.state == before
    machine.clock.advance(2000)
    assert machine.tick() == (Worked(_interval(0, 5000)),)


def test_a_refused_event_hides_no_suspension(machine: Machine) -> None:
    machine.start()
    machine.clock.suspend(60_000)
    with pytest.raises(RefusedError):
        machine.do(Declare(Declared.READING))
    assert machine.tick() == (Told(Notice.SUSPENDED),)


# From elsewhere


def test_a_take_over_cuts_back_to_the_other_s_start(machine: Machine) -> None:
    machine.start(limit_left_ms=10_000)
    machine.clock.advance(5000)
    assert machine.do(TakenOver(_at(3000))) == (
        Worked(_interval(0, 5000)),
        TakeAway(_at(3000), _at(5000)),
        Told(Notice.TAKEN_OVER),
    )
    assert machine.worked() == [_interval(0, 3000)]
    assert (machine.state.session_ms, machine.state.terms.limit_left_ms) == (3000, 7000)
    machine.clock.advance(5000)
    machine.tick()
    assert machine.state.away == ()


def test_a_take_over_learnt_in_a_pause_or_after_a_stop_cuts_as_well(machine: Machine) -> None:
    _away(machine)
    machine.do(TakenOver(_at(400)))
    assert machine.worked() == [_interval(0, 400)]
    machine.do(Keep())
    assert machine.worked() == [_interval(0, 400)]
    machine.do(Stop())
    assert machine.do(TakenOver(_at(300))) == (TakeAway(_at(300), _at(702_000)),)


def test_after_a_take_over_only_the_time_away_before_it_can_be_kept(machine: Machine) -> None:
    _away(machine)
    machine.do(TakenOver(_at(300_000)))
    machine.clock.advance(5000)
    machine.do(Keep())
    assert machine.worked() == [_interval(0, 1000), _interval(1000, 300_000, kind=Kind.MANUAL)]


def test_a_look_after_a_take_over_drops_nothing_of_the_time_away_before_it(machine: Machine) -> None:
    """Found by the simulation, seed 64: a take-over at the very end of the time away."""
    machine.start(allows_manual_time=True)
    machine.do(Suspend())
    machine.clock.advance(5000)
    machine.do(TakenOver(_at(5000)))
    machine.clock.advance(5000)
    machine.tick()
    assert machine.state.away == (Span(_at(0), _at(5000)),)


def test_an_unlock_takes_nothing_back_from_the_other_device(machine: Machine) -> None:
    machine.start()
    machine.do(Lock())
    machine.do(TakenOver(_at(-5)))
    machine.do(Unlock())
    assert machine.state.pause_reason is PauseReason.TAKEN_OVER


def test_a_take_over_heard_of_twice_takes_nothing_twice(machine: Machine) -> None:
    machine.start(limit_left_ms=10_000)
    machine.clock.advance(5000)
    for at_ms in (-500, -500, -900):
        machine.do(TakenOver(_at(at_ms)))
        assert (machine.state.session_ms, machine.state.terms.limit_left_ms) == (0, 10_000)
    assert machine.told() == [Notice.TAKEN_OVER]


def test_a_take_over_in_the_future_pauses_now(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(5000)
    machine.do(TakenOver(_at(9000)))
    assert (machine.worked_ms(), machine.state.paused_since_ms) == (5000, _at(5000))


def test_a_contract_that_ends_keeps_its_time_and_stops(machine: Machine) -> None:
    machine.start()
    machine.clock.advance(5000)
    assert machine.do(ContractEnded()) == (Worked(_interval(0, 5000)), Told(Notice.CONTRACT_ENDED))
    assert machine.do(ContractEnded()) == ()


def test_what_idleness_may_still_cut(machine: Machine) -> None:
    assert State().idle_cut_ms is None
    machine.start(declared_left_ms=10**6)
    machine.clock.advance(5000)
    machine.tick()
    machine.clock.advance(5000)
    machine.tick(has_input=False)
    assert machine.state.idle_cut_ms == _at(5000)
    machine.do(Lock())
    machine.clock.advance(5000)
    machine.tick()
    assert machine.state.idle_cut_ms == _at(5000)
    machine.do(Unlock())
    machine.do(Declare(Declared.READING))
    machine.clock.advance(5000)
    machine.tick(has_input=False)
    assert machine.state.idle_cut_ms == _at(20_000)
    machine.do(Suspend())
    assert machine.state.idle_cut_ms is None


def test_a_moment_of_another_timebase_moves_no_running_work(machine: Machine) -> None:
    """The caller adopts a correction in a break alone; were it careless, time would still not run backwards."""
    machine.start()
    machine.clock.advance(5000)
    earlier: Moment = replace(machine.now(), utc_ms=machine.now().utc_ms - 3_600_000)
    state, effects = transition(machine.state, Stop(), earlier)
    assert effects == (Worked(_interval(0, 5000)),)
    assert transition(state, Start(ONE, "", Terms()), earlier)[0].started_ms == earlier.utc_ms
