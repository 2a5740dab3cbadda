"""Threads of which one runs at a time, on a clock that jumps to what the next of them waits for.

The engine's two loops run as they are, each in a thread, and so does the story of the timeline. Whoever has to wait
hands on: to one for whom something has come, else to the one that waits for the earliest instant, to which the clock
goes first. Who runs when follows from the timeline alone, and so does all that they do.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from tests.simulation.world import World
from tracker.worker import Worker

_NEVER = 2**62
_STUCK_S = 600.0  # a machine may be busy, or stopped for a while
_MOST_UNMOVED = 100_000


class ProcessDeathError(BaseException):
    """The process is gone. Not an Exception: nothing that the program does against errors may hold it up."""


class StuckError(Exception):
    """Everybody waits, and nothing will come."""


class _Waiting:
    """One thread, and what it waits for: `is_due` tells whether it has come, `due_ms` (monotonic) when it gives up."""

    def __init__(self) -> None:
        self.baton = threading.Semaphore(0)
        self.due_ms = _NEVER
        self.is_due: Callable[[], bool] = lambda: False
        self.is_over = False


class Turns:
    """Lets the threads of one process after the other take turns.

    Args:
        world: whose clock is moved.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._story = _Waiting()
        self._workers: list[TurnWorker] = []
        self._is_dead = self._is_collecting = False
        self._died: BaseException | None = None
        self._unmoved = self._asked_t = 0

    @property
    def is_dead(self) -> bool:
        """Whether the process has died."""
        return self._is_dead

    def worker(self, name: str) -> "TurnWorker":
        """Make a worker of this process."""
        worker = TurnWorker(self, name)
        self._workers.append(worker)
        return worker

    def wait_story(self, ms: int | None, is_due: Callable[[], bool]) -> None:
        """Let the others run until something has come or so much time has passed, as the story's own thread."""
        self.wait(self._story, None if ms is None else self._world.mono_ms() + ms, is_due)

    def pause(self, ms: int) -> None:
        """Wait so long in whichever thread this is, as for a slow network."""
        me = next((one.waiting for one in self._workers if one.is_this_thread()), self._story)
        self.wait(me, self._world.mono_ms() + ms, lambda: False)

    def die(self) -> None:
        """Kill the process: no thread of it does another thing. Its workers are forgotten, others may follow."""
        self._is_dead = self._is_collecting = True
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        self._is_dead = self._is_collecting = False

    def note_death(self, error: BaseException) -> None:
        """Hear from a thread that it died by itself; `ProcessDeathError` takes all others with it."""
        self._is_dead = True
        if not isinstance(error, ProcessDeathError):
            self._died = error

    def wait(self, me: _Waiting, due_ms: int | None, is_due: Callable[[], bool]) -> None:
        """Hand on until it is one's turn again.

        Raises:
            ProcessDeathError: the process died meanwhile.
        """
        me.due_ms, me.is_due = _NEVER if due_ms is None else due_ms, is_due
        chosen = self._next()
        if chosen is not me:
            chosen.baton.release()
            if not me.baton.acquire(timeout=_STUCK_S):
                raise StuckError("a thread was not given its turn again")
        if me is self._story and self._died is not None:
            raise self._died
        if self._is_dead:
            raise ProcessDeathError

    def hand_on(self) -> None:
        """Let the next one run, as a thread that ends."""
        if not self._is_collecting:
            self._next().baton.release()

    def note_moved(self, t: int) -> None:
        """See that somebody asks without waiting; a loop that only does that would never let time pass.

        Raises:
            StuckError: it does.
        """
        self._unmoved = self._unmoved + 1 if t == self._asked_t else 0
        self._asked_t = t
        if self._unmoved > _MOST_UNMOVED:
            raise StuckError("a loop runs on without waiting")

    def _next(self) -> _Waiting:
        """Choose who runs next, and let the time come that they wait for."""
        if self._is_dead:
            return self._story
        everybody = [*(worker.waiting for worker in self._workers if not worker.waiting.is_over), self._story]
        for one in everybody:
            if one.is_due():
                return one
        first = min(everybody, key=lambda one: one.due_ms)
        if first.due_ms == _NEVER:
            raise StuckError("everybody waits for ever")
        self._world.t += max(0, first.due_ms - self._world.mono_ms())
        return first


class TurnWorker(Worker[Any]):
    """A worker that waits by handing on."""

    def __init__(self, turns: Turns, name: str) -> None:
        self.waiting = _Waiting()
        self.waiting.is_over = True
        self._turns = turns
        self._items: deque[Any] = deque()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop: Callable[[], None] = lambda: None
        self._world = turns._world

    @property
    def is_running(self) -> bool:
        return not self.waiting.is_over

    def start(self, loop: Callable[[], None], *, is_daemon: bool = False) -> None:
        del is_daemon  # it ends with its process in any case
        self._loop = loop
        self.waiting.is_over, self.waiting.is_due = False, lambda: True
        self._thread.start()

    def put(self, item: Any) -> None:
        self._items.append(item)

    def take(self, timeout_s: float | None) -> Any:
        if timeout_s == 0:
            self._turns.note_moved(self._world.t)
        elif not self._items:
            due_ms = None if timeout_s is None else self._world.mono_ms() + max(1, round(timeout_s * 1000))
            self._turns.wait(self.waiting, due_ms, lambda: bool(self._items))
        if not self._items:
            raise queue.Empty
        return self._items.popleft()

    def join(self, timeout_s: float | None) -> None:
        self._turns.wait_story(None if timeout_s is None else round(timeout_s * 1000), lambda: self.waiting.is_over)

    def wait_for(self, done: Future[Any], within_s: float) -> None:
        self._turns.wait_story(round(within_s * 1000), done.done)

    def is_this_thread(self) -> bool:
        """Tell whether it is the one that runs."""
        return threading.current_thread() is self._thread

    def end(self) -> None:
        """Let the thread come to its end, in a process that has died."""
        if self._thread.is_alive():
            self.waiting.baton.release()
            self._thread.join(_STUCK_S)

    def _run(self) -> None:
        self.waiting.baton.acquire()
        try:
            if not self._turns.is_dead:
                self._loop()
        except BaseException as error:  # noqa: BLE001 (the story's thread is told)
            self._turns.note_death(error)
        finally:
            self.waiting.is_over = True
            self._turns.hand_on()
