"""One thread with one queue: how the engine and the sync service wait.

Both wait here and nowhere else, so that whatever stands in for it decides who runs next and what the time is then.
"""

import abc
import concurrent.futures
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

ItemT = TypeVar("ItemT")


class Worker(abc.ABC, Generic[ItemT]):
    """Runs a loop in a thread of its own, and keeps what is handed to it until the loop takes it."""

    @property
    @abc.abstractmethod
    def is_running(self) -> bool:
        """Whether the loop was started and has not ended."""

    @abc.abstractmethod
    def start(self, loop: Callable[[], None], *, is_daemon: bool = False) -> None:
        """Run the loop; a daemon's does not keep the program from ending."""

    @abc.abstractmethod
    def put(self, item: ItemT) -> None:
        """Hand something in, from any thread."""

    @abc.abstractmethod
    def take(self, timeout_s: float | None) -> ItemT:
        """Take the oldest item; wait for one so long, None for ever.

        Raises:
            queue.Empty: none came.
        """

    @abc.abstractmethod
    def join(self, timeout_s: float | None) -> None:
        """Wait in another thread until the loop has ended, so long at most."""

    @abc.abstractmethod
    def wait_for(self, done: Future[Any], within_s: float) -> None:
        """Wait in another thread for something that the loop does, so long at most."""


NewWorker = Callable[[str], Worker[Any]]


class ThreadWorker(Worker[ItemT]):
    """A thread of this process.

    Args:
        name: the thread's.
    """

    def __init__(self, name: str) -> None:
        self._items: queue.SimpleQueue[ItemT] = queue.SimpleQueue()
        self._name = name
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, loop: Callable[[], None], *, is_daemon: bool = False) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=loop, name=self._name, daemon=is_daemon)
        self._thread.start()

    def put(self, item: ItemT) -> None:
        """Put it into the queue."""
        self._items.put(item)

    def take(self, timeout_s: float | None) -> ItemT:
        """Wait on the queue."""
        return self._items.get(timeout=timeout_s)

    def join(self, timeout_s: float | None) -> None:
        """Join the thread; one that was not started has nothing to be waited for."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def wait_for(self, done: Future[Any], within_s: float) -> None:
        """Wait on the future."""
        concurrent.futures.wait([done], within_s)
