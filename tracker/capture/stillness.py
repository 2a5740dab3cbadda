"""Frozen screens: a grab that gives the same picture over and over, although somebody works at the machine."""

import hashlib
from collections.abc import Iterable
from typing import Final

from tracker.capture.screen.port import Frame

SAME_IN_A_ROW: Final = 3


class Stillness:
    """Compares each grab with the one before; of a picture only a hash is kept.

    A still screen is honest: a person reads, or moves the pointer, which no picture shows. So nothing is held back or
    called a failure for being still; only the person is told, who knows whether the screen did change.
    """

    def __init__(self) -> None:
        self._last = b""
        self._last_ms = 0
        self._same = 1

    def looks_frozen(self, frames: Iterable[Frame], last_input_ms: int, now_ms: int) -> bool:
        """Take in a grab, and tell whether it is one of several in a row that input did not change.

        Args:
            frames: all monitors.
            last_input_ms: monotonic, the newest input.
            now_ms: monotonic, the grab.
        """
        digest = hashlib.sha256()
        for frame in frames:
            digest.update(f"{frame.width}x{frame.height}".encode())
            digest.update(frame.bgrx)
        found = digest.digest()
        if found != self._last:
            self._same = 1
        elif last_input_ms > self._last_ms:
            self._same += 1
        self._last, self._last_ms = found, now_ms
        return self._same >= SAME_IN_A_ROW
