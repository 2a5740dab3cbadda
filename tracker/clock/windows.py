"""The clocks of Windows 10 and later; written from its documentation, unproven on Windows.

Interrupt time counts from the boot and is not disciplined; the unbiased one leaves out sleep and hibernation, so only
these part the two. Python's `time.monotonic` is neither: GetTickCount64 up to 3.12 and QueryPerformanceCounter from
3.13, which both run on in sleep. Modern Standby is no sleep to the kernel (the system stays in its working state), so
both run on in it; there the power events and the missing input must tell.
"""

import ctypes
import struct
import time
from ctypes import wintypes
from typing import Any, Final, Protocol

_TICK_NS: Final = 100
_TICKS_A_SECOND: Final = 10_000_000
_SYSTEM_TIME_OF_DAY_INFORMATION: Final = 3


class Kernel(Protocol):
    """What of Windows is called."""

    def unbiased_ticks(self) -> int:
        """Read the interrupt time without sleep, in 100 ns."""
        ...

    def interrupt_ticks(self) -> int:
        """Read the interrupt time, in 100 ns."""
        ...

    def time_of_day(self) -> bytes | None:
        """Read SYSTEM_TIMEOFDAY_INFORMATION; None where it is refused."""
        ...


class WindowsClocks:
    """Reads the interrupt time.

    Args:
        kernel: answers the calls; None takes the system's.
    """

    def __init__(self, kernel: Kernel | None = None) -> None:
        self._kernel = kernel or DllKernel()

    def boot_id(self) -> str | None:
        """Name the boot by its instant as it was first known, in seconds since 1601.

        Whenever the clock is set, the kernel moves BootTime by the same amount, and adds that amount to BootTimeBias;
        their difference therefore stays. A start after a "fast" shutdown goes on in the same boot, as its clocks do.
        """
        information = self._kernel.time_of_day()
        if information is None:
            return None
        # LARGE_INTEGER BootTime, CurrentTime, TimeZoneBias; ULONG TimeZoneId, Reserved; ULONGLONG BootTimeBias, …
        boot_ticks, _, _, _, _, bias_ticks = struct.unpack_from("<qqqIIq", information)
        return f"boot {(boot_ticks - bias_ticks) // _TICKS_A_SECOND}"

    def boot_ns(self) -> int:
        """Read QueryInterruptTime."""
        return self._kernel.interrupt_ticks() * _TICK_NS

    def mono_ns(self) -> int:
        """Read QueryUnbiasedInterruptTime."""
        return self._kernel.unbiased_ticks() * _TICK_NS

    def system_ns(self) -> int:
        """Read the system time."""
        return time.time_ns()


class DllKernel:
    """Calls kernel32, kernelbase and ntdll.

    Args:
        load: gives a library by its name; None takes `ctypes.WinDLL`, which Windows alone has.
    """

    def __init__(self, load: Any = None) -> None:
        load = load or getattr(ctypes, "WinDLL")  # noqa: B009 (type checkers know it on Windows alone)
        pointer = ctypes.POINTER(ctypes.c_ulonglong)
        self._unbiased = load("kernel32").QueryUnbiasedInterruptTime
        self._unbiased.argtypes, self._unbiased.restype = [pointer], wintypes.BOOL
        self._interrupt = load("kernelbase").QueryInterruptTime  # Windows 10; kernel32 does not forward it
        self._interrupt.argtypes, self._interrupt.restype = [pointer], None
        self._query = load("ntdll").NtQuerySystemInformation
        self._query.argtypes = [ctypes.c_int, ctypes.c_void_p, wintypes.ULONG, ctypes.POINTER(wintypes.ULONG)]
        self._query.restype = wintypes.LONG  # NTSTATUS: 0 is success

    def unbiased_ticks(self) -> int:
        """Call QueryUnbiasedInterruptTime; it fails only on a null pointer."""
        ticks = ctypes.c_ulonglong()
        self._unbiased(ctypes.byref(ticks))
        return ticks.value

    def interrupt_ticks(self) -> int:
        """Call QueryInterruptTime."""
        ticks = ctypes.c_ulonglong()
        self._interrupt(ctypes.byref(ticks))
        return ticks.value

    def time_of_day(self) -> bytes | None:
        """Call NtQuerySystemInformation(SystemTimeOfDayInformation)."""
        information = ctypes.create_string_buffer(48)
        written = wintypes.ULONG()
        status = self._query(_SYSTEM_TIME_OF_DAY_INFORMATION, information, len(information), ctypes.byref(written))
        return information.raw if status == 0 and written.value >= 40 else None
