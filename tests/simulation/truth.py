"""What was worked on a simulated timeline, reckoned from the rules of PRODUCT.md without the machine under test.

It knows what no program can know (when a suspension began, when the power went) and says how much of a stretch the
timer may therefore lack. All instants are the running time `t`; nothing here looks at a tick.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from uuid import UUID

from tracker.domain.events import Declared, Terms
from wire.week import DAY_MS, day_start_ms, week_start_ms
from wire.words import Kind

LOST_LOOK_MS = 1000  # a suspension without a signal
LOST_TICK_MS = 5000  # a crash, a power cut
NEVER = 10**15
_NOBODY = UUID(int=0)
NEAR_MS = 100  # more than clocks are misread by


@dataclass(slots=True)
class Stretch:
    """Work without a break.

    Up to `late_ms` may be missing at its start, up to `lost_ms` at its end; `is_cut` tells that another device's clock
    ended it.
    """

    start_t: int
    end_t: int
    contract: UUID
    kind: Kind
    memo: str
    label: str | None
    late_ms: int = 0
    lost_ms: int = 0
    is_cut: bool = False


@dataclass
class Truth:
    """Follows a timeline, fact by fact; the methods are the facts, and tell whether they were allowed."""

    offset_ms: int = 0  # UTC minus t, for midnights
    t: int = 0
    stretches: list[Stretch] = field(default_factory=list)
    sleeps: list[tuple[int, int]] = field(default_factory=list)
    mode: str = "stopped"  # tracking, idle, locked, suspended, taken_over
    contract: UUID = _NOBODY
    memo: str = ""
    label: str | None = None
    declared: Declared | None = None
    is_locked: bool = False
    terms: Terms = field(default_factory=Terms)
    terms_t: int = 0
    since_t: int = 0  # where the open stretch begins
    given_back_ms: int = 0  # taken away since, from before the terms
    input_t: int = 0
    fresh_t: int = 0  # the last start after a break
    away: list[tuple[int, int, int, int]] = field(default_factory=list)  # start, end, late, lost
    is_away_cut: bool = False
    was_taken_over: bool = False
    away_from: tuple[int, int] | None = None

    # Time

    def advance_to(self, t: int, newest_input_t: int, *, is_present: bool) -> None:
        """Let time pass; while present, each input comes within the idle limit of the last."""
        if self.mode == "tracking" and not is_present:
            self.input_t = max(self.input_t, newest_input_t)
        while self.mode in ("tracking", "locked"):
            what, at = min(self._ends(is_present=is_present), key=lambda end: end[1], default=("", t + 1))
            if at > t:
                break
            self.t = max(self.t, at)
            getattr(self, what)()
        self.t = t
        if self.mode == "tracking":
            self.input_t = max(self.input_t, newest_input_t)

    def _ends(self, *, is_present: bool) -> list[tuple[str, int]]:
        """List what would end the present stretch, and when; of two at one instant, idleness comes first."""
        limit_ms = self.terms.idle_limit_s * 1000
        if self.mode == "locked":
            return [("_idle", self.input_t + limit_ms)]
        ends = []
        if self.declared is None and not is_present:
            ends.append(("_idle", self.input_t + limit_ms))
        if self.terms.stops_at_limit and self.terms.limit_left_ms is not None:
            ends.append(("stop", self._exhausted_t(self._limit_left, self.since_t)))
        if self.declared is not None:
            ends.append(("_use_up", self._exhausted_t(self._declared_left, self.since_t)))
        return ends

    def _exhausted_t(self, left: Callable[[int], int], since_t: int) -> int:
        """Give when an allowance runs out if work goes on: today's, or in one of the next days."""
        at = since_t
        for _ in range(40):
            next_day_t = day_start_ms(at + self.offset_ms) + DAY_MS - self.offset_ms
            left_ms = left(at)
            if at + left_ms < next_day_t:
                return at + max(0, left_ms)
            at = next_day_t
        return NEVER

    def _sum(self, from_t: int, to_t: int, kinds: tuple[Kind, ...]) -> int:
        lately = takewhile(lambda one: one.end_t > from_t, reversed(self.stretches))
        done = [
            min(one.end_t, to_t) - max(one.start_t, from_t)
            for one in lately
            if one.kind in kinds and one.contract == self.contract
        ]
        if self.mode == "tracking" and (Kind.TRACKED if self.declared is None else Kind.DECLARED) in kinds:
            done.append(to_t - max(self.since_t, from_t))
        return sum(ms for ms in done if ms > 0)

    def _limit_left(self, t: int) -> int:
        week_t = week_start_ms(t + self.offset_ms) - self.offset_ms
        if week_t <= self.terms_t:
            left_ms, from_t = self.terms.limit_left_ms, self.terms_t
            left_ms = None if left_ms is None else left_ms + self.given_back_ms
        else:
            left_ms, from_t = self.terms.limit_per_week_ms, week_t
        return NEVER if left_ms is None else left_ms - self._sum(from_t, t, tuple(Kind))

    def _declared_left(self, t: int) -> int:
        day_t = day_start_ms(t + self.offset_ms) - self.offset_ms
        if day_t <= self.terms_t:
            return self.terms.declared_left_ms - self._sum(self.terms_t, t, (Kind.DECLARED,))
        return self.terms.declared_per_day_ms - self._sum(day_t, t, (Kind.DECLARED,))

    def _close(self, end_t: int, lost_ms: int = 0) -> None:
        """End the open stretch."""
        if self.mode == "tracking" and end_t > self.since_t:
            kind = Kind.TRACKED if self.declared is None else Kind.DECLARED
            self.stretches.append(Stretch(self.since_t, end_t, self.contract, kind, self.memo, self.label, 0, lost_ms))
        self.since_t = end_t

    def _pause(self, mode: str, since_t: int) -> None:
        self.mode, self.declared = mode, None
        self.away, self.away_from, self.is_away_cut = [], (since_t, 0), False

    def _idle(self) -> None:
        self._close(self.t)
        self._cut(self.input_t)
        self._pause("idle", self.input_t)

    def _cut(self, from_t: int, *, is_elsewhere: bool = False) -> None:
        kept = []
        for one in self.stretches:
            one.is_cut |= is_elsewhere and one.kind is not Kind.MANUAL and one.end_t > from_t - NEAR_MS
            if one.kind is not Kind.MANUAL and one.end_t > from_t:
                self.given_back_ms += self._before_terms(one, from_t)
                if one.start_t >= from_t:
                    continue
                one.end_t, one.lost_ms = from_t, max(0, one.lost_ms - (one.end_t - from_t))
            kept.append(one)
        self.stretches = kept

    def _before_terms(self, one: Stretch, from_t: int) -> int:
        """Give how much of a stretch, from an instant on, the present terms took as this week's time worked."""
        week_t = week_start_ms(self.t + self.offset_ms) - self.offset_ms
        return max(0, min(one.end_t, self.terms_t) - max(one.start_t, from_t, week_t))

    def _use_up(self) -> None:
        self._close(self.t)
        self.declared, self.input_t = None, self.t
        if self.is_locked:
            self._pause("locked", self.t)

    def _track(self) -> None:
        self.mode, self.since_t, self.input_t = "tracking", self.t, self.t
        self.away, self.away_from = [], None
        if self.terms.stops_at_limit and self._limit_left(self.t) <= 0:
            self.stop()
        elif self.is_locked:
            self._pause("locked", self.t)

    # Facts

    def start(self, contract: UUID, memo: str, label: str | None, terms: Terms) -> bool:
        if terms.stops_at_limit and terms.limit_left_ms is not None and terms.limit_left_ms <= 0:
            return False
        self._close(self.t)
        if self.mode != "tracking":
            self.fresh_t = self.t
        self.contract, self.memo, self.label, self.terms, self.terms_t = contract, memo, label, terms, self.t
        self.declared, self.given_back_ms = None, 0
        self._track()
        return True

    def stop(self) -> None:
        self._close(self.t)
        self.mode, self.declared, self.away, self.away_from = "stopped", None, [], None

    def die(self) -> None:
        """The process or the power is gone; at most one tick's time with it."""
        self._close(self.t, LOST_TICK_MS)
        if self.sleeps and self.t <= self.sleeps[-1][1] + LOST_LOOK_MS:  # died before it had looked
            for one in self.stretches:
                if one.end_t == self.sleeps[-1][0] and one.lost_ms:
                    one.lost_ms = LOST_TICK_MS
        self.stop()

    def set_memo(self, memo: str) -> None:
        self._close(self.t)
        self.memo = memo

    def set_label(self, label: str | None) -> None:
        self._close(self.t)
        self.label = label

    def declare(self, declared: Declared | None) -> bool:
        if declared is None and self.declared is None:
            return True
        if self.mode != "tracking" or (declared is not None and self._declared_left(self.t) <= 0):
            return False
        self._close(self.t)
        self.declared, self.input_t = declared, self.t
        if declared is None and self.is_locked:
            self._pause("locked", self.t)
        return True

    def new_terms(self, terms: Terms) -> None:
        self._close(self.t)
        self.terms, self.terms_t, self.given_back_ms = terms, self.t, 0
        if self.mode == "tracking":
            if terms.stops_at_limit and terms.limit_left_ms is not None and terms.limit_left_ms <= 0:
                self.stop()
            elif self.declared is not None and terms.declared_left_ms <= 0:
                self._use_up()

    def lock(self) -> None:
        self.is_locked = True
        if self.mode == "tracking" and self.declared is None:
            self._close(self.t)
            self._pause("locked", self.t)

    def unlock(self) -> None:
        self.is_locked = False
        if self.mode == "locked":
            self._track()

    def sleep(self, ms: int, *, is_signalled: bool, is_noticed: bool) -> None:
        """Sleep; advance time by as much. The end of it may be noticed at once, or by the next look."""
        lost_ms = 0 if is_signalled else LOST_LOOK_MS
        if self.mode == "tracking":
            self._close(self.t, lost_ms)
            self._pause("suspended", self.t)
        elif self.mode == "locked":
            self.mode = "suspended"
        self._end_away(lost_ms)
        self.sleeps.append((self.t, self.t + ms))
        self.t += ms
        if self.mode not in ("stopped", "taken_over"):
            self.away_from = (self.t, 0 if is_noticed else LOST_LOOK_MS)

    def _end_away(self, lost_ms: int) -> None:
        if self.away_from is not None and self.t > self.away_from[0]:
            self.away.append((self.away_from[0], self.t, self.away_from[1], lost_ms))
        self.away_from = None

    def discard(self) -> bool:
        if self.mode in ("stopped", "tracking"):
            return False
        self._track()
        return True

    def keep(self, *, contract: UUID | None = None, memo: str = "", terms: Terms | None = None) -> bool:
        """Keep the time away, on another contract if one is named."""
        if self.mode in ("stopped", "tracking") or not (terms or self.terms).allows_manual_time:
            return False
        if contract is not None and (contract == self.contract or not memo.strip()):
            return False
        self._end_away(0)
        for start_t, end_t, late_ms, lost_ms in self.away:
            if contract is None:
                one = Stretch(start_t, end_t, self.contract, Kind.MANUAL, self.memo, self.label, late_ms, lost_ms)
            else:
                one = Stretch(start_t, end_t, contract, Kind.MANUAL, memo, None, late_ms, lost_ms)
            if contract is None:
                self.given_back_ms -= self._before_terms(one, start_t)
            one.is_cut = self.is_away_cut
            self.stretches.append(one)
        self._track()
        return True

    def take_over(self, at_t: int) -> None:
        self.was_taken_over = True
        self._close(self.t)
        self._cut(at_t, is_elsewhere=True)
        if self.mode == "stopped":
            return
        if self.mode == "tracking":
            self._pause("taken_over", self.t)
            self.away_from = None
        self._end_away(0)
        self.mode, self.is_away_cut = "taken_over", True
        self.away = [
            (start_t, min(end_t, at_t), late_ms, max(0, lost_ms - max(0, end_t - at_t)))
            for start_t, end_t, late_ms, lost_ms in self.away
            if start_t < at_t
        ]
