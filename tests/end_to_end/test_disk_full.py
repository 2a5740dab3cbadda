"""A full disk under a tracker at work."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stage.review import total
from stage.tracker import Tracker
from stage.waiting import until

from .conftest import World, assert_refused


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 4 MB; only root may mount one."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    answer = subprocess.run(mount, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {answer.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_disk_full(world: World, small_disk: Path) -> None:
    """It is said while the disk is full; what was recorded before is there, and work goes on once there is room."""
    data = small_disk / "tracker"
    shutil.copytree(world.tracker.data, data)
    tracker = Tracker(world.folder, world.tracker.environment, key_file=world.folder / "keys", data=data)
    world = World(world.folder, world.stage, world.marketplace, world.seed, tracker, world.person)
    try:
        tracker.run("--headless")
        began_ms = world.start()
        world.person.type("written while there was room")
        before = world.counted(began_ms)

        _fill(small_disk / "filler")
        until(lambda: _is_refused_for_room(tracker), "a sentence about the disk", within_s=60)
        world.person.type("typed while there was none")
        until(lambda: _has_failed_to_write(tracker), "a tick that finds no room", within_s=15)
        assert sum(one.worked_ms for one in world.segments(began_ms)) >= sum(one.worked_ms for one in before)

        (small_disk / "filler").unlink()
        world.person.type("and there is room again")
        segments = world.counted(began_ms)
        assert sum(one.worked_ms for one in segments) > sum(one.worked_ms for one in before)
        tracker.do("stop")
        assert total(world.sent(began_ms)) == world.person.done
        tracker.quit()
    finally:
        tracker.stop()


def test_disk_full_from_the_start(world: World, small_disk: Path) -> None:
    data = small_disk / "tracker"
    _fill(small_disk / "filler")
    tracker = Tracker(world.folder, world.tracker.environment, key_file=world.folder / "keys", data=data)
    assert_refused(tracker.say("run", "--headless"), 2, str(small_disk))


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            return


def _is_refused_for_room(tracker: Tracker) -> bool:
    """Make the buffer grow by a long memo, and tell whether the tracker says that the disk is full."""
    said = tracker.say("memo", "More and more words. " * 400)
    status = tracker.ask("status")
    sentences = " ".join((said.err, *status["notices"], status["sync"]["problem"] or ""))
    assert "Traceback" not in sentences
    return "disk" in sentences.lower()


def _has_failed_to_write(tracker: Tracker) -> bool:
    return any("disk" in notice.lower() for notice in tracker.ask("status")["notices"])
