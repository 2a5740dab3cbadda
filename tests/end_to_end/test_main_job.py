"""Real input on a real screen, and what the client's browser shows of it."""

import io
from pathlib import Path

from PIL import Image, ImageStat

from stage import browser, screen
from stage.person import Input, Person
from stage.review import Recorded, compare, diary_address, read_pages, recorded, total, utc_day
from stage.servers import Marketplace
from stage.tracker import Tracker
from stage.waiting import until

from .conftest import HOLD_S, STRANGER, Stage, World

_TOLERANCE = 14
"""How far JPEG may take a field's mean colour from the real one, of 255."""


def test_client_sees_the_same_counts_and_the_same_picture(stage: Stage, tmp_path: Path) -> None:
    """The whole way, with nothing prepared: log-in, keyring, window and tray, input, picture, page."""
    marketplace = Marketplace(tmp_path, stage.desktop.environment)
    seed = marketplace.seed(hold_s=HOLD_S)
    marketplace.add_person(STRANGER)
    contract = seed.contracts[0]
    environment = {**stage.desktop.environment, "BROWSER": browser.as_system_browser(tmp_path, seed.freelancer)}
    tracker = Tracker(tmp_path, environment, draws_early=True)
    person = Person(stage.desktop)
    pattern = screen.Pattern()
    try:
        marketplace.start()
        tracker.do("login", "--server", marketplace.url)
        process = tracker.run()
        until(lambda: screen.window_of(stage.desktop.display, process.pid), "the tracker's window")
        until(lambda: screen.icons_in_tray(stage.desktop.display), "the tray icon")
        person.focus(stage.editor.id)
        with screen.pattern_shown(stage.desktop.display, pattern):
            tracker.do("start", contract.id, "--memo", "Prove it")
            began_ms = int(tracker.ask("status")["now_ms"])
            person.point(pattern.left + 20, pattern.top + 20)
            person.type("the quick brown fox jumps over the lazy dog 0123456789\n")
            person.click(7)
            person.scroll(11)
            person.scroll(-6)
            until(lambda: tracker.ask("status")["snapshot"], "the snapshot", within_s=30)
        until(lambda: total(recorded(tracker.diary(utc_day(began_ms)), contract.id)) == person.done, "the counts")
        world = World(tmp_path, stage, marketplace, seed, tracker, person)
        tracker.do("stop")
        segments = world.sent(began_ms)
        tracker.quit()

        assert person.done == Input(keys=55, clicks=7, scrolls=17)
        assert total(segments) == person.done
        assert sum(segment.pictures for segment in segments) >= 1
        _assert_client_sees(world, segments, pattern)
        _assert_nobody_else_does(world, segments[0].day)
    finally:
        tracker.stop()
        marketplace.stop()


def _assert_client_sees(world: World, segments: list[Recorded], pattern: screen.Pattern) -> None:
    with browser.visiting(world.stage.chromium, world.marketplace.url, world.seed.client) as client:
        tiles = compare(segments, read_pages(client, world.contract, segments))
        pages = [client.segment(tile) for tile in tiles]
    assert [page.counted_minutes for page in pages] == [segment.counted_minutes for segment in segments]
    assert [len(page.pictures) for page in pages] == [segment.pictures for segment in segments]
    picture = Image.open(io.BytesIO(next(page.pictures[0] for page in pages if page.pictures))).convert("RGB")
    assert picture.size == (1280, 800)
    for (left, top), colour in pattern.fields():
        around = pattern.field // 4
        field = picture.crop((left - around, top - around, left + around, top + around))
        mean = ImageStat.Stat(field).mean
        off = max(abs(shown - real) for shown, real in zip(mean, colour, strict=True))
        assert off <= _TOLERANCE, f"the field at {left}, {top} is {mean}, not {colour}"


def _assert_nobody_else_does(world: World, day: str) -> None:
    """The stranger gets 404 for every address that the client and the freelancer can open."""
    address, url = diary_address(world.contract, day), world.marketplace.url
    with browser.visiting(world.stage.chromium, url, world.seed.freelancer) as freelancer:
        shown = freelancer.diary(address)
        pictures = [picture for tile in shown.tiles for picture in freelancer.picture_addresses(tile)]
        addresses = [world.contract.diary, address, *(tile.page for tile in shown.tiles), *pictures]
        assert pictures
        assert [freelancer.status_of(one) for one in addresses] == [200] * len(addresses)
    with browser.visiting(world.stage.chromium, url, STRANGER) as stranger:
        assert [stranger.status_of(one) for one in addresses] == [404] * len(addresses)
