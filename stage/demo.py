"""The main job, once, on real input: `make demo`.

A marketplace, the tracker with its window, and a client's browser, all real; DEMO_SECONDS ends it by itself. It fails
loudly where the client's diary page does not show what was recorded.
"""

import io
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error as BrowserError

from stage import browser, scenery, screen
from stage.desktop import Desktop, real_desktop, virtual_desktop
from stage.person import Input, Person
from stage.processes import ROOT, Process, StageError, ends_cleanly_on_signals
from stage.review import Recorded, compare, diary_address, read_pages, recorded, spell, total, utc_day
from stage.servers import Agreement, Marketplace, Seed
from stage.shift import Shift
from stage.telling import add, say
from stage.tracker import Tracker
from stage.waiting import until

HOLD_S = 5
"""How long a picture is held before it may leave, in seconds; a contract's usual hold is a minute."""

_TRACKER_PLACE = (20, 38, 400, 600)
_DEFAULT_S = 60
_SHORTEST_S = 30
_AFTER_WORK_S = 20
_SENT_WITHIN_S = 60.0


@dataclass(frozen=True)
class Play:
    """Everything on the stage; `pictures` is the folder for the two PNGs."""

    desktop: Desktop
    marketplace: Marketplace
    seed: Seed
    tracker: Tracker
    pictures: Path

    @property
    def contract(self) -> Agreement:
        """The contract that is worked on."""
        return self.seed.contracts[0]

    def segments(self, since_ms: int) -> list[Recorded]:
        """Give what the tracker has recorded on the contract from that instant's UTC day until today."""
        now_ms = int(self.tracker.ask("status")["now_ms"])
        days = sorted({utc_day(since_ms), utc_day(now_ms)})
        return recorded(self.tracker.diary(*days), self.contract.id)


def seconds_asked(value: str | None) -> int | None:
    """Read DEMO_SECONDS, None where it is not given.

    Raises:
        StageError: it is no whole number of seconds.
    """
    if not value:
        return None
    if not value.isdecimal():
        raise StageError(f"DEMO_SECONDS is {value!r}. Give a whole number of seconds, such as 60.")
    return max(int(value), _SHORTEST_S)


def show(folder: Path, pictures: Path, seconds: int | None) -> None:
    """Run the whole demonstration.

    Args:
        folder: an empty folder for everything that is deleted at the end.
        pictures: where the two PNGs go.
        seconds: how long it may take after its set-up; None leaves the end to the person.

    Raises:
        StageError: something is missing, or the client's diary does not show what was recorded.
    """
    with _stage_set(folder, pictures) as play:
        if play.desktop.is_virtual:
            segments, done = _work_by_script(play, (seconds or _DEFAULT_S) - _AFTER_WORK_S)
        else:
            segments, done = _work_by_hand(play, seconds)
        _check_recorded(segments, done)
        _check_shown(play, segments)
        _tell_the_end(play, segments)
        if seconds is None and sys.stdin.isatty():
            say("The marketplace stays up for you to look around. Press Ctrl-C to end.")
            with suppress(KeyboardInterrupt):
                signal.pause()


@contextmanager
def _stage_set(folder: Path, pictures: Path) -> Iterator[Play]:
    with ExitStack() as stack:
        desktop = real_desktop(folder)
        key_file: Path | None = None
        if desktop is None:
            desktop = stack.enter_context(virtual_desktop(folder))
            say(f"{_why_virtual()} A virtual display {desktop.display} was started, with a tray and a keyring.")
        else:
            say(f"This uses your display {desktop.display}: your keys, clicks and scrolls are counted (never what you")
            add("type), and one picture of your screen is taken each ten minutes. All of it stays in a temporary")
            add("folder on this machine and is deleted at the end.")
            # The person's own keyring is not the demonstration's to write to.
            key_file = folder / "keys"
        marketplace = Marketplace(folder, desktop.environment)
        seed = marketplace.seed(hold_s=HOLD_S)
        stack.callback(marketplace.stop)
        marketplace.start()
        say(f"The marketplace answers at {marketplace.url}.")
        environment = {**desktop.environment, "BROWSER": browser.as_system_browser(folder, seed.freelancer)}
        tracker = Tracker(folder, environment, key_file=key_file, draws_early=True)
        stack.callback(tracker.stop)
        tracker.do("login", "--server", marketplace.url)
        contracts = "; ".join(f"{one['title']} ({one['client']})" for one in tracker.ask("contracts")["contracts"])
        say(f"{seed.freelancer.email} logged the tracker in through a browser.")
        add(f"Contracts: {contracts}.")
        yield Play(desktop, marketplace, seed, tracker, pictures)


def _why_virtual() -> str:
    if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("XDG_SESSION_TYPE") == "wayland":
        return "Wayland shows other programs neither input nor screen."
    if os.environ.get("DISPLAY"):
        return f"The display {os.environ['DISPLAY']} does not answer."
    return "There is no display here."


def _work_by_script(play: Play, seconds: int) -> tuple[list[Recorded], Input]:
    """Let a simulated person work on the virtual desktop; give what was recorded and what was really done."""
    person = Person(play.desktop)
    with scenery.shown(play.desktop) as editor:
        window = _window(play, play.tracker.run())
        person.place(window.id, *_TRACKER_PLACE)
        began_ms = Shift(play.tracker, person, editor, play.contract.id).work(seconds, _Photographer(play).glance)
        say(f"Done by real input: {spell(person.done)}.")
        until(lambda: total(play.segments(began_ms)) == person.done, "the tracker to have counted the same")
        play.tracker.do("stop")
        segments = _send(play, began_ms)
        play.tracker.quit()
    return segments, person.done


def _work_by_hand(play: Play, seconds: int | None) -> tuple[list[Recorded], Input]:
    """Let the person at the real desktop work; what was done is what the tracker counted."""
    process = play.tracker.run()
    play.tracker.do("start", play.contract.id, "--memo", "Try Daybook")
    began_ms = int(play.tracker.ask("status")["now_ms"])
    say("Tracking began. Type, click and scroll wherever you like.")
    photographer = _Photographer(play)
    until(photographer.has_photographed, "the first snapshot", within_s=30.0)
    if seconds is None:
        say("Look around for as long as you like; quit the tracker from its menu to see the client's side.")
        process.wait()
        # Quitting cut a hold short; it starts again with the program, here without its window.
        play.tracker.run("--headless")
    else:
        time.sleep(max(0, seconds - _AFTER_WORK_S))
        play.tracker.do("stop")
    segments = _send(play, began_ms)
    play.tracker.quit()
    return segments, total(segments)


class _Photographer:
    """Photographs the tracker's window whenever a new snapshot is held, so that its picture shows one."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._seen: int | None = None

    def glance(self) -> None:
        """Look whether there is a new snapshot."""
        snapshot = self._play.tracker.ask("status")["snapshot"]
        if snapshot is None or snapshot["id"] == self._seen:
            return
        if snapshot["status"] == "failed":
            raise StageError(f"The snapshot failed: {snapshot['reason']}.")
        screen.photograph(self._play.desktop.display, self._play.pictures / "tracker.png", _window(self._play))
        self._seen = snapshot["id"]
        say(f"A snapshot was taken; it can be viewed, blurred or withheld for {HOLD_S} s before it may leave.")

    def has_photographed(self) -> bool:
        """Look, and tell whether there has been one."""
        self.glance()
        return self._seen is not None


def _window(play: Play, process: Process | None = None) -> screen.Window:
    """Give the tracker's window, waiting for it where the process has just started."""
    pid = process.pid if process else play.tracker.pid
    return until(lambda: screen.window_of(play.desktop.display, pid), "the tracker's window")


def _send(play: Play, began_ms: int) -> list[Recorded]:
    """Wait until everything recorded has arrived, and give it."""

    def arrived() -> list[Recorded] | None:
        play.tracker.do("sync")
        sync = play.tracker.ask("status")["sync"]
        segments = play.segments(began_ms)
        is_all_there = not sync["waiting_pictures"] and all(one.sync_state == "accepted" for one in segments)
        return segments if segments and is_all_there else None

    segments = until(arrived, "everything to arrive at the marketplace", within_s=_SENT_WITHIN_S, poll_s=0.5)
    pictures = sum(segment.pictures for segment in segments)
    worked_s = sum(segment.worked_ms for segment in segments) / 1000
    say(f"Stopped after {worked_s:.1f} s, sealed and sent: {len(segments)} segment(s), {pictures} picture(s).")
    return segments


def _check_recorded(segments: list[Recorded], done: Input) -> None:
    if total(segments) != done:
        raise StageError(f"The tracker recorded {spell(total(segments))} where there were {spell(done)}.")
    if not any(segment.pictures or segment.withheld for segment in segments):
        raise StageError("No segment has a picture, and none was withheld.")


def _check_shown(play: Play, segments: list[Recorded]) -> None:
    """Log the client in in a real browser and hold the diary page against what was recorded."""
    server = play.marketplace.url
    with browser.opened() as chromium, browser.visiting(chromium, server, play.seed.client) as client:
        pages = read_pages(client, play.contract, segments)
        tiles = compare(segments, pages)
        client.photograph(pages[-1].address, play.pictures / "diary.png")
        for segment, tile in zip(segments, tiles, strict=True):
            shown = client.segment(tile)
            if shown.counted_minutes != segment.counted_minutes:
                raise StageError(f"The page {tile.page} does not show the minutes as they were recorded.")
            if len(shown.pictures) != segment.pictures:
                raise StageError(f"The page {tile.page} shows {len(shown.pictures)} of {segment.pictures} pictures.")
            for picture in shown.pictures:
                Image.open(io.BytesIO(picture)).verify()
    say(f"The client's diary page, read in a browser: {len(segments)} segment(s) with picture, the same worked time,")
    add(f"{spell(total(segments))}. Minute by minute it is the same.")


def _tell_the_end(play: Play, segments: list[Recorded]) -> None:
    address = diary_address(play.contract, segments[-1].day)
    add()
    add(f"The client's diary    {address}")
    add(f"Log in as the client  {play.seed.client.email}  {play.seed.client.password}")
    add(f"or the freelancer     {play.seed.freelancer.email}  {play.seed.freelancer.password}")
    add(f"The tracker's window  {play.pictures / 'tracker.png'}")
    add(f"The client's page     {play.pictures / 'diary.png'}")
    add()


def main() -> int:
    """Run the demonstration; DEMO_SECONDS ends it, DEMO_OUTPUT names the folder of its pictures."""
    output = Path(os.environ.get("DEMO_OUTPUT") or ROOT / "demo-output").absolute()
    try:
        with ends_cleanly_on_signals(), tempfile.TemporaryDirectory(prefix="daybook-demo-") as folder:
            try:
                show(Path(folder), output, seconds_asked(os.environ.get("DEMO_SECONDS")))
            except (StageError, BrowserError):
                _keep_logs(Path(folder), output / "logs")
                raise
    except KeyboardInterrupt:
        print("\nThe demonstration was broken off.", file=sys.stderr)
        return 130
    except (StageError, BrowserError) as error:
        print(
            f"\nThe demonstration failed: {error}\nWhat the programs printed is in {output / 'logs'}.", file=sys.stderr
        )
        return 1
    return 0


def _keep_logs(folder: Path, logs: Path) -> None:
    logs.mkdir(parents=True, exist_ok=True)
    for log in folder.rglob("*.log"):
        shutil.copy2(log, logs)


if __name__ == "__main__":
    sys.exit(main())
