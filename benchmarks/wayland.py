"""What a grab costs under Wayland, by each way, beside X11's in the same run: `python -m benchmarks.wayland`.

Each way shows the same page of text on one 1080p monitor that exists in memory alone: X11 on Xvfb, wlr-screencopy and
the portal on sway, KWin's own interface on KWin. They are measured in turns. `--write` puts the table into
docs/benchmarks.md.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NamedTuple, TypeVar

from PIL import Image, ImageDraw

from benchmarks.snapshot import HEIGHT_PX, WIDTH_PX, screen_of_text
from benchmarks.table import put_section
from stage.processes import ROOT, StageError, ends_cleanly_on_signals
from stage.waiting import until
from tests.fakes.wayland import Compositor, KWin, Sway, pipewire
from tracker.capture.picture import is_blank
from tracker.capture.screen.port import Screen
from tracker.capture.screen.wayland import Way, WaylandScreen
from tracker.capture.screen.wayland_kwin import KWinScreenshot
from tracker.capture.screen.wayland_portal import PortalScreenshot
from tracker.capture.screen.wayland_screencopy import Screencopy
from tracker.capture.screen.x11 import X11Screen
from tracker.clock import monotonic_ms

ROUNDS = 15
_X11 = "X11 (mss)"
_PAGE = ROOT / "docs" / "benchmarks.md"
_LINE = "Every hour of work leaves a line in the day book; 0123456789 of them fill this page. "

Desktop = TypeVar("Desktop", bound=Compositor)


class Cost(NamedTuple):
    """Medians of one way, in milliseconds; `cpu_ms` is the tracker's own, not that of the desktop's programs."""

    wall_ms: float
    cpu_ms: float


def measure(rounds: int = ROUNDS) -> dict[str, Cost]:
    """Measure all ways in turns."""
    with ExitStack() as stack:
        screens: dict[str, Screen] = {_X11: X11Screen(stack.enter_context(screen_of_text()))}
        sway = stack.enter_context(_shown(Sway(portals=("wlr", "gtk"))))
        sway.tell("output", "HEADLESS-1", "resolution", f"{WIDTH_PX}x{HEIGHT_PX}")
        stack.enter_context(pipewire(sway))
        sway.start_portal("wlr")
        no_checks = {"KWIN_SCREENSHOT_NO_PERMISSION_CHECKS": "1"}
        kwin = stack.enter_context(_shown(KWin(width=WIDTH_PX, height=HEIGHT_PX, environ=no_checks)))
        screens["wlr-screencopy on sway"] = _screen(Screencopy(sway.runtime / sway.display, monotonic_ms))
        screens["KWin's own interface"] = _screen(
            KWinScreenshot(kwin.bus_address, kwin.runtime / kwin.display, monotonic_ms)
        )
        portal = PortalScreenshot(sway.bus_address, sway.runtime / sway.display, monotonic_ms)
        portal.ask(60_000)
        screens["the portal on sway (xdg-desktop-portal-wlr)"] = _screen(portal)
        for name, screen in screens.items():
            until(_is_shown(screen), f"the page by way of {name}")
        costs = [{name: _cost(screen) for name, screen in screens.items()} for _ in range(rounds)]
    return {
        name: Cost(
            statistics.median(one[name].wall_ms for one in costs), statistics.median(one[name].cpu_ms for one in costs)
        )
        for name in screens
    }


def as_rows(costs: Mapping[str, Cost]) -> str:
    """Draw the table in Markdown."""
    base = costs[_X11]
    rows = [
        f"| {name} | {cost.wall_ms:.3g} ms | {cost.wall_ms / base.wall_ms:.2g} | {cost.cpu_ms:.3g} ms | "
        f"{cost.cpu_ms / base.cpu_ms:.2g} |"
        for name, cost in costs.items()
    ]
    head = ["| way | wall | to X11's | CPU of the tracker | to X11's |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def main() -> int:
    """Measure, print and perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wayland", description="Measure grabs under Wayland.")
    parser.add_argument("--write", action="store_true", help=f"put the table into {_PAGE.relative_to(ROOT)}")
    said = parser.parse_args()
    try:
        with ends_cleanly_on_signals():
            table = as_rows(measure())
    except StageError as error:
        print(error, file=sys.stderr)
        return 1
    print(table)
    if said.write:
        text = (
            f"One monitor of {WIDTH_PX} × {HEIGHT_PX} full of text, the grab alone, median of {ROUNDS} in turns: "
            "`.venv/bin/python -m benchmarks.wayland`. What the desktop's own programs spend is in the wall time."
        )
        put_section(_PAGE, "A grab by each way", f"{text}\n\n{table}\n")
    return 0


def _screen(way: Way) -> Screen:
    return WaylandScreen([way], monotonic_ms, "")


def _cost(screen: Screen) -> Cost:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    screen.grab()
    return Cost((time.perf_counter() - wall_s) * 1000, (time.process_time() - cpu_s) * 1000)


def _is_shown(screen: Screen) -> Callable[[], bool]:
    def ask() -> bool:
        (frame,) = screen.grab()
        return (frame.width, frame.height) == (WIDTH_PX, HEIGHT_PX) and not is_blank(frame)

    return ask


@contextmanager
def _shown(desktop: Desktop) -> Iterator[Desktop]:
    """Show a page of text on a desktop and end the desktop afterwards."""
    try:
        page = Image.new("L", (WIDTH_PX, HEIGHT_PX), 255)
        ink = ImageDraw.Draw(page)
        for top in range(14, HEIGHT_PX, 14):
            ink.text((4, top), _LINE * 4, fill=0)
        path = desktop.folder / "page.png"
        page.save(path)
        desktop.hang_up(path)
        yield desktop
    finally:
        desktop.close()


if __name__ == "__main__":
    sys.exit(main())
