"""Kill -9, and a marketplace that is away: what was recorded arrives, once."""

from collections.abc import Callable

from stage import browser
from stage.review import compare, read_pages, total
from stage.waiting import until

from .conftest import World


def test_kill_9_loses_nothing_that_was_ticked(world: World) -> None:
    process = world.tracker.run("--headless")
    began_ms = world.start()
    world.person.type("this is written before the power goes")
    world.person.click(4)
    before = world.counted(began_ms)

    process.kill()
    world.tracker.run("--headless")

    status = world.tracker.ask("status")
    assert any("recovered" in notice for notice in status["notices"]), status["notices"]
    assert status["phase"] == "stopped", "work goes on only when the person says so"
    after = world.segments(began_ms)
    assert [segment.start_ms for segment in after[: len(before)]] == [segment.start_ms for segment in before]
    assert sum(one.worked_ms for one in after) >= sum(one.worked_ms for one in before) > 0
    assert total(after) == world.person.done
    sent = world.sent(began_ms)
    assert total(sent) == world.person.done
    _assert_shown(world, began_ms)
    world.tracker.quit()


def test_work_goes_on_in_the_same_segment_after_kill_9(world: World) -> None:
    """What was sealed after the recovery is continued by the next revision, not replaced."""
    process = world.tracker.run("--headless")
    began_ms = world.start()
    world.person.type("before")
    world.counted(began_ms)
    process.kill()
    world.tracker.run("--headless")
    world.sent(began_ms)
    world.start()
    world.person.type("after")
    world.counted(began_ms)
    world.tracker.do("stop")
    sent = world.sent(began_ms)
    assert total(sent) == world.person.done
    _assert_shown(world, began_ms)
    world.tracker.quit()


def test_marketplace_away_at_first(make_world: Callable[[], World]) -> None:
    """Everything waits and says so; later it arrives by itself, once, and sending again changes nothing."""
    world = make_world()
    world.tracker.run("--headless")
    began_ms = world.start()
    world.person.type("nobody listens yet")
    world.person.scroll(9)
    until(lambda: world.tracker.ask("status")["snapshot"], "the snapshot", within_s=30)
    world.counted(began_ms)
    world.tracker.do("stop")
    until(lambda: world.tracker.ask("status")["sync"]["waiting_segments"], "sealing", within_s=15)
    assert world.tracker.ask("status")["sync"]["waiting_since_ms"]
    said = world.tracker.say("sync")
    assert said.code == 2
    assert world.marketplace.url in said.out + said.err
    assert "Traceback" not in said.out + said.err

    world.marketplace.start()
    sent = world.sent(began_ms)
    assert total(sent) == world.person.done
    _assert_shown(world, began_ms)

    again = world.tracker.ask("sync")
    assert (again["sent_segments"], again["sent_pictures"], again["waiting_segments"]) == (0, 0, 0)
    _assert_shown(world, began_ms)
    world.tracker.quit()


def _assert_shown(world: World, began_ms: int) -> None:
    """The client's page shows each segment once, with its counts and worked time."""
    segments = world.segments(began_ms)
    with browser.visiting(world.stage.chromium, world.marketplace.url, world.seed.client) as client:
        compare(segments, read_pages(client, world.contract, segments))
