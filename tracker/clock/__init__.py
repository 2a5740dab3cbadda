"""The only readers of clocks."""

import functools
import time

from tracker.clock.port import Clock, ClocksTogether, MachineClocks, OneClock

__all__ = ["Clock", "MachineClocks", "SystemClock", "monotonic_ms"]


class SystemClock(ClocksTogether):
    """This machine's clocks."""

    def __init__(self) -> None:
        super().__init__(_machine_clocks())


def monotonic_ms() -> int:
    """Read the monotonic clock, in milliseconds; it is the one that readings have.

    Not `time.monotonic`: on Windows that runs on in suspension.
    """
    return _machine_clocks().mono_ns() // 1_000_000


@functools.cache
def _machine_clocks() -> MachineClocks:
    """Take the clocks that this machine has; what it has is asked, not what it is called."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        from tracker.clock.linux import LinuxClocks  # noqa: PLC0415 (what it needs is there on Linux alone)

        return LinuxClocks()
    if hasattr(time, "CLOCK_UPTIME_RAW"):
        from tracker.clock.macos import MacClocks  # noqa: PLC0415 (likewise, macOS)

        return MacClocks()
    import ctypes  # noqa: PLC0415 (the others need it less)

    if hasattr(ctypes, "WinDLL"):
        from tracker.clock.windows import WindowsClocks  # noqa: PLC0415 (likewise, Windows)

        return WindowsClocks()
    return OneClock()
