"""The clocks of Linux: CLOCK_MONOTONIC stands still in suspension, CLOCK_BOOTTIME is it plus all suspensions."""

import time
from pathlib import Path
from typing import Final

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class LinuxClocks:
    """Both clocks come from one counter at one disciplined rate (kernel, timekeeping.c), so only suspension parts them.

    Args:
        boot_id: the file that holds the boot's name.
    """

    def __init__(self, boot_id: Path = _BOOT_ID) -> None:
        self._boot_id = boot_id

    def boot_id(self) -> str | None:
        """Read the kernel's random name of this boot."""
        try:
            return self._boot_id.read_text(encoding="ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def boot_ns(self) -> int:
        """Read CLOCK_BOOTTIME."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def mono_ns(self) -> int:
        """Read CLOCK_MONOTONIC."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def system_ns(self) -> int:
        """Read CLOCK_REALTIME."""
        return time.time_ns()
