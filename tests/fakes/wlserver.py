"""A compositor of a few words: it offers what a test says, notes what is asked of it, and sends what the test wants."""

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

_WORD = struct.Struct("=I")


class WaylandServer:
    """Answers one connection after the other in a thread; `silent` lets it accept and say nothing.

    Args:
        path: of its socket.
        offers: interfaces with their versions; the first has the name 1, and so on.
        silent: whether it answers at all.
    """

    def __init__(self, path: Path, offers: dict[str, int], *, silent: bool = False) -> None:
        self._offers = list(offers.items())
        self._silent = silent
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._peer: socket.socket | None = None
        self.bound: dict[int, str] = {}
        """The interface that each number is bound to."""
        self.asked: list[tuple[str, int, tuple[int, ...]]] = []
        """Requests to what was bound: interface, request, words."""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def send(self, target: int, number: int, body: bytes = b"") -> None:
        """Send an event."""
        assert self._peer is not None
        self._peer.sendall(struct.pack("=II", target, (8 + len(body)) << 16 | number) + body)

    def send_raw(self, data: bytes) -> None:
        """Send what may be no event at all."""
        assert self._peer is not None
        self._peer.sendall(data)

    def refuse(self, why: str) -> None:
        """Send the error after which a compositor hangs up."""
        self.send(1, 0, _WORD.pack(1) + _WORD.pack(0) + _text(why))

    def take_back(self, name: int) -> None:
        """Offer a global no longer."""
        self.send(2, 1, _WORD.pack(name))

    def close(self) -> None:
        for one in (self._listener, self._peer):
            with suppress(OSError):  # nobody at the other end any more
                if one is not None:
                    one.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        try:
            while True:
                self._peer, _ = self._listener.accept()
                with self._peer, self._peer.makefile("rb") as stream:
                    while header := stream.read(8):
                        target, rest = struct.unpack("=II", header)
                        self._answer(target, rest & 0xFFFF, stream.read((rest >> 16) - 8))
        except OSError:
            return  # closed

    def _answer(self, target: int, number: int, body: bytes) -> None:
        if self._silent:
            return
        words = struct.unpack(f"={len(body) // 4}I", body)
        if (target, number) == (1, 0):
            self.send(words[0], 0, _WORD.pack(0))
        elif (target, number) == (1, 1):
            for name, (interface, version) in enumerate(self._offers, 1):
                self.send(words[0], 0, _WORD.pack(name) + _text(interface) + _WORD.pack(version))
        elif target == 2:
            self.bound[words[-1]] = f"{self._offers[words[0] - 1][0]}.{words[-2]}"
        elif target in self.bound:
            self.asked.append((self.bound[target], number, words))


def _text(word: str) -> bytes:
    raw = word.encode() + b"\0"
    return _WORD.pack(len(raw)) + raw + bytes(-len(raw) % 4)
