"""One timeline of the real tracker: a person's weeks on a machine that sleeps, is set wrong, fills up and is unplugged.

The engine with its threads' own loops, its timer, snapshots, sealing, sync and upkeep works on the encrypted buffer;
what it holds is compared with the truth after each start and at the end.
"""

import copy
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.terms import contract
from tests.simulation.audit import Audit
from tests.simulation.comparison import WrongError, merged
from tests.simulation.machine import Machine
from tests.simulation.program import Program
from tests.simulation.timeline import Result
from tests.simulation.truth import Truth
from tests.simulation.turns import ProcessDeathError, StuckError
from tests.simulation.world import HARD_SLEW
from tests.torture.kill import FAST_FOLDER
from tracker.capture.power.port import PowerEvent
from tracker.commands import (
    BlurSnapshot,
    Command,
    Declare,
    GetDiary,
    GetStatus,
    Refused,
    Resume,
    SetMemo,
    Start,
    StatusAnswer,
    Stop,
    Sync,
    WithholdSnapshot,
)
from tracker.domain.events import Declared, Terms
from wire.contract import Blur, Contract
from wire.words import SnapshotStatus

_S, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
_YEAR = 365 * _DAY
_EPOCH_MS = 1_704_067_200_000  # 2024-01-01
_STEPS_MS = (_S, 7 * _S, _MINUTE, _HOUR, 2 * _HOUR, _DAY, 30 * _DAY, _YEAR)
_LEAP_SMEAR = 1 / 86_400
_TICK_MS = 5_000
_AWAKE_MS = (_HOUR // 2, _HOUR, 2 * _HOUR, 3 * _HOUR)  # each second of it is looked at, every five committed
_ZONES_EVERY = 5  # timelines


@dataclass(frozen=True, slots=True)
class RealSabotage:
    """Protections to take away, for the negative controls; each is carried out by the test's own patch.

    `hides_locks` keeps the lock from the power watch.
    """

    hides_locks: bool = False


class RealTimeline:
    """Draws facts, and lets both the real program and the truth live through them.

    Args:
        seed: decides everything.
        folder: for the program's data.
        sabotage: what to break.
        awake_ms: how much of it is lived through with the machine running, None to draw that, too.
    """

    def __init__(self, seed: int, folder: Path, sabotage: RealSabotage, awake_ms: int | None) -> None:
        self.rng = random.Random(f"real {seed}")  # noqa: S311 (a seed must decide everything)
        self._seed = seed
        self._sabotage = sabotage
        self._is_exact = self.rng.random() < 0.4
        start_ms = _EPOCH_MS + self.rng.randrange(7 * _YEAR)
        misreads = random.Random(f"misreads {seed}")  # noqa: S311 (likewise); its own, or each look would change the story
        self.machine = Machine(misreads, start_ms, is_misread=not self._is_exact)
        self.machine.boot()
        if self.rng.random() < 0.3:
            self.machine.step_system_clock(self.rng.choice((-1, 1)) * self.rng.choice(_STEPS_MS))
            self.machine.was_stepped = False  # wrong from the beginning, and no more so later
        self._contracts = tuple(self._contract(number) for number in (1, 2, 3))
        has_disk = self.rng.random() < 0.5
        self.program = Program(
            self.machine, folder, seed, self._contracts, has_disk=has_disk, on_grab=self._see_grab,
        )  # fmt: skip
        self._has_disk = has_disk
        self.truth = Truth(offset_ms=start_ms)
        self._awake_ms = awake_ms or self.rng.choice(_AWAKE_MS)
        self._number = 0
        self.audit = Audit(self.machine, self.program, self.truth, start_ms, self._is_exact)
        self._problems: list[str] = []
        self.counts: dict[str, int] = {}

    def run(self) -> Result:
        """Live through the timeline and compare."""
        lacking_ms, worked_ms = 0, 0
        with self.program:
            self.program.launch()
            self.program.log_in()
            self._advance_truth()
            self.program.network.is_exact = self._is_exact
            self.program.network.is_up = self.rng.random() < 0.7
            while self._awake_ms > 0:
                self._day()
                self._night()
            self._settle()
            lacking_ms, worked_ms = self._look_into_it(is_over=True)
            if self._seed % _ZONES_EVERY == 0 and not self._problems:
                self.audit.check_zones()
            self.program.ask_to_quit()
            self.program.end()
            self.program.launch()
            self._look_into_it(is_over=True)
        return Result(
            seed=self._seed,
            problem=self._problems[0] if self._problems else None,
            days=self.machine.t / _DAY,
            worked_ms=worked_ms,
            lacking_ms=lacking_ms,
            stretches=len(merged(self.truth.stretches)),
            transitions=self.counts.get("facts", 0),
        )

    # Time

    def _day(self) -> None:
        kinds, weights = zip(*_FACTS, strict=True)
        if self.rng.random() < 0.8:
            self._start()
            self._arrive()
        for _ in range(self.rng.randint(3, 40)):
            before_t = self.machine.t
            self._pass(self._some_ms())
            self._awake_ms -= self.machine.t - before_t
            kind = self.rng.choices(kinds, weights)[0]
            name = kind.__name__.strip("_")
            self.counts[name] = self.counts.get(name, 0) + 1
            self.counts["facts"] = self.counts.get("facts", 0) + 1
            kind(self)
            if self._problems or self._awake_ms <= 0:
                break

    def _some_ms(self) -> int:
        draw = self.rng.random()
        if draw < 0.45:
            return self.rng.randint(100, 30_000)
        if draw < 0.85:
            return self.rng.randint(30_000, 15 * _MINUTE)
        if draw < 0.97:
            limit_ms = self.truth.terms.idle_limit_s * 1000
            return max(100, limit_ms + self.rng.choice((-1001, -1000, -1, 0, 1, 999, 1000, 3000)))
        return self.rng.randint(_HOUR // 2, _HOUR)

    def _night(self) -> None:
        self._mend_disk()
        ms = self.rng.choice((8 * _HOUR, 14 * _HOUR, 14 * _HOUR, 3 * _DAY, 25 * _DAY)) + self.rng.randrange(_HOUR)
        if self.rng.random() < 0.5:
            self._sleep(ms)
        else:
            self._reboot(ms)

    def _pass(self, ms: int) -> None:
        """Let time pass on both sides; the process may die in it."""
        try:
            self.program.pass_(ms)
        except ProcessDeathError:
            self._advance_truth()
            self._fall()
            return
        self._advance_truth()

    def _advance_truth(self) -> None:
        self._advance(self.truth)

    def _advance(self, truth: Truth) -> None:
        machine = self.machine
        newest_t = machine.t - (machine.mono_ms() - machine.last_input_mono_ms())
        truth.advance_to(machine.t, newest_t, is_present=machine.input.present_from_t is not None)

    def _do(self, command: Command, happens: Callable[[], object]) -> None:
        """Do it on both sides; what a failing disk refuses has not happened."""
        t = self.machine.t
        answer = self.program.do(command)
        if self.machine.t != t:
            self._advance_truth()
        if self.program.disk.trouble is not None and self.program.is_refused_by_machine(answer):
            return
        expected = happens() is not False
        if expected is isinstance(answer, Refused):
            raise WrongError(f"t={self.machine.t}: {command} was answered {answer}")

    # Facts

    def _contract(self, number: int) -> Contract:
        rng = self.rng
        return contract(
            number,
            idle_limit_s=rng.choice((60, 300, 600, 600, 1800)),
            allows_manual_time=rng.random() < 0.7,
            declared_minutes_per_day=rng.choice((0, 1440)),
            snapshots_per_segment=rng.choice((0, 1, 1, 3)),
            blur=rng.choice((Blur.NONE, Blur.NONE, Blur.IRREVERSIBLE)),
            hold_s=rng.choice((0, 60, 60, 300)),
        )

    def _terms(self, one: Contract) -> Terms:
        declared_ms = 10 * _YEAR if one.policy.declared_minutes_per_day else 0
        return Terms(
            idle_limit_s=one.policy.idle_limit_s,
            allows_manual_time=one.policy.allows_manual_time,
            declared_left_ms=declared_ms,
            declared_per_day_ms=declared_ms,
        )

    def _memo(self) -> str:
        """Give a memo that nothing else has, so that what is recorded under it tells which boot it is of."""
        self._number += 1
        memo = f"memo {self._number:05}"
        self.audit.boot_of[memo] = str(self.machine.boots)
        return memo

    def _start(self) -> None:
        one, memo = self.rng.choice(self._contracts), self._memo()

        def starts() -> None:
            if self.truth.mode == "tracking" and self.truth.contract == one.id:
                self.truth.set_memo(memo)
            else:
                self.truth.start(one.id, memo, None, self._terms(one))

        self._do(Start(str(one.id), memo), starts)
        if self.rng.random() < 0.7:
            self._arrive()

    def _stop(self) -> None:
        def stops() -> bool:
            was_on = self.truth.mode != "stopped"
            self.truth.stop()
            return was_on

        self._do(Stop(), stops)

    def _set_memo(self) -> None:
        memo = self._memo()
        self._do(SetMemo(memo), lambda: self.truth.set_memo(memo))

    def _declare(self) -> None:
        declared = self.rng.choice((None, *Declared))
        self._do(Declare(declared), lambda: self.truth.declare(declared))

    def _say(self, event: PowerEvent, happens: Callable[[], object]) -> None:
        t = self.machine.t
        self.program.power.say(event)
        self.program.turns.wait_story(0, lambda: False)
        assert self.machine.t == t
        happens()

    def _lock(self) -> None:
        if self._sabotage.hides_locks:
            self.truth.lock()
        else:
            self._say(PowerEvent.LOCKED, self.truth.lock)

    def _unlock(self) -> None:
        self._say(PowerEvent.UNLOCKED, self.truth.unlock)
        if self.rng.random() < 0.7:
            self._arrive()

    def _nap(self) -> None:
        self._sleep(self.rng.choice((1500, 20_000, 300_000, 2 * _HOUR, 20 * _HOUR)))

    def _sleep(self, ms: int) -> None:
        is_signalled = self.rng.random() < 0.5
        if is_signalled:
            self._say(PowerEvent.SUSPENDING, lambda: None)
        self.machine.leave()
        self.machine.sleep(ms)
        self.truth.sleep(ms, is_signalled=is_signalled, is_noticed=False)
        if is_signalled:
            self.program.power.say(PowerEvent.RESUMED)
        if self.rng.random() < 0.3:
            self._arrive()

    def _reboot(self, off_ms: int | None = None) -> None:
        self._mend_disk()
        draw = self.rng.random()
        if draw < 0.35:
            self.truth.stop()
            self.program.power.say(PowerEvent.SHUTTING_DOWN)
            self.audit.note_boot()
            self.program.end()
        elif draw < 0.7:
            self.truth.stop()
            self.program.ask_to_quit()
            self.audit.note_boot()
            self.program.end()
        else:
            self._end_badly()
        self.machine.t += self.rng.randint(20 * _S, 2 * _HOUR) if off_ms is None else off_ms
        self.truth.t = self.machine.t
        self.machine.boot()
        self.program.power.locked = self.truth.is_locked = False
        self.program.network.is_up = self.rng.random() < 0.6
        self._launch()

    def _crash(self) -> None:
        self._mend_disk()
        self._end_badly()
        self._launch()

    def _fall(self) -> None:
        """The process died at a call to the disk."""
        self._end_badly()
        self._launch()

    def _end_badly(self) -> None:
        self.audit.note_boot()
        self.truth.die()
        self.audit.deaths += 1
        self.program.die()

    def _launch(self) -> None:
        self.program.launch()
        self.truth.fresh_t = self.machine.t
        if not self._sabotage.hides_locks:
            assert self.program.power.locked is self.truth.is_locked
        self._look_into_it(is_over=False)

    def _choose(self) -> None:
        """Decide about the time away."""
        other, memo = self.rng.choice(self._contracts), self.rng.choice(("", self._memo()))
        choice = self.rng.random()
        if choice < 0.4:
            self._do(Resume(), self.truth.discard)
        elif choice < 0.7:
            self._do(Resume(keeps=True), self.truth.keep)
        else:
            self._do(
                Resume(assign_to=str(other.id), memo=memo),
                lambda: self.truth.keep(contract=other.id, memo=memo, terms=self._terms(other)),
            )
        if self.rng.random() < 0.7:
            self._arrive()

    def _arrive(self) -> None:
        self.machine.arrive(self.rng.choice((997, 20_011, 55_001)))

    def _leave(self) -> None:
        self.machine.leave()

    def _step_clock(self) -> None:
        if not self._is_exact:
            self.machine.step_system_clock(self.rng.choice((-1, 1)) * self.rng.choice(_STEPS_MS))

    def _slew(self) -> None:
        if not self._is_exact:
            rates = (0.0, 0.0, HARD_SLEW, -HARD_SLEW, 20e-6, _LEAP_SMEAR, -_LEAP_SMEAR)
            self.machine.slew(self.rng.choice(rates))

    def _switch_network(self) -> None:
        self.program.network.is_up = self.rng.random() < 0.6

    def _ask(self) -> None:
        """Ask for what a window shows."""
        for command in (GetStatus(), GetDiary(), Sync()):
            self.program.do(command)
            self._advance_truth()

    def _decide_on_snapshot(self) -> None:
        answer = self.program.do(GetStatus())
        if not isinstance(answer, StatusAnswer) or answer.status.snapshot is None:
            return
        shown = answer.status.snapshot
        if shown.status is SnapshotStatus.HELD:
            self.program.do(self.rng.choice((BlurSnapshot, WithholdSnapshot))(shown.id))

    def _break_disk(self) -> None:
        """Let the disk fail for a while; what is worked meanwhile is committed once it is mended."""
        if self._has_disk:
            self.program.disk.trouble = self.rng.choice(("full", "broken"))
            self._pass(self.rng.randint(1, 120) * _S)
            if self.rng.random() < 0.3:
                self.rng.choice((RealTimeline._lock, RealTimeline._start, RealTimeline._set_memo))(self)
                self._pass(self.rng.randint(1, 20) * _S)
            self._mend_disk()

    def _mend_disk(self) -> None:
        if self.program.disk.trouble is not None:
            self.program.disk.trouble = None
            self._pass(2 * _TICK_MS)

    def _break_input(self) -> None:
        """Let the counting of input fail, or work again; time goes on all the same."""
        if self.program.input.lost is None:
            self.program.input.die("The display is gone. Daybook counts again by itself.")
        else:
            self.program.input.lost = None

    def _arm_death(self) -> None:
        """Let the process die at one of the next calls to the disk, while the person is there."""
        if self._has_disk and self.machine.input.present_from_t is not None:
            self.program.disk.dies_in = self.rng.randint(1, 12)
            self._pass(self.rng.randint(1, 30) * _S)
            self.program.disk.dies_in = None

    def _checkpoint(self) -> None:
        self.program.checkpoint()

    def _settle(self) -> None:
        """Come to rest: everything is stopped, corrected, sealed and sent."""
        self._mend_disk()
        self.program.network.settle()
        if self.truth.mode != "stopped":
            self._do(Stop(), self.truth.stop)
        for _ in range(2):
            self.program.do(Sync())
            self._advance_truth()
            self._pass(7 * _MINUTE)
        self.program.do(Sync())

    # Looking

    def _look_into_it(self, *, is_over: bool) -> tuple[int, int]:
        return (0, 0) if self._problems else self.audit.check(is_over=is_over)

    def _see_grab(self) -> None:
        """Nothing is captured while the timer is stopped, paused, idle, locked or suspended."""
        truth = copy.deepcopy(self.truth)
        self._advance(truth)
        self.counts["grabs"] = self.counts.get("grabs", 0) + 1
        if truth.mode != "tracking" or truth.is_locked:
            locked = ", locked" if truth.is_locked else ""
            self._problems.append(f"t={self.machine.t}: a picture was taken while {truth.mode}{locked}")


def run(seed: int, *, sabotage: RealSabotage | None = None, awake_ms: int | None = None) -> Result:
    """Live through one timeline."""
    with tempfile.TemporaryDirectory(prefix="daybook-simulation-", dir=FAST_FOLDER) as folder:
        timeline = RealTimeline(seed, Path(folder) / "data", sabotage or RealSabotage(), awake_ms)
        try:
            return timeline.run()
        except (WrongError, StuckError) as error:
            days = timeline.machine.t / _DAY
            return Result(seed, str(error), days, 0, 0, 0, timeline.counts.get("facts", 0))


_FACTS: tuple[tuple[Callable[[RealTimeline], None], int], ...] = (
    (RealTimeline._start, 24),
    (RealTimeline._stop, 5),
    (RealTimeline._set_memo, 8),
    (RealTimeline._declare, 8),
    (RealTimeline._lock, 6),
    (RealTimeline._unlock, 10),
    (RealTimeline._nap, 5),
    (RealTimeline._reboot, 2),
    (RealTimeline._crash, 3),
    (RealTimeline._choose, 12),
    (RealTimeline._step_clock, 2),
    (RealTimeline._slew, 1),
    (RealTimeline._switch_network, 5),
    (RealTimeline._ask, 4),
    (RealTimeline._decide_on_snapshot, 4),
    (RealTimeline._break_disk, 3),
    (RealTimeline._break_input, 2),
    (RealTimeline._arm_death, 4),
    (RealTimeline._checkpoint, 4),
    (RealTimeline._arrive, 16),
    (RealTimeline._leave, 10),
)
