"""The thread that hears when there is input, for the idle watch and the counter of active time together."""

import select
import socket
import threading
from collections.abc import Callable
from typing import Final

from tracker.capture.idle.source import Source, SourceLostError
from tracker.capture.idle.stretches import Stretches

_JOIN_S: Final = 5.0

Open = Callable[[Stretches, Callable[[], int], socket.socket], Source]
"""Connects a source: given where to note, the monotonic clock, and what is readable once the thread is to stop."""


class Watcher:
    """Watches while anybody uses it.

    The thread only notes. It ends where the desktop goes away, and the next start watches again.

    Args:
        opens: the sources to try, in this order; the first that works is used.
        monotonic_ms: reads the monotonic clock, in milliseconds.
        stretches: where to note.
    """

    def __init__(
        self, opens: tuple[Open, ...], monotonic_ms: Callable[[], int], stretches: Stretches | None = None
    ) -> None:
        self._opens = opens
        self._monotonic_ms = monotonic_ms
        self.stretches = stretches or Stretches()
        self.failure: str | None = None
        """Why it is not watching, though it is used; a cause alone, to follow upon a colon."""
        self.source_name: str | None = None
        """The interface that told of input last, None before the first start."""
        self.can_be_blinded = False
        """Whether video players and calls keep that one from noticing that the person is idle."""
        self._users: set[str] = set()
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, user: str) -> None:
        """Watch for a user, and again where the desktop went away.

        Raises:
            SourceLostError: no source works; the user is not kept.
        """
        if not self.running:
            self._end()
            wake, woken = socket.socketpair()
            try:
                source = self._open(woken)
            except SourceLostError as error:
                self.failure = str(error)
                wake.close()
                woken.close()
                raise
            self.failure, self._wake = None, wake
            self.source_name, self.can_be_blinded = source.name, source.can_be_blinded
            self._thread = threading.Thread(target=self._run, args=(source, woken), name="daybook-idle", daemon=True)
            self._thread.start()
        self._users.add(user)

    def stop(self, user: str) -> None:
        """Let go for a user; the last one ends the thread. Harmless where it is none."""
        self._users.discard(user)
        if not self._users:
            self._end()
            self.failure = None

    def _end(self) -> None:
        if self._wake is not None:
            self._wake.close()
            self._wake = None
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            self._thread = None

    def _open(self, woken: socket.socket) -> Source:
        causes = []
        for connect in self._opens:
            try:
                return connect(self.stretches, self._monotonic_ms, woken)
            except SourceLostError as error:
                causes.append(str(error).removesuffix("."))
        raise SourceLostError(f"{'; '.join(causes)}.")

    def _run(self, source: Source, woken: socket.socket) -> None:
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        poll.register(source.fileno(), select.POLLIN)
        try:
            source.handle()
            while woken.fileno() not in {descriptor for descriptor, _ in poll.poll(source.wait_ms())}:
                source.handle()
        except SourceLostError as error:
            self.failure = str(error)
        finally:
            self.stretches.lost(self._monotonic_ms())
            source.close()
            woken.close()
