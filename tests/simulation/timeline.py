"""One simulated timeline: days to weeks of a person's work on a machine that sleeps, is set wrong and is unplugged."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from tests.simulation.comparison import Comparison, WrongError, merged
from tests.simulation.driver import Driver, Sabotage
from tests.simulation.truth import Truth
from tests.simulation.world import MISREAD_MS, World
from tracker.domain.events import (
    Assign,
    ContractEnded,
    Declare,
    Declared,
    Discard,
    Keep,
    Lock,
    NewTerms,
    SetLabel,
    SetMemo,
    Start,
    Stop,
    Suspend,
    TakenOver,
    Terms,
    Unlock,
)

_S, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_YEAR = 365 * _DAY
_EPOCH_MS = 1_704_067_200_000  # 2024-01-01
_CONTRACTS = tuple(UUID(int=number) for number in (1, 2, 3))
_STEPS_MS = (_S, 7 * _S, _MINUTE, _HOUR, 2 * _HOUR, _DAY, 30 * _DAY, _YEAR)
_LEAP_SMEAR = 1 / 86_400


@dataclass(frozen=True, slots=True)
class Result:
    """What a timeline came to; `problem` is None if all is well."""

    seed: int
    problem: str | None
    days: float
    worked_ms: int
    lacking_ms: int
    stretches: int
    transitions: int


class Timeline:
    """Draws facts, and lets both the machine under test and the truth live through them.

    Args:
        seed: decides everything.
        is_dense: makes each look and tick, over less time.
        sabotage: what to break.
    """

    def __init__(self, seed: int, *, is_dense: bool | None = None, sabotage: Sabotage | None = None) -> None:
        self.rng = random.Random(seed)  # noqa: S311 (a seed must decide everything)
        self._seed = seed
        is_drawn_dense = self.rng.random() < 1 / 200
        self.is_dense = is_drawn_dense if is_dense is None else is_dense
        self._is_exact = self.rng.random() < 0.5
        self._sabotage = sabotage or Sabotage()
        start_ms = _EPOCH_MS + self.rng.randrange(7 * _YEAR)
        self.world = World(self.rng, start_ms, is_misread=not self._is_exact)
        self.world.boot()
        if not self._is_exact and self.rng.random() < 0.3:
            self._step_clock()
        self.driver = Driver(self.world, self._sabotage, is_dense=self.is_dense)
        self.truth = Truth()
        self._number = 0
        if self._is_exact or self.rng.random() < 0.8:
            self._contact()

    def run(self) -> Result:
        """Live through the timeline and compare."""
        days = self.rng.choice((0.02, 0.05)) if self.is_dense else self.rng.choice((1, 1, 2, 3, 5, 7, 10, 14, 21))
        end_t = int(days * _DAY)
        kinds, weights = zip(*_FACTS, strict=True)
        while self.world.t < end_t:
            for _ in range(self.rng.randint(1, 40)):
                self._pass(self._some_ms())
                self.rng.choices(kinds, weights)[0](self)
                if self.is_dense and self.world.t >= end_t:
                    break
            if not self.is_dense:
                self._night()
        self._pass(100)
        self._event(Stop(), self.truth.stop)
        self._contact()
        return self._compared()

    # Time and facts

    def _some_ms(self) -> int:
        draw = self.rng.random()
        if draw < 0.45:
            return self.rng.randint(100, 30_000)
        if draw < 0.85:
            return self.rng.randint(30_000, 25 * _MINUTE)
        if draw < 0.95:
            limit_ms = self.truth.terms.idle_limit_s * 1000
            return max(100, limit_ms + self.rng.choice((-1001, -1000, -1, 0, 1, 999, 1000)))
        return self.rng.randint(_HOUR, 4 * _HOUR) if not self.is_dense else _MINUTE

    def _pass(self, ms: int) -> None:
        """Let time pass on both sides."""
        t = self.world.t + ms
        self.driver.advance_to(t)
        self.truth.offset_ms = self.driver.offset_ms
        newest_t = t - (self.world.mono_ms() - self.world.last_input_mono_ms())
        self.truth.advance_to(t, newest_t, is_present=self.world.input.present_from_t is not None)

    def _event(self, event: object, happens: Callable[[], object]) -> None:
        done = self.driver.do(event)  # type: ignore[arg-type]
        self.truth.offset_ms = self.driver.offset_ms
        expected = happens()
        if done != (expected is not False):
            raise WrongError(f"t={self.world.t}: {event} was {'done' if done else 'refused'}")

    def _night(self) -> None:
        choice = self.rng.random()
        if choice < 0.5:
            self._sleep(self.rng.randint(6 * _HOUR, 14 * _HOUR))
        elif choice < 0.7:
            self._leave()
            self._pass(self.rng.randint(6 * _HOUR, 14 * _HOUR))
        else:
            self._reboot(self.rng.randint(6 * _HOUR, 14 * _HOUR))

    def _arrive(self) -> None:
        self.world.arrive(self.rng.choice((50, 997, 20_011, 55_001)))

    def _leave(self) -> None:
        self.world.leave()

    def _terms(self) -> Terms:
        rng = self.rng
        terms = Terms(
            idle_limit_s=rng.choice((60, 300, 600, 600, 1800)),
            allows_manual_time=rng.random() < 0.7,
            declared_left_ms=10 * _YEAR,
            declared_per_day_ms=10 * _YEAR,
        )
        if not self._is_exact:
            return terms
        has_limit = rng.random() < 0.6
        return replace(
            terms,
            declared_left_ms=rng.choice((0, 1, 100_001, 30 * _MINUTE, 2 * _HOUR)),
            declared_per_day_ms=rng.choice((0, 1001, 30 * _MINUTE, 2 * _HOUR)),
            limit_left_ms=rng.choice((-5, 0, 1, 61_003, 3 * _HOUR, 40 * _HOUR)) if has_limit else None,
            limit_per_week_ms=rng.choice((0, 3 * _HOUR + 7, 40 * _HOUR)) if has_limit else None,
            stops_at_limit=rng.random() < 0.6,
        )

    def _memo(self) -> str:
        self._number += 1
        return f"memo {self._number}" if self.rng.random() < 0.8 else "memo"

    def _start(self) -> None:
        contract, memo, terms = self.rng.choice(_CONTRACTS), self._memo(), self._terms()
        label = self.rng.choice((None, "review"))
        felt = replace(terms, idle_limit_s=10**7) if self._sabotage.ignores_idleness else terms
        self._event(Start(contract, memo, felt, label), lambda: self.truth.start(contract, memo, label, terms))
        if self.rng.random() < 0.7:
            self._arrive()

    def _stop(self) -> None:
        self._event(Stop(), self.truth.stop)

    def _set_memo(self) -> None:
        memo = self._memo()
        self._event(SetMemo(memo), lambda: self.truth.set_memo(memo))

    def _set_label(self) -> None:
        label = self.rng.choice((None, "review", "design"))
        self._event(SetLabel(label), lambda: self.truth.set_label(label))

    def _declare(self) -> None:
        declared = self.rng.choice((None, *Declared))
        self._event(Declare(declared), lambda: self.truth.declare(declared))

    def _lock(self) -> None:
        if not self._sabotage.ignores_locks:
            self._event(Lock(), self.truth.lock)
        else:
            self.truth.lock()

    def _unlock(self) -> None:
        self._event(Unlock(), self.truth.unlock)
        if self.rng.random() < 0.7:
            self._arrive()

    def _nap(self) -> None:
        self._sleep(self.rng.choice((1500, 20_000, 300_000, 2 * _HOUR, 20 * _HOUR)))

    def _sleep(self, ms: int) -> None:
        is_signalled = self._is_exact or self.rng.random() < 0.4  # what a look may lose, the limit would not know of
        if is_signalled:
            self._event(Suspend(), lambda: None)
        self.world.leave()
        self.world.sleep(ms)
        self.truth.sleep(ms, is_signalled=is_signalled, is_noticed=self._is_exact)
        if self._is_exact:
            self.driver.do(None)
        if self.rng.random() < 0.3:
            self._arrive()

    def _reboot(self, off_ms: int | None = None) -> None:
        if self.rng.random() < 0.7:
            self._event(Stop(), self.truth.stop)
        else:
            self.truth.die()
        self.world.t += self.rng.randint(20 * _S, 2 * _HOUR) if off_ms is None else off_ms
        self.truth.t = self.world.t
        self.world.boot()
        self._launch()
        if self._is_exact or self.rng.random() < 0.6:
            self._contact()

    def _launch(self) -> None:
        self.driver.launch()
        self.truth.is_locked, self.truth.fresh_t = False, self.world.t

    def _crash(self) -> None:
        self.truth.die()
        self._launch()

    def _choose(self) -> None:
        """Decide about the time away."""
        contract, memo = self.rng.choice(_CONTRACTS), self.rng.choice(("", self._memo()))
        terms = Terms(allows_manual_time=self.rng.random() < 0.8)
        choice = self.rng.random()
        if choice < 0.4:
            self._event(Discard(), self.truth.discard)
        elif choice < 0.7:
            self._event(Keep(), self.truth.keep)
        else:
            self._event(
                Assign(contract, memo, terms), lambda: self.truth.keep(contract=contract, memo=memo, terms=terms)
            )
        if self.rng.random() < 0.7:
            self._arrive()

    def _new_terms(self) -> None:
        terms = self._terms()
        felt = replace(terms, idle_limit_s=10**7) if self._sabotage.ignores_idleness else terms
        self._event(NewTerms(felt), lambda: self.truth.new_terms(terms))
        self._pass(0)  # the idle limit may have come down below how long the person has been away

    def _end_contract(self) -> None:
        self._event(ContractEnded(), self.truth.stop)

    def _take_over(self) -> None:
        at_t = max(self.truth.fresh_t, self.world.t - self.rng.choice((-5000, 0, 3000, 400_000, 2 * _HOUR)))
        at_ms = at_t + self.driver.offset_ms
        self._event(TakenOver(at_ms), lambda: self.truth.take_over(at_t))
        if self._is_exact:
            self._new_terms()  # what was cut counts to the limit no more: the caller says so

    def _step_clock(self) -> None:
        self.world.step_system_clock(self.rng.choice((-1, 1)) * self.rng.choice(_STEPS_MS))

    def _slew(self) -> None:
        self.world.slew(self.rng.choice((0.0, 0.0, 500e-6, -500e-6, 20e-6, _LEAP_SMEAR, -_LEAP_SMEAR)))

    def _contact(self) -> None:
        self.driver.contact(0 if self._is_exact else self.rng.randint(-30, 30))
        self.truth.offset_ms = self.driver.offset_ms

    # The comparison

    def _compared(self) -> Result:
        entries, problem, lacking_ms = self.driver.journal.entries, None, 0
        comparison = Comparison(self.truth, 0 if self._is_exact else MISREAD_MS)
        try:
            lacking_ms = comparison.hold(entries)
        except WrongError as error:
            problem = str(error)
        return Result(
            seed=self._seed,
            problem=problem,
            days=self.world.t / _DAY,
            worked_ms=sum(one.end_ms - one.start_ms for one in entries),
            lacking_ms=lacking_ms,
            stretches=len(merged(self.truth.stretches)),
            transitions=self.driver.ticks,
        )


def run(seed: int, *, is_dense: bool | None = None, sabotage: Sabotage | None = None) -> Result:
    """Live through one timeline."""
    timeline = Timeline(seed, is_dense=is_dense, sabotage=sabotage)
    try:
        return timeline.run()
    except WrongError as error:
        return Result(seed, str(error), timeline.world.t / _DAY, 0, 0, 0, timeline.driver.ticks)


_FACTS: tuple[tuple[Callable[[Timeline], None], int], ...] = (
    (Timeline._start, 24),
    (Timeline._stop, 6),
    (Timeline._set_memo, 8),
    (Timeline._set_label, 3),
    (Timeline._declare, 8),
    (Timeline._lock, 6),
    (Timeline._unlock, 10),
    (Timeline._nap, 5),
    (Timeline._reboot, 1),
    (Timeline._crash, 1),
    (Timeline._choose, 12),
    (Timeline._new_terms, 2),
    (Timeline._end_contract, 1),
    (Timeline._take_over, 2),
    (Timeline._step_clock, 3),
    (Timeline._slew, 2),
    (Timeline._contact, 4),
    (Timeline._arrive, 14),
    (Timeline._leave, 12),
)
