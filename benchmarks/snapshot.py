"""What one snapshot costs: grab, JPEG and thumbnail of a 1080p screen, end to end, in CPU time of the tracker."""

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from Xlib.display import Display

from benchmarks.table import Figure, as_text
from stage.processes import program
from tracker.capture.picture import encode, is_blank
from tracker.capture.screen.x11 import X11Screen

WIDTH_PX, HEIGHT_PX = 1920, 1080
ROUNDS = 50
LIMIT_MS = 30.0


def measure(_folder: Path) -> list[Figure]:
    """Measure one snapshot; takes about two seconds."""
    how = f"CPU time of grab, blank check, JPEG and thumbnail of a screen full of text; median of {ROUNDS}"
    return [Figure("snapshot of a 1080p screen", LIMIT_MS, snapshot_cpu_ms(), "ms", how)]


def snapshot_cpu_ms(rounds: int = ROUNDS) -> float:
    """Give the median CPU milliseconds of a snapshot of a screen full of text, as the tracker takes it."""
    with screen_of_text() as display:
        screen = X11Screen(display)
        costs = [_cost_ms(screen) for _ in range(rounds + 1)]
    return statistics.median(costs[1:])  # the first one loads the libraries


def _cost_ms(screen: X11Screen) -> float:
    start_s = time.process_time()
    for frame in screen.grab():
        if not is_blank(frame):
            encode(frame)
    return (time.process_time() - start_s) * 1000


@contextmanager
def screen_of_text() -> Iterator[str]:
    """Run an X server whose one 1080p screen is full of text, and give its display's name."""
    reader, writer = os.pipe()
    size = f"{WIDTH_PX}x{HEIGHT_PX}x24"
    server = subprocess.Popen(
        [program("Xvfb"), "-displayfd", str(writer), "-screen", "0", size, "-noreset", "-nolisten", "tcp"],
        pass_fds=[writer],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    try:
        with os.fdopen(reader) as answer:
            name = f":{answer.readline().strip()}"
        _write_text(name)
        yield name
    finally:
        server.terminate()
        server.wait()


def _write_text(name: str) -> None:
    display = Display(name)
    screen = display.screen()
    paper = screen.root.create_gc(foreground=screen.white_pixel)
    screen.root.fill_rectangle(paper, 0, 0, WIDTH_PX, HEIGHT_PX)
    ink = screen.root.create_gc(foreground=screen.black_pixel, font=display.open_font("fixed"))
    line = b"Every hour of work leaves a line in the day book; 0123456789 of them fill this page. " * 4
    for top in range(14, HEIGHT_PX, 14):
        screen.root.poly_text(ink, 4, top, [line[start : start + 250] for start in range(0, len(line), 250)])
    display.sync()
    display.close()


if __name__ == "__main__":
    print(as_text(measure(Path())))
