"""What a running tracker takes of a machine, seen from outside: memory, processor time, and the time to its tray icon.

The desktop is a virtual one of 1920 × 1080; the tracker is logged in at a marketplace on the same machine, tracks, and
has taken one snapshot before anything is measured, since the first one loads code that stays.
"""

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from benchmarks.table import Figure
from stage import browser, screen
from stage.desktop import virtual_desktop
from stage.processes import Process
from stage.servers import Marketplace
from stage.tracker import Tracker
from stage.waiting import until

_SETTLE_S = 10.0
_CPU_OVER_S = 60.0
_STARTS = 5
_MB = 1_000_000


def measure(folder: Path) -> list[Figure]:
    """Measure everything; takes about three minutes."""
    with _logged_in(folder) as tracker:
        first, second = (one["id"] for one in tracker.ask("contracts")["contracts"])
        shown_mb, cpu_percent = _while_tracking(tracker, first)
        # Another contract, since one has but one snapshot in its ten minutes.
        headless_mb, _ = _while_tracking(tracker, second, "--headless")
        start_s = statistics.median(_start(tracker) for _ in range(_STARTS))
    return [
        Figure("memory (PSS), window shown, tracking", 120, shown_mb, "MB", "after a snapshot and a minute"),
        Figure("memory (PSS), headless, tracking", 80, headless_mb, "MB", "likewise, `daybook run --headless`"),
        Figure(
            "processor while tracking an idle desktop", 0.5, cpu_percent, "%",
            f"user and system time over {_CPU_OVER_S:g} s with the window shown, as a share of one core",
        ),
        Figure(
            "start to tray ready", 1.2, start_s, "s",
            f"from starting `daybook run` until its icon is mapped in the tray; median of {_STARTS}",
        ),
    ]  # fmt: skip


@contextmanager
def _logged_in(folder: Path) -> Iterator[Tracker]:
    with ExitStack() as stack:
        desktop = stack.enter_context(virtual_desktop(folder, width=1920, height=1080))
        marketplace = Marketplace(folder, desktop.environment)
        seed = marketplace.seed(hold_s=1)
        stack.callback(marketplace.stop)
        marketplace.start()
        environment = {**desktop.environment, "BROWSER": browser.as_system_browser(folder, seed.freelancer)}
        tracker = Tracker(folder, environment, draws_early=True)
        stack.callback(tracker.stop)
        tracker.do("login", "--server", marketplace.url)
        yield tracker


def _while_tracking(tracker: Tracker, contract: str, *words: str) -> tuple[float, float]:
    """Give the memory in MB and the processor's share in percent of one core, of a tracker that tracks."""
    process = tracker.run(*words)
    seen = tracker.ask("status")["snapshot"]
    tracker.do("start", contract, "--memo", "Measure")
    until(lambda: tracker.ask("status")["snapshot"] != seen, "a snapshot", within_s=30.0)
    time.sleep(_SETTLE_S)
    observed = psutil.Process(process.pid)
    before, began_s = _cpu_s(observed), time.monotonic()
    time.sleep(_CPU_OVER_S)
    share = (_cpu_s(observed) - before) / (time.monotonic() - began_s)
    memory = sum(one.memory_full_info().pss for one in (observed, *observed.children(recursive=True)))
    tracker.do("stop")
    tracker.quit()
    return memory / _MB, share * 100


def others_with_qt() -> int:
    """Count the programs that have Qt loaded now: the proportional share (PSS) of its memory falls with each."""
    found = 0
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(OSError):  # it ended, or is another account's
            found += "libQt6Core" in maps.read_text(encoding="utf-8", errors="replace")
    return found


def _cpu_s(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


def _start(tracker: Tracker) -> float:
    """Start the tray application, give the seconds until its icon sits in the tray, and end it again.

    The icon's window, embedded by the tray and mapped, is what a person sees; the program itself says nothing.
    """
    display = tracker.environment["DISPLAY"]
    began_s = time.monotonic()
    process = Process(tracker.command("run"), environment=tracker.environment, log=tracker.folder / "start.log")
    try:
        until(lambda: screen.icons_in_tray(display), "the tray icon", within_s=30.0, poll_s=0.005)
        took_s = time.monotonic() - began_s
        until(lambda: tracker.say("quit").code == 0, "the tracker to take its leave")
        process.wait(20.0)
    finally:
        process.stop()
    until(lambda: not screen.icons_in_tray(display), "the tray to be empty again")
    return took_s
