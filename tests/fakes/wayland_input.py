"""A person at a compositor without a screen: keys and a pointer as its own test interfaces take them, and a video."""

import abc
import os
import subprocess
from pathlib import Path

from stage.processes import program
from tests.fakes.wayland import Compositor, KWin, Sway, as_ordinary_user
from tracker.capture.wayland import Arguments, Wayland
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
        path = Path(compositor.runtime, compositor.display)
        self._wayland = wayland = Wayland(path, monotonic_ms, monotonic_ms() + 60_000)
        composes, shares, shows, self._inhibits = (
            wayland.bind(wayland.offers(name)[0], 1)
            for name in ("wl_compositor", "wl_shm", "xdg_wm_base", "zwp_idle_inhibit_manager_v1")
        )
        self._surface = surface = self._make(composes, 0)
        shown = wayland.new(self._configure)
        wayland.send(shows, 2, shown, surface)
        self._shown = shown
        self._is_configured = False
        self._make(shown, 1)
        wayland.send(surface, 6)  # commit: the answer says how to begin
        wayland.wait(lambda: self._is_configured)
        buffer = self._make(self._share(shares), 0, 0, _SIDE_PX, _SIDE_PX, 4 * _SIDE_PX, 1)
        wayland.send(surface, 1, buffer, 0, 0)
        wayland.send(surface, 6)
        wayland.roundtrip()

    def play(self) -> None:
        """Keep the screen awake until the window is closed."""
        self._make(self._inhibits, 1, self._surface)
        self._wayland.roundtrip()

    def close(self) -> None:
        self._wayland.close()

    def _configure(self, _opcode: int, arguments: Arguments) -> None:
        self._wayland.send(self._shown, 4, arguments.unsigned())
        self._is_configured = True

    def _make(self, target: int, number: int, *words: int) -> int:
        made = self._wayland.new()
        self._wayland.send(target, number, made, *words)
        return made

    def _share(self, shares: int) -> int:
        size, pool, memory = 4 * _SIDE_PX * _SIDE_PX, self._wayland.new(), os.memfd_create("video")
        os.ftruncate(memory, size)
        self._wayland.send(shares, 0, pool, size, descriptor=memory)
        os.close(memory)
        return pool
