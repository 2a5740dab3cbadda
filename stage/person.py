"""A person at a desktop: real key presses, clicks and scrolls in known numbers, made by xdotool."""

import subprocess
from dataclasses import dataclass

from stage.desktop import Desktop
from stage.processes import StageError, program

# On the US layout of a virtual display each of these is one key press: no shift, no other modifier.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789 \n.,;'/-=[]`\\")


@dataclass(frozen=True)
class Input:
    """How much input there was: key presses, clicks and scroll steps."""

    keys: int = 0
    clicks: int = 0
    scrolls: int = 0

    def __add__(self, other: "Input") -> "Input":
        return Input(self.keys + other.keys, self.clicks + other.clicks, self.scrolls + other.scrolls)


class Person:
    """Works at a virtual desktop and remembers how much.

    Never at a real one: what is typed goes to whichever window has the focus.
    """

    def __init__(self, desktop: Desktop) -> None:
        if not desktop.is_virtual:
            raise StageError("A simulated person works at a virtual desktop alone, never at yours.")
        self._environment = dict(desktop.environment)
        self._xdotool = program("xdotool")
        self.done = Input()

    def point(self, left: int, top: int) -> None:
        """Move the pointer there."""
        self._do("mousemove", str(left), str(top))

    def type(self, text: str, *, delay_ms: int = 12) -> None:
        """Type a text into the window with the focus, one key press a character.

        Raises:
            StageError: a character needs a modifier, whose press would count as well.
        """
        if odd := set(text) - _PLAIN:
            raise StageError(f"These characters take more than one key press: {''.join(sorted(odd))!r}")
        self._do("type", "--delay", str(delay_ms), "--", text)
        self.done += Input(keys=len(text))

    def erase(self, characters: int, *, delay_ms: int = 12) -> None:
        """Take the last characters away again, one key press each."""
        if characters:
            self._do("key", "--delay", str(delay_ms), "--repeat", str(characters), "BackSpace")
            self.done += Input(keys=characters)

    def focus(self, window: int) -> None:
        """Bring a window to the front and give it the keyboard."""
        self._do("windowactivate", "--sync", str(window))

    def click(self, times: int = 1, *, delay_ms: int = 30) -> None:
        """Click with the left button where the pointer is."""
        self._do("click", "--repeat", str(times), "--delay", str(delay_ms), "1")
        self.done += Input(clicks=times)

    def scroll(self, steps: int, *, delay_ms: int = 15) -> None:
        """Turn the wheel; down, or up where steps is negative."""
        if steps == 0:
            return
        button = "5" if steps > 0 else "4"
        self._do("click", "--repeat", str(abs(steps)), "--delay", str(delay_ms), button)
        self.done += Input(scrolls=abs(steps))

    def place(self, window: int, left: int, top: int, width: int, height: int) -> None:
        """Move and resize a window so that its content, within the frame, lies there."""
        self._do("windowsize", "--sync", str(window), str(width), str(height))
        self._do("windowmove", "--sync", str(window), str(left), str(top))

    def _do(self, *words: str) -> None:
        answer = subprocess.run(
            [self._xdotool, *words], env=self._environment, capture_output=True, text=True, check=False, timeout=120
        )
        if answer.returncode != 0:
            raise StageError(f"xdotool {words[0]} failed: {answer.stderr.strip()}")
