"""Both programs, a desktop, a person and a browser, all real. Each test has its own marketplace and tracker.

They are copies of ones that were seeded and logged in once, which saves every test the migrations and the log-in.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium

from stage import browser, scenery, screen
from stage.desktop import Desktop, virtual_desktop
from stage.person import Person
from stage.review import Recorded, recorded, total, utc_day
from stage.servers import Account, Agreement, Marketplace, Seed
from stage.tracker import Said, Tracker
from stage.waiting import until

HOLD_S = 1
STRANGER = Account("nobody@example.net", "no-business-of-theirs")


@dataclass(frozen=True)
class Stage:
    """What all tests share: the desktop with an editor on it, and the browser's program."""

    desktop: Desktop
    editor: screen.Window
    chromium: Chromium


@dataclass(frozen=True)
class World:
    """One marketplace, one tracker that is logged in there, and one person."""

    folder: Path
    stage: Stage
    marketplace: Marketplace
    seed: Seed
    tracker: Tracker
    person: Person

    @property
    def contract(self) -> Agreement:
        return self.seed.contracts[0]

    def start(self) -> int:
        """Start the timer and give the instant; the keyboard is the editor's from here on."""
        self.person.focus(self.stage.editor.id)
        self.person.point(self.stage.editor.left + 300, self.stage.editor.top + 300)
        self.tracker.do("start", self.contract.id, "--memo", "Prove it")
        return int(self.tracker.ask("status")["now_ms"])

    def segments(self, since_ms: int) -> list[Recorded]:
        """What the tracker has recorded on the contract, from that instant's day until today."""
        days = sorted({utc_day(since_ms), utc_day(int(self.tracker.ask("status")["now_ms"]))})
        return recorded(self.tracker.diary(*days), self.contract.id)

    def counted(self, since_ms: int) -> list[Recorded]:
        """Wait until the tracker has written down all that the person did, and give the segments."""

        def all_there() -> list[Recorded] | None:
            found = self.segments(since_ms)
            return found if total(found) == self.person.done else None

        return until(all_there, "everything to be counted", within_s=15)

    def sent(self, since_ms: int) -> list[Recorded]:
        """Wait until everything recorded has arrived, and give it."""

        def arrived() -> list[Recorded] | None:
            answer = self.tracker.ask("sync")
            segments = self.segments(since_ms)
            is_there = not answer["waiting_pictures"] and all(one.sync_state == "accepted" for one in segments)
            return segments if segments and is_there else None

        return until(arrived, "everything to arrive", within_s=40, poll_s=0.3)


def assert_refused(said: Said, code: int, *words: str) -> None:
    """One sentence for people on stderr that has these words, and this exit code."""
    assert said.code == code, said
    assert len(said.err.strip().splitlines()) == 1, said
    assert "Traceback" not in said.out + said.err
    for word in words:
        assert word in said.err, said


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("desktop")
    with virtual_desktop(folder) as desktop, scenery.shown(desktop) as editor, browser.opened() as chromium:
        yield Stage(desktop, editor, chromium)


@dataclass(frozen=True)
class Template:
    folder: Path
    port: int
    seed: Seed


@pytest.fixture(scope="session")
def template(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A seeded marketplace and a tracker that has logged in there, both at rest."""
    folder = tmp_path_factory.mktemp("template")
    marketplace = Marketplace(folder, stage.desktop.environment)
    seed = marketplace.seed(hold_s=HOLD_S)
    marketplace.add_person(STRANGER)
    marketplace.start()
    try:
        environment = {**stage.desktop.environment, "BROWSER": browser.as_system_browser(folder, seed.freelancer)}
        _tracker(folder, environment).do("login", "--server", marketplace.url)
    finally:
        marketplace.stop()
    return Template(folder, marketplace.port, seed)


@pytest.fixture
def make_world(stage: Stage, template: Template, tmp_path: Path) -> Iterator[Callable[[], World]]:
    made: list[World] = []

    def make() -> World:
        for name in ("marketplace", "tracker", "keys"):
            source = template.folder / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, tmp_path / name)
        environment = {
            **stage.desktop.environment,
            "BROWSER": browser.as_system_browser(tmp_path, template.seed.freelancer),
        }
        marketplace = Marketplace(tmp_path, stage.desktop.environment, port=template.port)
        tracker = _tracker(tmp_path, environment)
        world = World(tmp_path, stage, marketplace, template.seed, tracker, Person(stage.desktop))
        made.append(world)
        return world

    yield make
    for world in made:
        world.tracker.stop()
        world.marketplace.stop()
    for log in tmp_path.glob("*.log"):
        assert "Traceback" not in log.read_text(encoding="utf-8", errors="replace"), f"{log.name} has a traceback"


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    """A world whose marketplace serves."""
    world = make_world()
    world.marketplace.start()
    return world


def _tracker(folder: Path, environment: dict[str, str]) -> Tracker:
    return Tracker(folder, environment, key_file=folder / "keys", draws_early=True)
