"""The clocks of macOS; written from its documentation, unproven on a Mac.

CLOCK_UPTIME_RAW is mach_absolute_time, which stands still in sleep, and CLOCK_MONOTONIC_RAW is mach_continuous_time,
which runs on (clock_gettime(3)). Both are undisciplined readings of one counter. CLOCK_MONOTONIC would not do: it runs
on too, but is disciplined by the network's time, so that it drifts away from CLOCK_UPTIME_RAW as if the machine slept.
"""

import ctypes
import time
from collections.abc import Callable
from typing import Any, Final

_CLOCK_MONOTONIC_RAW: Final = 4  # <time.h>
_CLOCK_UPTIME_RAW: Final = 8
_UUID_BYTES: Final = 37  # with the zero at its end


class MacClocks:
    """Reads the two counters.

    Args:
        read_ns: reads the clock of a number, in nanoseconds.
        sysctl: reads the text of a name that sysctl(3) knows; None where it knows none.
    """

    def __init__(
        self,
        read_ns: Callable[[int], int] | None = None,
        sysctl: Callable[[bytes], bytes | None] | None = None,
    ) -> None:
        self._read_ns = read_ns or time.clock_gettime_ns
        self._sysctl = sysctl or sysctl_text

    def boot_id(self) -> str | None:
        """Read `kern.bootsessionuuid`; `kern.boottime` would change whenever the clock is set."""
        text = self._sysctl(b"kern.bootsessionuuid")
        return text.decode("ascii", "replace") if text else None

    def boot_ns(self) -> int:
        """Read CLOCK_MONOTONIC_RAW."""
        return self._read_ns(_CLOCK_MONOTONIC_RAW)

    def mono_ns(self) -> int:
        """Read CLOCK_UPTIME_RAW."""
        return self._read_ns(_CLOCK_UPTIME_RAW)

    def system_ns(self) -> int:
        """Read CLOCK_REALTIME."""
        return time.time_ns()


def sysctl_text(name: bytes, library: Any = None) -> bytes | None:
    """Read a text by `int sysctlbyname(const char *, void *, size_t *, void *, size_t)`.

    Args:
        name: as sysctl(8) lists it.
        library: has the function; None takes the process's own, with libSystem in it.
    """
    function = getattr(library or ctypes.CDLL(None), "sysctlbyname", None)
    if function is None:
        return None
    size_pointer = ctypes.POINTER(ctypes.c_size_t)
    function.argtypes = [ctypes.c_char_p, ctypes.c_void_p, size_pointer, ctypes.c_void_p, ctypes.c_size_t]
    function.restype = ctypes.c_int
    text = ctypes.create_string_buffer(_UUID_BYTES)
    size = ctypes.c_size_t(_UUID_BYTES)
    return text.value if function(name, text, ctypes.byref(size), None, 0) == 0 else None
