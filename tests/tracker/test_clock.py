"""The clocks: this machine's own, the other platforms' behind their calls, and readings that belong together."""

import ast
import ctypes
import itertools
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tracker
from tests.fakes.library import Library
from tracker import clock
from tracker.clock import SystemClock, monotonic_ms, port
from tracker.clock.linux import LinuxClocks
from tracker.clock.macos import MacClocks, sysctl_text
from tracker.clock.port import ClocksTogether, MachineClocks, OneClock
from tracker.clock.windows import DllKernel, WindowsClocks
from tracker.domain.clock import Reading
from tracker.domain.session import SUSPENSION_MS

MS = 1_000_000
START_NS = 1_000_000 * MS


class VirtualClocks:
    """A machine that is preempted or suspended at will, before the nth call."""

    def __init__(self, delays_ns: dict[int, int] | None = None, suspensions_ns: dict[int, int] | None = None) -> None:
        self._delays_ns = delays_ns or {}
        self._suspensions_ns = suspensions_ns or {}
        self.calls = 0
        self.now_ns = START_NS
        self.asleep_ns = 0

    def _step(self) -> None:
        self.now_ns += 1_000 + self._delays_ns.get(self.calls, 0)  # a microsecond for each call
        self.asleep_ns += self._suspensions_ns.get(self.calls, 0)
        self.calls += 1

    def boot_id(self) -> str | None:
        return "boot"

    def boot_ns(self) -> int:
        self._step()
        return self.now_ns + self.asleep_ns

    def mono_ns(self) -> int:
        self._step()
        return self.now_ns

    def system_ns(self) -> int:
        self._step()
        return self.now_ns + self.asleep_ns + 500 * MS


def _asleep_ms(reading: Reading) -> int:
    return reading.boot_ms - reading.mono_ms


# One reading.


@pytest.mark.parametrize("call", range(8))
@pytest.mark.parametrize("delay_ms", [1, 3, 50, 3_000, 3_600_000])
def test_a_preemption_anywhere_in_a_reading_is_no_suspension(call: int, delay_ms: int) -> None:
    clocks = ClocksTogether(VirtualClocks(delays_ns={call: delay_ms * MS}))

    first, second = clocks.read(), clocks.read()

    assert abs(_asleep_ms(first)) <= 2
    assert abs(_asleep_ms(second)) <= 2
    assert abs(first.system_utc_ms - first.boot_ms - 500) <= 2, "the system's clock belongs to the same instant"


def test_without_reading_again_a_preemption_would_look_like_suspension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "_TRIES", 1)
    clocks = ClocksTogether(VirtualClocks(delays_ns={5: 3_000 * MS}))  # before the second reading's monotonic clock

    first, second = clocks.read(), clocks.read()

    assert _asleep_ms(first) - _asleep_ms(second) > SUSPENSION_MS


@pytest.mark.parametrize("call", range(8))
def test_a_suspension_in_the_middle_of_a_reading_is_whole_or_absent(call: int) -> None:
    hour_ms = 3_600_000
    clocks = ClocksTogether(VirtualClocks(suspensions_ns={call: hour_ms * MS}))

    asleep = [_asleep_ms(clocks.read()) for _ in range(3)]

    assert all(min(abs(one), abs(one - hour_ms)) <= 2 for one in asleep)
    assert abs(asleep[-1] - hour_ms) <= 2, "and it is not lost"


@settings(deadline=None)  # a loaded machine is no failure
@given(
    delays=st.dictionaries(st.integers(0, 200), st.integers(0, 100_000), max_size=18),
    suspensions=st.dictionaries(st.integers(0, 200), st.integers(2_000, 10**9), max_size=3),
)
def test_readings_differ_by_suspension_alone(delays: dict[int, int], suspensions: dict[int, int]) -> None:
    machine = VirtualClocks({call: ms * MS for call, ms in delays.items()}, _in_ns(suspensions))
    clocks = ClocksTogether(machine)

    for _ in range(10):
        asleep_before_ns = machine.asleep_ns
        found_ms = _asleep_ms(clocks.read())
        assert min(abs(found_ms - one // MS) for one in (asleep_before_ns, machine.asleep_ns)) <= 2 or (
            asleep_before_ns // MS <= found_ms <= machine.asleep_ns // MS + 2
        )


def _in_ns(durations_ms: dict[int, int]) -> dict[int, int]:
    return {call: ms * MS for call, ms in durations_ms.items()}


def test_a_machine_that_is_always_slow_gives_the_closest_reading() -> None:
    delays_ns = dict.fromkeys(range(1000), 40 * MS)
    delays_ns |= dict.fromkeys(range(28, 32), 5 * MS)  # the eighth try

    machine = VirtualClocks(delays_ns)
    assert abs(_asleep_ms(ClocksTogether(machine).read())) <= 6
    assert machine.calls == 80, "it gives up after twenty"


def test_a_calm_machine_is_asked_once() -> None:
    machine = VirtualClocks()
    ClocksTogether(machine).read()

    assert machine.calls == 4


# This machine.


def test_this_machine_counts_at_the_rate_of_its_clocks_and_never_back() -> None:
    system = SystemClock()
    readings = [system.read() for _ in range(5_000)]

    apart = [_asleep_ms(reading) for reading in readings]
    assert max(apart) - min(apart) <= 3, "milliseconds, from rounding both and from the skew allowed"
    assert all(one.mono_ms <= other.mono_ms for one, other in itertools.pairwise(readings))
    assert all(one.boot_ms <= other.boot_ms for one, other in itertools.pairwise(readings))
    assert abs(readings[-1].system_utc_ms - time.time_ns() // MS) < 1_000
    assert len({reading.boot_id for reading in readings}) == 1


def test_linux_gives_the_kernels_own_clocks() -> None:
    clocks = LinuxClocks()
    before_ns, mono_ns, after_ns = time.monotonic_ns(), clocks.mono_ns(), time.monotonic_ns()
    before_s = float(Path("/proc/uptime").read_text().split()[0])  # boot time, in hundredths
    boot_ns = clocks.boot_ns()
    after_s = float(Path("/proc/uptime").read_text().split()[0])

    assert before_ns <= mono_ns <= after_ns
    assert before_s <= boot_ns / 1e9 <= after_s + 0.01


def test_the_two_ways_to_read_the_monotonic_clock_are_one_clock() -> None:
    before, reading, after = monotonic_ms(), SystemClock().read(), monotonic_ms()

    assert before <= reading.mono_ms <= after


def test_processes_of_one_boot_agree_on_it() -> None:
    program = "from tracker.clock import SystemClock; print(SystemClock().read().boot_id)"
    others = {subprocess.check_output([sys.executable, "-c", program], text=True).strip() for _ in range(2)}

    assert others == {SystemClock().read().boot_id}


def test_a_boot_without_a_name_is_shared_by_no_two_runs(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "garbage").write_bytes(b"\xff\xfe")
    nameless: list[MachineClocks] = [
        *(LinuxClocks(tmp_path / name) for name in ("missing", "empty", "garbage")),
        MacClocks(lambda _number: 0, lambda _name: None),
        WindowsClocks(FakeKernel(refuses=True)),
        OneClock(),
    ]
    for clocks in nameless:
        assert clocks.boot_id() is None
        one, other = ClocksTogether(clocks).read(), ClocksTogether(clocks).read()
        assert one.boot_id != other.boot_id


def test_only_the_clock_reads_the_clock_and_it_asks_no_platforms_name() -> None:
    root = Path(tracker.__file__).parent
    reading = re.compile(r"^(time|monotonic|perf_counter|clock_gettime)(_ns)?$")
    readers, askers = set(), set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "time" and reading.match(node.attr):
                    readers.add(path.relative_to(root).parts[0])
                if (node.value.id, node.attr) == ("sys", "platform"):
                    askers.add(path.relative_to(root).as_posix())

    assert readers == {"clock"}
    assert askers <= {"capture/platform.py"}


# The other platforms, behind their calls.


class FakeKernel:
    def __init__(self, *, refuses: bool = False) -> None:
        self.boot_ticks = 133_800_000_000_000_000
        self.bias_ticks = 0
        self.asleep_ticks = 0
        self.ticks = 50_000_000
        self._refuses = refuses

    def unbiased_ticks(self) -> int:
        return self.ticks

    def interrupt_ticks(self) -> int:
        return self.ticks + self.asleep_ticks

    def time_of_day(self) -> bytes | None:
        if self._refuses:
            return None
        now = self.boot_ticks + self.ticks
        return struct.pack("<qqqIIQQ", self.boot_ticks, now, 0, 2, 0, self.bias_ticks & (2**64 - 1), 0)

    def set_clock(self, seconds: int) -> None:
        self.boot_ticks += seconds * 10_000_000
        self.bias_ticks += seconds * 10_000_000


def test_windows_sleep_parts_its_two_clocks() -> None:
    kernel = FakeKernel()
    clocks = ClocksTogether(WindowsClocks(kernel))
    first = clocks.read()
    kernel.ticks += 30_000_000  # 3 s awake
    kernel.asleep_ticks += 36_000_000_000  # 1 h asleep
    second = clocks.read()

    assert second.mono_ms - first.mono_ms == 3_000
    assert second.boot_ms - first.boot_ms == 3_603_000


@pytest.mark.parametrize("seconds", [1, -1, 3_600, -86_400 * 365 * 3, 86_400 * 365 * 75])
def test_windows_boot_keeps_its_name_when_the_clock_is_set(seconds: int) -> None:
    kernel = FakeKernel()
    before = WindowsClocks(kernel).boot_id()
    kernel.set_clock(seconds)

    assert WindowsClocks(kernel).boot_id() == before
    kernel.boot_ticks += 10_000_000  # another boot
    assert WindowsClocks(kernel).boot_id() != before


def _put(ticks: int) -> Callable[[Any], int]:
    def act(pointer: Any) -> int:
        pointer._obj.value = ticks
        return 1

    return act


def test_windows_calls_are_made_as_they_are_declared() -> None:
    information = FakeKernel().time_of_day()
    assert information is not None

    def query(kind: int, buffer: Any, size: int, written: Any) -> int:
        assert (kind, size) == (3, 48)
        ctypes.memmove(buffer, information, 48)
        written._obj.value = 48
        return 0

    libraries = {
        "kernel32": Library(QueryUnbiasedInterruptTime=_put(7)),
        "kernelbase": Library(QueryInterruptTime=_put(2**63 + 1)),
        "ntdll": Library(NtQuerySystemInformation=query),
    }
    kernel = DllKernel(libraries.__getitem__)

    assert (kernel.unbiased_ticks(), kernel.interrupt_ticks()) == (7, 2**63 + 1)
    assert WindowsClocks(kernel).boot_id() == "boot 13380000000"


def test_a_windows_that_refuses_the_boot_time_leaves_the_boot_nameless() -> None:
    refusing = Library(NtQuerySystemInformation=lambda *_: -1073741823)
    fine = Library(QueryUnbiasedInterruptTime=_put(1), QueryInterruptTime=_put(1))
    kernel = DllKernel({"kernel32": fine, "kernelbase": fine, "ntdll": refusing}.__getitem__)

    assert WindowsClocks(kernel).boot_id() is None


def test_mac_sleep_parts_its_two_clocks_which_are_both_raw() -> None:
    counters = {4: 10 * MS, 8: 10 * MS}  # CLOCK_MONOTONIC_RAW, CLOCK_UPTIME_RAW; any other number is a KeyError
    clocks = ClocksTogether(MacClocks(counters.__getitem__, {b"kern.bootsessionuuid": b"5C1D"}.get))
    first = clocks.read()
    counters[4] += 3_600_000 * MS
    second = clocks.read()

    assert (first.boot_id, first.boot_ms, first.mono_ms) == ("5C1D", 10, 10)
    assert (second.boot_ms, second.mono_ms) == (3_600_010, 10)


def test_mac_calls_are_made_as_they_are_declared() -> None:
    def sysctlbyname(name: bytes, buffer: Any, size: Any, new: object, new_size: int) -> int:
        assert (size._obj.value, new, new_size) == (37, None, 0)
        if name != b"kern.bootsessionuuid":
            return -1
        buffer.value = b"0F4A8F2C-8770-48F7-8178-A6D8662E8F30"
        return 0

    library = Library(sysctlbyname=sysctlbyname)

    assert sysctl_text(b"kern.bootsessionuuid", library) == b"0F4A8F2C-8770-48F7-8178-A6D8662E8F30"
    assert sysctl_text(b"kern.other", library) is None
    assert sysctl_text(b"kern.bootsessionuuid", Library()) is None


@pytest.mark.parametrize(
    ("has_boottime", "has_uptime_raw", "has_windll", "chosen"),
    [
        (True, False, False, "LinuxClocks"),
        (False, True, False, "MacClocks"),
        (False, False, True, "WindowsClocks"),
        (False, False, False, "OneClock"),
    ],
)
def test_the_clocks_are_chosen_by_what_the_machine_has(
    has_boottime: bool, has_uptime_raw: bool, has_windll: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_boottime:
        monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    if has_uptime_raw:
        monkeypatch.setattr(time, "CLOCK_UPTIME_RAW", 8, raising=False)
    if has_windll:
        library = Library(
            QueryUnbiasedInterruptTime=_put(1), QueryInterruptTime=_put(1), NtQuerySystemInformation=_put(1)
        )
        monkeypatch.setattr(ctypes, "WinDLL", lambda _name: library, raising=False)

    assert type(clock._machine_clocks.__wrapped__()).__name__ == chosen
