"""Taking turns: who runs next, what the time is then, and what becomes of a process that dies."""

import queue
import random
from concurrent.futures import Future

import pytest

from tests.simulation.turns import ProcessDeathError, StuckError, Turns
from tests.simulation.world import World


@pytest.fixture
def world() -> World:
    world = World(random.Random(0), 0, is_misread=False)  # noqa: S311 (a seed must decide everything)
    world.boot()
    return world


def test_the_clock_goes_to_the_earliest_instant_that_somebody_waits_for(world: World) -> None:
    turns, seen = Turns(world), list[tuple[str, int]]()
    for name, every_s in (("one", 2.0), ("two", 3.0)):
        worker = turns.worker(name)

        def loop(worker: object = worker, name: str = name, every_s: float = every_s) -> None:
            while True:
                with pytest.raises(queue.Empty):
                    worker.take(every_s)  # type: ignore[attr-defined]  # a default's type is not inferred
                seen.append((name, world.t))

        worker.start(loop)
    turns.wait_story(6_500, lambda: False)
    assert seen == [("one", 2000), ("two", 3000), ("one", 4000), ("one", 6000), ("two", 6000)]
    assert world.t == 6_500
    turns.die()


def test_what_is_handed_in_is_taken_at_once(world: World) -> None:
    turns, done = Turns(world), Future[int]()
    worker = turns.worker("one")
    worker.start(lambda: done.set_result(worker.take(None)))
    turns.wait_story(1_000, lambda: False)
    worker.put(7)
    worker.wait_for(done, 5)
    assert (done.result(), world.t) == (7, 1_000)
    worker.join(1)
    assert not worker.is_running


def test_a_death_in_a_thread_reaches_the_story_and_ends_the_others(world: World) -> None:
    turns, after = Turns(world), list[str]()
    dying, other = turns.worker("dying"), turns.worker("other")

    def die() -> None:
        with pytest.raises(queue.Empty):
            dying.take(1.0)
        raise ProcessDeathError

    def wait() -> None:
        other.take(None)
        after.append("went on")

    dying.start(die)
    other.start(wait)
    with pytest.raises(ProcessDeathError):
        turns.wait_story(5_000, lambda: False)
    turns.die()
    assert (world.t, after) == (1_000, [])
    assert not other.is_running


def test_an_error_of_a_loop_is_raised_in_the_story(world: World) -> None:
    turns = Turns(world)

    def fail() -> None:
        raise ValueError("ours")

    turns.worker("one").start(fail)
    with pytest.raises(ValueError, match="ours"):
        turns.wait_story(1_000, lambda: False)
    turns.die()


def test_waiting_for_nothing_is_told(world: World) -> None:
    with pytest.raises(StuckError):
        Turns(world).wait_story(None, lambda: False)


def test_a_loop_that_never_waits_is_told(world: World) -> None:
    turns = Turns(world)
    worker = turns.worker("one")

    def spin() -> None:
        while True:
            with pytest.raises(queue.Empty):
                worker.take(0)

    worker.start(spin)
    with pytest.raises(StuckError):
        turns.wait_story(1_000, lambda: False)
    turns.die()
