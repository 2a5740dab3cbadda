"""A Wayland compositor of a few words: it offers what a test says and answers with what a test writes."""

import socket
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

HEADER = struct.Struct("=II")


def event(target: int, opcode: int, payload: bytes = b"") -> bytes:
    """Write an event."""
    return HEADER.pack(target, (HEADER.size + len(payload)) << 16 | opcode) + payload


def word(*values: int) -> bytes:
    """Write integers."""
    return b"".join(struct.pack("=I", value & 0xFFFF_FFFF) for value in values)


def text(value: str) -> bytes:
    """Write a string."""
    raw = value.encode() + b"\0"
    return word(len(raw)) + raw + b"\0" * (-len(raw) % 4)


class ScriptedCompositor:
    """A socket and a thread that reads requests.

    Args:
        path: of the socket.
        offers: interfaces, each in version 3.
        answer: gives the events for a request (object, opcode, payload), over the usual ones.
    """

    def __init__(
        self, path: Path, offers: Sequence[str], answer: Callable[[int, int, bytes], bytes] = lambda *_: b""
    ) -> None:
        self.path = path
        self._offers = offers
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Go away."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                self._attend(client)

    def _attend(self, client: socket.socket) -> None:
        received = b""
        while True:
            try:
                data = client.recv(65_536)
            except OSError:
                return
            if not data:
                return
            received += data
            while len(received) >= HEADER.size:
                target, rest = HEADER.unpack_from(received)
                size, opcode = rest >> 16, rest & 0xFFFF
                if len(received) < size:
                    break
                payload, received = received[HEADER.size : size], received[size:]
                try:
                    client.sendall(self._events(target, opcode, payload))
                except OSError:
                    return

    def _events(self, target: int, opcode: int, payload: bytes) -> bytes:
        mine = self._answer(target, opcode, payload)
        if (target, opcode) == (1, 0):
            return mine + event(int.from_bytes(payload[:4], "little"), 0, word(0))
        if (target, opcode) == (1, 1):
            registry = int.from_bytes(payload[:4], "little")
            offers = enumerate(self._offers, start=1)
            return mine + b"".join(event(registry, 0, word(name) + text(one) + word(3)) for name, one in offers)
        return mine
