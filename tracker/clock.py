"""The only reader of clocks."""

import time
from pathlib import Path
from typing import Protocol

from tracker.domain.clock import Reading

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Where readings come from."""

    def read(self) -> Reading:
        """Read all clocks at one instant."""
        ...


class SystemClock:
    """The machine's clocks; on Linux boot time is CLOCK_BOOTTIME, which runs on in suspension."""

    def __init__(self) -> None:
        self._boot_id = _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.exists() else "unknown"

    def read(self) -> Reading:
        """Read all clocks at one instant."""
        boot_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return Reading(
            boot_id=self._boot_id,
            boot_ms=time.clock_gettime_ns(boot_clock) // 1_000_000,
            mono_ms=monotonic_ms(),
            system_utc_ms=time.time_ns() // 1_000_000,
        )


def monotonic_ms() -> int:
    """Read the monotonic clock, in milliseconds."""
    return time.monotonic_ns() // 1_000_000
