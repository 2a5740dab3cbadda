"""A power watch whose machine a test suspends, locks and shuts down."""

from tracker.capture.power.port import Listener, PowerEvent, PowerUnavailableError, PowerWatch


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
