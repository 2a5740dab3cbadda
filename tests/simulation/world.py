"""The machine and the marketplace of a simulated timeline: clocks, power and the person's input; no wall clock.

Everything is computed from one running time `t` in milliseconds: the machine's own, with sleep and power cuts in it.
"""

import random
from dataclasses import dataclass

from tracker.domain.clock import Reading

HARD_SLEW = 500e-6  # the most that NTP slews; a leap smear is gentler


@dataclass
class Input:
    """The person's hands: while present, input comes once in a period; `last_mono_ms` is the newest before."""

    last_mono_ms: int = 0
    present_from_t: int | None = None
    period_ms: int = 1


class World:
    """Clocks that are wrong in every way that clocks are.

    Args:
        rng: draws the misreadings.
        start_utc_ms: the marketplace's clock at t = 0.
        is_misread: whether readings are a little apart from each other, as two system calls are.
    """

    def __init__(self, rng: random.Random, start_utc_ms: int, *, is_misread: bool) -> None:
        self.rng = rng
        self.t = 0
        self.input = Input()
        self._is_misread = is_misread
        self._start_utc_ms = start_utc_ms
        self.boots = 0
        self.boot_t = 0
        self._asleep_ms = 0
        self._system_error_ms = 0
        self._rate, self._rate_since_t, self._drift_ms = 0.0, 0, 0.0

    def boot(self) -> None:
        self.boots += 1
        self.boot_t = self.t - 1000
        self._asleep_ms = 0
        self.input = Input()

    def sleep(self, ms: int) -> None:
        self.leave()
        self._asleep_ms += ms
        self.t += ms

    def step_system_clock(self, ms: int) -> None:
        self._system_error_ms += ms

    def slew(self, rate: float) -> None:
        """Let the machine's clocks run so much slower than the marketplace's."""
        self._drift_ms = self._drift()
        self._rate, self._rate_since_t = max(-HARD_SLEW, min(HARD_SLEW, rate)), self.t

    def market_utc_ms(self) -> int:
        return self._start_utc_ms + self.t + round(self._drift())

    def _drift(self) -> float:
        return self._drift_ms + self._rate * (self.t - self._rate_since_t)

    def mono_ms(self) -> int:
        return self.t - self.boot_t - self._asleep_ms

    def read(self) -> Reading:
        lag_ms = self.rng.choice(_LAGS_MS) if self._is_misread else 0
        return Reading(
            boot_id=str(self.boots),
            boot_ms=self.t - self.boot_t - lag_ms,
            mono_ms=self.mono_ms(),
            system_utc_ms=self._start_utc_ms + self.t + self._system_error_ms,
        )

    def arrive(self, period_ms: int) -> None:
        self.leave()
        self.input.present_from_t, self.input.period_ms = self.t, period_ms

    def leave(self) -> None:
        self.input = Input(self.last_input_mono_ms())

    def last_input_mono_ms(self) -> int:
        """Give the newest input as the desktop reports it."""
        since_t, period_ms = self.input.present_from_t, self.input.period_ms
        if since_t is None:
            return self.input.last_mono_ms
        return self.mono_ms() - (self.t - since_t) % period_ms


_LAGS_MS = (0,) * 12 + (1, 1, -1, 2, 40)
MISREAD_MS = 45  # what such lags can shift a timestamp by
