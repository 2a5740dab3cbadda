"""Holds what a buffer holds to the truth: the work, where it lies in time, the keys, the chain, the pictures."""

import copy
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import msgspec

from tests.simulation import ledger
from tests.simulation.comparison import Comparison, WrongError, merged
from tests.simulation.driver import Entry
from tests.simulation.machine import Machine
from tests.simulation.program import Program
from tests.simulation.truth import Stretch, Truth
from tests.simulation.world import HARD_SLEW, MISREAD_MS
from tests.simulation.zones import shown_and_read_again, totals, zones
from tracker.commands import GetStatus, StatusAnswer
from tracker.domain.clock import Timebase
from wire.words import Kind


@dataclass
class Audit:
    """Looks into the buffer of a program that runs, and raises WrongError where it is wrong.

    Args:
        machine: what it runs on.
        program: whose buffer.
        truth: what was worked.
        start_utc_ms: the marketplace's clock at running time 0.
        is_exact: whether clocks are read and set to the millisecond.

    `boot_of` tells each memo's boot: a memo is given once, so that work is known by it. `certain_boots` are those that
    made a contact.
    """

    machine: Machine
    program: Program
    truth: Truth
    start_utc_ms: int
    is_exact: bool
    boot_of: dict[str, str] = field(default_factory=dict)
    certain_boots: set[str] = field(default_factory=set)
    deaths: int = 0

    def note_boot(self) -> None:
        """Note whether this boot's time has become certain."""
        kept = self.program.buffer.settings.get("timebase")
        if kept is not None:
            anchor = msgspec.json.decode(kept, type=Timebase).current
            if not anchor.is_provisional:
                self.certain_boots.add(anchor.boot_id)

    def check(self, *, is_over: bool) -> tuple[int, int]:
        """Hold the buffer to the truth as it is now; gives what is rightly lacking, and the time recorded."""
        self.note_boot()
        read = ledger.read(self.program.buffer, self.program.rules)
        if is_over:
            self._check_rest()
        truth = copy.deepcopy(self.truth)
        entries = self._entries(read, truth, is_over=is_over)
        self._check_keys(read, is_over=is_over)
        truth.stretches = [one for one in truth.stretches if not self._is_unsure(one.memo)]
        sure = [one for one in entries if not self._is_unsure(one.memo)]
        comparison = Comparison(truth, 0 if self.is_exact else MISREAD_MS)
        lacking_ms = comparison.hold(sure)
        comparison.check_overlaps(entries)
        return lacking_ms, sum(one.end_ms - one.start_ms for one in entries)

    def _is_unsure(self, memo: str) -> bool:
        """Whether a time is of a boot without contact, on a clock that was set meanwhile: its place is a guess."""
        is_guessed = self.boot_of[memo] not in self.certain_boots
        return is_guessed and (self.machine.was_stepped or self.machine.was_slewed)

    def _entries(self, read: ledger.Ledger, truth: Truth, *, is_over: bool) -> list[Entry]:
        """Give what is recorded with where it lies in running time, by the first of each memo."""
        by_memo: dict[str, list[Stretch]] = {}
        for stretch in merged(truth.stretches):
            by_memo.setdefault(stretch.memo, []).append(stretch)
        offsets: dict[str, int] = {}
        of_boots: dict[str, int] = {}
        for one in sorted(read.work, key=lambda one: (one.kind is Kind.MANUAL, one.start_ms)):
            if one.memo not in by_memo:
                raise WrongError(f"{one} was never worked")
            if one.memo not in offsets:
                boot = self.boot_of[one.memo]
                is_known = boot in self.certain_boots or (is_over and not self._is_unsure(one.memo))
                near_ms = self.start_utc_ms if is_known else of_boots.get(boot)
                stretch, offset_ms = _placed(one, by_memo[one.memo], near_ms)
                if is_known:
                    self._check_place(one, stretch, offset_ms)
                offsets[one.memo] = of_boots[boot] = offset_ms
        return [
            Entry(
                one.contract, one.start_ms, one.end_ms, one.kind, one.memo, one.label, one.is_provisional,
                offsets[one.memo], 0, self.boot_of[one.memo], 0,
            )
            for one in read.work
        ]  # fmt: skip

    def _check_place(self, one: ledger.Recorded, stretch: Stretch, offset_ms: int) -> None:
        """Hold a timestamp to the marketplace's."""
        drift_ms = HARD_SLEW * self.machine.t if self.machine.was_slewed else 0
        misread_ms = 0 if self.is_exact else 4 * MISREAD_MS
        late_ms = offset_ms - self.start_utc_ms
        if abs(late_ms) > misread_ms + 2 * drift_ms:
            raise WrongError(f"{one} lies {late_ms} ms off {stretch}")

    def _check_keys(self, read: ledger.Ledger, *, is_over: bool) -> None:
        """No key is counted twice, and none is lost but with time that is."""
        handed_out = self.program.keys_handed_out
        if read.keys > handed_out:
            raise WrongError(f"{read.keys} keys are recorded, {handed_out} were counted")
        is_sure = not any(self._is_unsure(memo) for memo in self.boot_of)
        lost = 8 * self.deaths + 2 * len(self.truth.sleeps) + 2  # at 997 ms a key, in a tick's and a look's time
        if is_over and is_sure and read.keys < handed_out - lost:
            raise WrongError(f"{read.keys} keys are recorded, {handed_out} were counted, {self.deaths} deaths")

    def _check_rest(self) -> None:
        """Nothing is left in the journal, on its way or without a name."""
        buffer = self.program.buffer
        left = buffer.database.rows("SELECT count(*) FROM worked")[0][0]
        waiting = buffer.outbox.waiting()
        if left or waiting.segments or waiting.pictures or waiting.refused:
            status = self.program.do(GetStatus())
            notices = status.status.notices if isinstance(status, StatusAnswer) else ()
            raise WrongError(f"at rest {left} rows are not sealed, and waiting is {waiting}; {notices}")
        ledger.check_no_orphans(buffer)

    def check_zones(self) -> None:
        """Showing the sealed starts in every zone changes no week's total."""
        read = ledger.read(self.program.buffer, self.program.rules)
        starts_ms, worked_ms = list(read.sealed_starts_ms), list(read.sealed_worked_ms)
        for name in zones():
            zone = ZoneInfo(name)
            shown_ms = [shown_and_read_again(start_ms, zone) for start_ms in starts_ms]
            if totals(shown_ms, worked_ms) != totals(starts_ms, worked_ms):
                raise WrongError(f"the totals differ in {name}")


def _placed(one: ledger.Recorded, stretches: list[Stretch], near_ms: int | None) -> tuple[Stretch, int]:
    """Find the stretch that a memo's first entry is of, and UTC minus running time by it, near to what is known."""
    same = [stretch for stretch in stretches if stretch.kind is one.kind] or stretches
    sure = [one for one in same if one.end_t - one.start_t > one.late_ms + one.lost_ms] or same
    if near_ms is None:
        return sure[0], one.start_ms - sure[0].start_t
    stretch = min(sure, key=lambda found: abs(one.start_ms - found.start_t - near_ms))
    offset_ms = one.start_ms - stretch.start_t
    return stretch, near_ms if 0 < offset_ms - near_ms <= stretch.late_ms else offset_ms
