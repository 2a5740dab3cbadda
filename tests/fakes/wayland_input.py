"""A person at a compositor without a screen: keys and a pointer as its own test interfaces take them, and a video."""

import abc
import os
import socket
import struct
import subprocess
from pathlib import Path

from stage.processes import program
from tests.fakes.wayland import Compositor, KWin, Sway, as_ordinary_user
from tracker.capture.wlconnection import Wayland
from tracker.clock import monotonic_ms

_SIDE_PX = 64


class Hands(abc.ABC):
    """Gives input to a compositor, also after it was brought back."""

    @abc.abstractmethod
    def press_key(self) -> None: ...

    @abc.abstractmethod
    def move_pointer(self) -> None: ...

    def close(self) -> None:  # noqa: B027 - sway's need nothing
        """Let go."""


class SwayHands(Hands):
    """sway's own commands move the pointer; wtype presses keys of a virtual keyboard."""

    def __init__(self, sway: Sway) -> None:
        self._sway = sway
        self._left = 10

    def press_key(self) -> None:
        subprocess.run([program("wtype"), "a"], env=self._sway.environ, check=True)

    def move_pointer(self) -> None:
        self._left += 1
        self._sway.point(self._left, 10)


# KWin looks at the program that wants to give input: it must be one that KWin's user may read, run by that user.
_PYTHON = "/usr/bin/python3"
_KWIN_INPUT = """
import socket, struct, sys
def text(word):
    raw = word.encode() + bytes(1)
    return struct.pack("=I", len(raw)) + raw + bytes(-len(raw) % 4)
def send(target, number, body=b""):
    wayland.sendall(struct.pack("=II", target, (8 + len(body)) << 16 | number) + body)
wayland = socket.socket(socket.AF_UNIX)
wayland.connect(sys.argv[1])
stream = wayland.makefile("rb")
send(1, 1, struct.pack("=I", 2))
name = None
while name is None:  # KWin offers it some time after it has begun to listen
    target, rest = struct.unpack("=II", stream.read(8))
    body = stream.read((rest >> 16) - 8)
    if target == 2 and b"org_kde_kwin_fake_input" in body:
        (name,) = struct.unpack_from("=I", body)
send(2, 0, struct.pack("=I", name) + text("org_kde_kwin_fake_input") + struct.pack("=II", 4, 3))
send(3, 0, text("test") + text("test"))
send(3, 1, struct.pack("=ii", 256, 256))  # the first input of a new device may go nowhere
print("ready", flush=True)
for line in sys.stdin:
    if line == "move\\n":
        send(3, 1, struct.pack("=ii", 256, 256))
    else:
        send(3, 10, struct.pack("=II", 30, 1))
        send(3, 10, struct.pack("=II", 30, 0))
"""


class KWinHands(Hands):
    """org_kde_kwin_fake_input, in a process of its own.

    Args:
        kwin: started with KWIN_WAYLAND_NO_PERMISSION_CHECKS=1.
    """

    def __init__(self, kwin: KWin) -> None:
        self._kwin = kwin
        self._process: subprocess.Popen[str] | None = None

    def press_key(self) -> None:
        self._say("key")

    def move_pointer(self) -> None:
        self._say("move")

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _say(self, word: str) -> None:
        if self._process is None or self._process.poll() is not None:
            self.close()
            socket_path = str(self._kwin.runtime / self._kwin.display)
            self._process = subprocess.Popen(
                [*as_ordinary_user(), program(_PYTHON), "-c", _KWIN_INPUT, socket_path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert self._process.stdout is not None
            assert self._process.stdout.readline() == "ready\n"
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()


class Video:
    """A video player's window; while it plays it keeps the screen awake."""

    def __init__(self, compositor: Compositor) -> None:
        self._wake, woken = socket.socketpair()
        self._woken = woken
        self._wayland = Wayland(Path(compositor.runtime, compositor.display), monotonic_ms, woken)
        wayland = self._wayland
        composes, shares, shows = (wayland.bind(name, 1) for name in ("wl_compositor", "wl_shm", "xdg_wm_base"))
        self._inhibits = wayland.bind("zwp_idle_inhibit_manager_v1", 1)
        self._surface = surface = self._make(composes, 0)
        shown = self._make(shows, 2, surface)
        self._make(shown, 1)
        wayland.request(surface, 6)  # commit: the answer says how to begin
        wayland.settle()
        pool = self._share(shares)
        buffer = self._make(pool, 0, 0, _SIDE_PX, _SIDE_PX, 4 * _SIDE_PX, 1)
        for event in wayland.events():
            if event.sender == shown:
                wayland.request(shown, 4, *struct.unpack("=I", event.body))
        wayland.request(surface, 1, buffer, 0, 0)
        wayland.request(surface, 6)
        wayland.settle()

    def play(self) -> None:
        """Keep the screen awake until the window is closed."""
        self._make(self._inhibits, 1, self._surface)
        self._wayland.settle()

    def close(self) -> None:
        self._wayland.close()
        self._wake.close()
        self._woken.close()

    def _make(self, target: int, number: int, *words: int) -> int:
        made = self._wayland.new_id()
        self._wayland.request(target, number, made, *words)
        return made

    def _share(self, shares: int) -> int:
        size = 4 * _SIDE_PX * _SIDE_PX
        pool, memory = self._wayland.new_id(), os.memfd_create("video")
        os.ftruncate(memory, size)
        message = struct.pack("=IIII", shares, 16 << 16, pool, size)
        socket.send_fds(self._wayland._socket, [message], [memory])
        os.close(memory)
        return pool
