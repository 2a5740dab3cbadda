"""Desktops that tell of input without showing it, behind one set of levers for both contract suites."""

import abc
import shutil
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stage.waiting import until
from tests.fakes.login1 import PrivateBus
from tests.fakes.mutter import FakeMutter
from tests.fakes.wayland import Compositor, KWin, Sway
from tests.fakes.wayland_input import Hands, KWinHands, SwayHands
from tracker.capture.idle.mutter import MutterMonitor
from tracker.capture.idle.notifier import IdleNotifier
from tracker.capture.idle.source import SourceLostError
from tracker.capture.idle.stretches import Stretches
from tracker.capture.idle.watcher import Watcher
from tracker.clock import monotonic_ms

TIMEOUT_MS = 100


class TellingDesktop(abc.ABC):
    """A desktop whose watcher runs on a clock that the test moves; the desktop itself keeps real time."""

    watcher: Watcher

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.stretches = Stretches(TIMEOUT_MS)

    def clock(self) -> int:
        return self.now_ms

    def settle(self) -> None:
        """Wait until the desktop has told that its person is idle, so that the clock may move."""
        until(self._is_settled, "the person to be idle", poll_s=0.005)

    def wait_for_input(self) -> None:
        """Wait until input of this very moment is known."""
        until(lambda: self.stretches.newest_ms(self.now_ms) == self.now_ms, "the input", poll_s=0.002)

    @abc.abstractmethod
    def press_key(self) -> None: ...

    @abc.abstractmethod
    def move_pointer(self) -> None: ...

    @abc.abstractmethod
    def lose(self) -> None: ...

    @abc.abstractmethod
    def restore(self) -> None: ...

    @abc.abstractmethod
    def close(self) -> None: ...

    def _is_settled(self) -> bool:
        if not self.watcher.running:
            return True
        return self.stretches._began_ms is None and self.stretches._asked_ms is None


class _WaylandDesktop(TellingDesktop):
    def __init__(self, compositor: Compositor, hands: Hands) -> None:
        super().__init__()
        self._compositor = compositor
        self._hands = hands
        self._path = compositor.runtime / compositor.display
        self.watcher = Watcher((partial(IdleNotifier, self._path),), self.clock, self.stretches)
        self._wait_until_ready()

    def press_key(self) -> None:
        self._hands.press_key()

    def move_pointer(self) -> None:
        self._hands.move_pointer()

    def lose(self) -> None:
        self._hands.close()
        self._compositor.kill()

    def restore(self) -> None:
        self._compositor.revive()
        self._wait_until_ready()

    def close(self) -> None:
        self._hands.close()
        self._compositor.close()

    def _wait_until_ready(self) -> None:
        """KWin offers some of its interfaces only after it has begun to listen."""
        until(self._is_ready, "the compositor to tell of idleness", poll_s=0.05)
        self._hands.move_pointer()

    def _is_ready(self) -> bool:
        wake, woken = socket.socketpair()
        with wake, woken:
            try:
                IdleNotifier(self._path, Stretches(), monotonic_ms, woken).close()
            except SourceLostError:
                return False
        return True


class SwayDesktop(_WaylandDesktop):
    def __init__(self) -> None:
        sway = Sway()
        super().__init__(sway, SwayHands(sway))


class KWinDesktop(_WaylandDesktop):
    def __init__(self) -> None:
        kwin = KWin(environ={"KWIN_WAYLAND_NO_PERMISSION_CHECKS": "1"})
        super().__init__(kwin, KWinHands(kwin))


class MutterDesktop(TellingDesktop):
    """A real bus with Mutter's interface as Mutter 43 answers it, and a person of the test's own."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="mutter-"))
        self._bus = PrivateBus(self._folder)
        self.mutter = FakeMutter(self._bus.address, self.clock)
        self.watcher = Watcher((self._open,), self.clock, self.stretches)

    def _open(self, stretches: Stretches, clock: Callable[[], int], woken: socket.socket) -> MutterMonitor:
        monitor = MutterMonitor(self._bus.address, stretches, clock, woken)
        monitor._bus._monotonic_ms = monotonic_ms  # a moved clock must not seem to be a bus that does not answer
        return monitor

    def settle(self) -> None:
        """Pauses are told on the moved clock: the person is idle once it has moved on."""
        if self.watcher.running:
            self.now_ms += TIMEOUT_MS
        super().settle()

    def press_key(self) -> None:
        self.mutter.give_input()

    def move_pointer(self) -> None:
        self.mutter.give_input()

    def lose(self) -> None:
        self._bus.kill()
        self.mutter.close()

    def restore(self) -> None:
        self._bus.revive()
        self.mutter = FakeMutter(self._bus.address, self.clock)

    def close(self) -> None:
        self._bus.kill()
        self.mutter.close()
        shutil.rmtree(self._folder)
