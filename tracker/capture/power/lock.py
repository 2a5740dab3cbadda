"""Whether the screen is locked, from several desktops' ways of saying so; pure."""

from tracker.capture.power.port import PowerEvent


class LockState:
    """Joins what several sources say of the lock into one state and its events.

    A source is trusted when it says *locked*. When it says *unlocked*, it may be one that never says anything else:
    logind's LockedHint is set by some desktops alone. Such a source is believed once it has said *locked*.

    A request to lock (logind's Lock signal) is told at once, since a simple locker says nothing of its own; until a
    source contradicts it, whether the screen is locked cannot be told.
    """

    def __init__(self) -> None:
        self._said: dict[str, bool] = {}
        self._believed: set[str] = set()
        self._told_locked = False
        self.is_locked: bool | None = None
        """What is known now. One attribute, so that other threads can read it."""

    def learn(self, source: str, *, locked: bool, may_be_mute: bool = False) -> PowerEvent | None:
        """Take in what a source says now.

        Args:
            source: which one.
            locked: what it says.
            may_be_mute: its *unlocked* means nothing as long as it has never said *locked*.
        """
        before = self._said.get(source)
        self._said[source] = locked
        if locked or not may_be_mute:
            self._believed.add(source)
        if locked == before:
            return None
        return self._told(locked=locked)

    def forget(self, source: str) -> None:
        """Take note that a source is gone; what was told stays until another one speaks."""
        self._said.pop(source, None)
        self._judge()

    def request(self, *, lock: bool) -> PowerEvent | None:
        """Take in that the desktop was asked to lock or to unlock; sources that know better are not overruled."""
        if any(self._said.values()):
            return None
        if lock:
            self._told_locked = True
            self._judge()
            return PowerEvent.LOCKED
        return self._told(locked=False)

    def _told(self, *, locked: bool) -> PowerEvent | None:
        """Tell a change, unless another source's *locked* covers it."""
        others = sum(self._said.values()) - locked
        event = None
        if locked and not others:
            self._told_locked, event = True, PowerEvent.LOCKED
        elif not locked and not others and self._told_locked:
            self._told_locked, event = False, PowerEvent.UNLOCKED
        self._judge()
        return event

    def _judge(self) -> None:
        if any(self._said.values()):
            self.is_locked = True
        elif self._told_locked or not any(source in self._believed for source in self._said):
            self.is_locked = None
        else:
            self.is_locked = False
