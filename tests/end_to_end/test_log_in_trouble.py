"""A wrong password, a token that has run out, a log-in that is dead: said in a sentence, and no work is lost."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stage import browser
from stage.processes import Process, StageError
from stage.review import compare, read_pages, total
from stage.servers import Account
from stage.tracker import Tracker
from stage.waiting import until

from .conftest import STRANGER, World, assert_refused

EXPIRE = (
    "from datetime import timedelta; from django.utils import timezone; from oauth2_provider.models import AccessToken;"
    " AccessToken.objects.update(expires=timezone.now() - timedelta(minutes=1))"
)
REVOKE = (
    "from oauth2_provider.models import AccessToken, RefreshToken; "
    "RefreshToken.objects.all().delete(); AccessToken.objects.all().delete()"
)


def test_wrong_password(world: World) -> None:
    wrong = Account(world.seed.freelancer.email, "not the password")
    with (
        browser.visiting(world.stage.chromium, world.marketplace.url) as person,
        pytest.raises(StageError, match="password"),
    ):
        person.log_in(wrong)


def test_log_in_with_a_code_where_there_is_no_browser(world: World, tmp_path: Path) -> None:
    """The tracker opens nothing; the code that it shows is typed into a browser elsewhere."""
    environment = {name: value for name, value in world.tracker.environment.items() if name != "BROWSER"}
    tracker = Tracker(tmp_path, environment, key_file=tmp_path / "other-keys", data=tmp_path / "other")
    words = ("login", "--server", world.marketplace.url, "--device")
    process = Process(tracker.command(*words), environment=environment, log=tmp_path / "login.log")
    try:
        said = until(lambda: re.search(r"(http\S+) .* code (\S+)", process.output()), "a code")
        with browser.visiting(world.stage.chromium, world.marketplace.url, world.seed.freelancer) as person:
            person.let_in(said[1], said[2])
        assert process.wait(30) == 0, process.output()
    finally:
        process.stop()
    assert {one["title"] for one in tracker.ask("contracts")["contracts"]} == {
        one.title for one in world.seed.contracts
    }


def test_expired_token_is_renewed_by_itself(world: World) -> None:
    world.marketplace.manage(EXPIRE)
    world.tracker.run("--headless")
    began_ms = world.start()
    world.person.type("renewed")
    world.counted(began_ms)
    world.tracker.do("stop")
    assert total(world.sent(began_ms)) == world.person.done
    world.tracker.quit()


def test_dead_log_in_loses_nothing(world: World) -> None:
    """Work goes on, waits, and arrives after the next log-in."""
    world.marketplace.manage(REVOKE)
    world.tracker.run("--headless")
    began_ms = world.start()
    world.person.type("logged out without noticing")
    world.counted(began_ms)
    world.tracker.do("stop")
    until(lambda: world.tracker.ask("status")["sync"]["waiting_segments"], "sealing", within_s=15)
    said = world.tracker.say("sync")
    assert said.code != 0
    assert "Log in" in said.out + said.err
    assert not world.tracker.ask("status")["sync"]["is_logged_in"]
    world.tracker.quit()

    world.tracker.do("login", "--server", world.marketplace.url)
    world.tracker.run("--headless")
    segments = world.sent(began_ms)
    assert total(segments) == world.person.done
    with browser.visiting(world.stage.chromium, world.marketplace.url, world.seed.client) as client:
        compare(segments, read_pages(client, world.contract, segments))
    world.tracker.quit()


def test_log_in_as_somebody_else_is_refused_while_work_waits(make_world: Callable[[], World]) -> None:
    """One buffer is one person's: another's log-in must not send this work as theirs."""
    world = make_world()
    world.tracker.run("--headless")
    began_ms = world.start()
    world.person.type("mine")
    world.counted(began_ms)
    world.tracker.quit()
    world.marketplace.start()
    world.tracker.environment["BROWSER"] = browser.as_system_browser(world.folder, STRANGER)
    assert_refused(world.tracker.say("login", "--server", world.marketplace.url), 3)
