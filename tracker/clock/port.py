"""The clock port: what a machine's clocks must give, and how they are read at one instant."""

import time
from typing import Final, Protocol
from uuid import uuid4

from tracker.domain.clock import Reading

_MS: Final = 1_000_000
_SKEW_NS: Final = _MS
_TRIES: Final = 20


class Clock(Protocol):
    """Where readings come from."""

    def read(self) -> Reading:
        """Read all clocks at one instant."""
        ...


class MachineClocks(Protocol):
    """The clocks of one platform, in nanoseconds.

    `boot_ns` and `mono_ns` must differ by suspension alone, since their difference is how it is found: both count in
    the same steps, and both are disciplined by the network's time or neither is.
    """

    def boot_id(self) -> str | None:
        """Name the boot that `boot_ns` and `mono_ns` count from, for as long as it lasts; None where it has no name."""
        ...

    def boot_ns(self) -> int:
        """Read the clock that runs on while the machine is suspended."""
        ...

    def mono_ns(self) -> int:
        """Read the clock that stands still meanwhile."""
        ...

    def system_ns(self) -> int:
        """Read the system's clock: UTC since 1970, as the person or the network set it."""
        ...


class ClocksTogether:
    """Reads a machine's clocks so closely together that no delay in between looks like suspension.

    The boot clock is read before and after the others. If the two are more than a millisecond apart, the process was
    preempted, or the machine suspended, in between, and all are read again; of twenty such tries the closest counts.

    Args:
        clocks: the machine's.
    """

    def __init__(self, clocks: MachineClocks) -> None:
        self._clocks = clocks
        # Without a name each run is a boot of its own: its time is provisional until the marketplace is reached, which
        # is safe; sharing a name would place this boot's times by the last one's clock.
        self._boot_id = clocks.boot_id() or f"run {uuid4()}"

    def read(self) -> Reading:
        """Read all clocks at one instant."""
        closest_ns, reading = self._try()
        for _ in range(_TRIES - 1):
            if closest_ns <= _SKEW_NS:
                break
            apart_ns, another = self._try()
            if apart_ns < closest_ns:
                closest_ns, reading = apart_ns, another
        return reading

    def _try(self) -> tuple[int, Reading]:
        before_ns = self._clocks.boot_ns()
        mono_ns = self._clocks.mono_ns()
        system_ns = self._clocks.system_ns()
        apart_ns = self._clocks.boot_ns() - before_ns
        return apart_ns, Reading(self._boot_id, before_ns // _MS, mono_ns // _MS, system_ns // _MS)


class OneClock:
    """A machine of an unknown sort: one clock for both, so suspension is not found by their difference."""

    def boot_id(self) -> None:
        """Know no name."""
        return

    def boot_ns(self) -> int:
        """Read the monotonic clock."""
        return time.monotonic_ns()

    def mono_ns(self) -> int:
        """Read the monotonic clock."""
        return time.monotonic_ns()

    def system_ns(self) -> int:
        """Read the system's clock."""
        return time.time_ns()
