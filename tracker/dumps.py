"""Keeps the tracker's memory, with the buffer's key and what a screen showed, out of core dumps and other programs.

What a system has is asked for, not what it is called: where one of these means is missing, nothing is done.
"""

import contextlib
import ctypes
from pathlib import Path

_PR_SET_DUMPABLE = 4  # linux/prctl.h
_FILTER = Path("/proc/self/coredump_filter")


def forbid_core_dumps() -> None:
    """Let a crash leave no picture of the memory, neither in a file nor with a crash reporter."""
    try:
        import resource  # noqa: PLC0415 (Windows has none)
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Linux gives a reporter that the dump is piped to everything in spite of the limit, less what this leaves out.
    with contextlib.suppress(OSError):
        _FILTER.write_text("0", encoding="ascii")


def hide_memory() -> None:
    """Let no other program of the same person read the memory, and no debugger take hold of it (Linux alone).

    The desktop's portals look into /proc to see who asks them, and refuse whom they cannot look at: whatever still has
    to introduce itself to one must not have called this (ADR 38).
    """
    if _FILTER.exists():
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
