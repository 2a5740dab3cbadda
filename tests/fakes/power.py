"""A power watch whose machine a test suspends and locks, and what lies below the watches of other systems."""

import queue
from collections.abc import Callable

from tracker.capture.power.port import Listener, PowerEvent, PowerUnavailableError, PowerWatch
from tracker.capture.power.windows import Handle


class FakePower(PowerWatch):
    """Calls the listener in the test's own thread, so that its effects stand when `say` returns."""

    name = "fake"

    def __init__(self, *, locked: bool | None = False) -> None:
        self._listener: Listener | None = None
        self._problem: str | None = None
        self.locked = locked
        self.lost: str | None = None
        """The sentence with which every start fails, or None."""

    @property
    def running(self) -> bool:
        return self._listener is not None

    def say(self, event: PowerEvent) -> None:
        """Announce an event; like the real thing, it goes unheard unless the watch runs."""
        if event in {PowerEvent.LOCKED, PowerEvent.UNLOCKED}:
            self.locked = event is PowerEvent.LOCKED
        if self._listener is not None and self._problem is None:
            self._listener(event)

    def lose(self, sentence: str) -> None:
        """Fall silent as when the bus goes away."""
        self._problem = self.lost = sentence

    def restore(self) -> None:
        """Be heard again."""
        self._problem = self.lost = None

    def start(self, listener: Listener) -> None:
        if self.lost is not None:
            raise PowerUnavailableError(self.lost)
        if self._listener is None:
            self._listener = listener

    def stop(self) -> None:
        self._listener = None

    def problem(self) -> str | None:
        return self._problem if self.running else None

    def is_locked(self) -> bool | None:
        return self.locked if self.running and self._problem is None else None


class FakeDesktop:
    """What the Windows watch calls; its window can be opened again and again."""

    def __init__(self) -> None:
        self.locked: bool | None = False
        self.refusal: OSError | None = None
        self.answers: list[int | None] = []
        self.closed = 0
        self._handle: Handle | None = None
        self._messages: queue.Queue[tuple[int, int] | None] = queue.Queue()

    def send(self, message: int, wparam: int) -> None:
        """Send a message; without a window nobody gets it."""
        if self._handle is not None:
            self._messages.put((message, wparam))

    def open(self, handle: Handle) -> None:
        if self.refusal is not None:
            raise self.refusal
        self._handle, self._messages = handle, queue.Queue()

    def pump(self) -> None:
        while (message := self._messages.get()) is not None:
            assert self._handle is not None
            self.answers.append(self._handle(*message, 0))

    def quit(self) -> None:
        self._messages.put(None)

    def close(self) -> None:
        self._handle = None
        self.closed += 1

    def is_locked(self) -> bool | None:
        return self.locked


class FakeMac:
    """What the macOS watch calls."""

    def __init__(self) -> None:
        self.locked: bool | None = False
        self.refusal: OSError | None = None
        self.allowed: list[int] = []
        self.closed = 0
        self._on_power: Callable[[int, int], None] | None = None
        self._on_lock: Callable[[bool], None] | None = None
        self._messages: queue.Queue[tuple[int, int] | None] = queue.Queue()

    def send(self, message: int, argument: int = 0) -> None:
        """Send a message of IOKit; unregistered, nobody gets it."""
        if self._on_power is not None:
            self._messages.put((message, argument))

    def say_locked(self, *, locked: bool) -> None:
        """Lock or unlock, and notify in the calling thread as macOS does in the main one."""
        self.locked = locked
        if self._on_lock is not None:
            self._on_lock(locked)

    def time_out(self) -> None:
        """Let the turn end with nothing said."""
        self._messages.put(None)

    def open(self, on_power: Callable[[int, int], None], on_lock: Callable[[bool], None]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self._messages = queue.Queue()
        self._on_power, self._on_lock = on_power, on_lock

    def allow(self, argument: int) -> None:
        self.allowed.append(argument)

    def turn(self, within_s: float) -> None:
        assert within_s > 0
        while (message := self._messages.get()) is not None:
            assert self._on_power is not None
            self._on_power(*message)

    def wake(self) -> None:
        self._messages.put(None)

    def is_locked(self) -> bool | None:
        return self.locked

    def close(self) -> None:
        self._on_power = self._on_lock = None
        self.closed += 1
