"""The thread that engine and sync wait in."""

import queue
from concurrent.futures import Future

import pytest

from tracker.worker import ThreadWorker

WITHIN_S = 20.0


def test_it_takes_what_is_handed_in_in_order_and_ends_with_its_loop() -> None:
    worker, done = ThreadWorker[int]("test"), Future[list[int]]()
    worker.put(1)
    worker.put(2)
    worker.start(lambda: done.set_result([worker.take(None) for _ in range(3)]))
    worker.put(3)
    worker.wait_for(done, WITHIN_S)
    assert done.result(0) == [1, 2, 3]
    worker.join(WITHIN_S)
    assert not worker.is_running


def test_it_runs_from_its_start_on() -> None:
    worker, gate = ThreadWorker[int]("test"), Future[None]()
    before = worker.is_running
    worker.start(lambda: gate.result(WITHIN_S))
    while_waiting = worker.is_running
    gate.set_result(None)
    worker.join(WITHIN_S)
    assert (before, while_waiting, worker.is_running) == (False, True, False)


def test_where_nothing_comes_it_says_so() -> None:
    with pytest.raises(queue.Empty):
        ThreadWorker[int]("test").take(0)


def test_waiting_for_what_does_not_come_ends() -> None:
    worker, never = ThreadWorker[int]("test"), Future[None]()
    worker.wait_for(never, 0)
    assert not never.done()
