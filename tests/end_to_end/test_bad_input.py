"""What goes wrong is said in one sentence with a non-zero exit, nothing is lost, and no traceback reaches a person."""

import os
from collections.abc import Callable
from pathlib import Path

from stage.desktop import without_display, without_keyring
from stage.tracker import Tracker

from .conftest import Stage, World, assert_refused


def test_unknown_contract(world: World) -> None:
    world.tracker.run("--headless")
    assert_refused(world.tracker.say("start", "No such contract"), 3, "No such contract")
    assert world.tracker.ask("status")["phase"] == "stopped"
    world.tracker.quit()


def test_commands_without_a_running_tracker(world: World) -> None:
    for words in (("start", world.contract.id), ("stop",), ("memo", "Nobody hears this"), ("quit",)):
        assert_refused(world.tracker.say(*words), 3, "daybook run")


def test_log_in_at_a_marketplace_that_is_away(stage: Stage, tmp_path: Path) -> None:
    tracker = Tracker(tmp_path, stage.desktop.environment, key_file=tmp_path / "keys")
    said = tracker.say("login", "--server", "http://127.0.0.1:9")
    assert_refused(said, 2, "http://127.0.0.1:9")


def test_log_in_at_something_that_is_no_address(stage: Stage, tmp_path: Path) -> None:
    tracker = Tracker(tmp_path, stage.desktop.environment, key_file=tmp_path / "keys")
    assert tracker.say("login", "--server", "not an address").code in {2, 3}


def test_before_any_log_in(stage: Stage, tmp_path: Path) -> None:
    tracker = Tracker(tmp_path, stage.desktop.environment, key_file=tmp_path / "keys")
    said = tracker.say("sync")
    assert said.code != 0
    assert "daybook login" in said.out + said.err
    assert_refused(tracker.say("login"), 3, "--server")


def test_window_without_a_display(world: World) -> None:
    said = world.tracker.say("run", environment=without_display(world.stage.desktop))
    assert_refused(said, 2, "--headless")


def test_headless_without_a_display_tracks_and_says_what_is_missing(world: World) -> None:
    """Time can be tracked without a screen; that there are no pictures and counts is said, not hidden."""
    blind = without_display(world.stage.desktop)
    doctor = world.tracker.say("doctor", environment=blind)
    assert doctor.code == 2
    assert "display" in doctor.out.lower()
    assert "Traceback" not in doctor.out + doctor.err
    world.tracker.environment = blind
    world.tracker.run("--headless")
    world.tracker.do("start", world.contract.id, "--memo", "Work on a server")
    status = world.tracker.ask("status")
    assert status["phase"] == "tracking"
    assert any("display" in sentence.lower() for sentence in status["notices"]), status["notices"]
    world.tracker.quit()


def test_no_keyring(world: World, tmp_path: Path) -> None:
    """Never a silent file in plain text: the sentence names the way to ask for one."""
    environment = without_keyring(world.tracker.environment, tmp_path)
    tracker = Tracker(tmp_path, environment, data=tmp_path / "new")
    assert_refused(tracker.say("run", "--headless"), 2, "keyring", "--key-file")
    assert_refused(tracker.say("status"), 2, "keyring", "--key-file")
    assert_refused(tracker.say("login", "--server", world.marketplace.url), 2, "keyring", "--key-file")
    assert not (tmp_path / "new").exists() or not any((tmp_path / "new").iterdir())


def test_second_instance(world: World) -> None:
    first = world.tracker.run("--headless")
    assert_refused(world.tracker.say("run", "--headless"), 3, "already")
    assert first.exit_code is None
    world.tracker.quit()


def test_corrupt_buffer_is_left_alone(make_world: Callable[[], World]) -> None:
    world = make_world()
    buffer = next(file for file in world.tracker.data.rglob("*") if file.suffix in {".db", ".sqlite", ".sqlite3"})
    damaged = bytearray(buffer.read_bytes())
    damaged[0:4096] = os.urandom(4096)
    buffer.write_bytes(damaged)
    for words in (("status",), ("run", "--headless"), ("run",), ("diary",)):
        assert_refused(world.tracker.say(*words), 2, str(buffer))
    assert buffer.read_bytes() == damaged


def test_keys_of_another_buffer(make_world: Callable[[], World], tmp_path: Path) -> None:
    world = make_world()
    (tmp_path / "keys").unlink()
    assert_refused(world.tracker.say("status"), 2, "key")
