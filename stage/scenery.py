"""Something believable to look at: an editor with code in it, and a terminal with a test run.

`python -m stage.scenery editor` and `… terminal` draw inside a terminal window; the editor takes in what is typed.
"""

import curses
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from stage import screen
from stage.desktop import Desktop
from stage.processes import StageError, program, started
from stage.waiting import until

_CODE = '''\
"""Sends the shop's orders to Northwind's API, each exactly once."""

import logging
from collections.abc import Iterable
from itertools import batched

from northwind.client import Client, Refused
from northwind.orders import Order, Outbox

BATCH = 50
log = logging.getLogger(__name__)


def send(outbox: Outbox, client: Client) -> int:
    """Send what waits, oldest first, and tell how many arrived.



    """
    sent = 0
    for batch in batched(outbox.waiting(), BATCH):
        key = outbox.key_of(batch)  # the same orders, the same key
        try:
            answer = client.post("/v2/orders", [order.row() for order in batch], key=key)
        except Refused as refusal:
            outbox.set_aside(refusal.order, refusal.reason)
            log.warning("order %s was refused: %s", refusal.order.number, refusal.reason)
            continue
        outbox.mark_sent(batch, answer.received)
        sent += len(batch)
    return sent


def unanswered(outbox: Outbox, orders: Iterable[Order]) -> list[Order]:
    """Tell which orders the API has not acknowledged yet."""
    acknowledged = outbox.acknowledged()
    return [order for order in orders if order.number not in acknowledged]
'''
_TYPED_AT = (17, 4)
_ERASE = "\x7f"
_WIDEST = 88
_TERMINAL = """\
\x1b[1;38;5;150mana@studio\x1b[0m:\x1b[1;38;5;110m~/northwind\x1b[0m$ pytest -q
\x1b[38;5;108m........................................................\x1b[0m [ 41%]
\x1b[38;5;108m...............................\x1b[38;5;180ms\x1b[38;5;108m........................\x1b[0m [ 82%]
\x1b[38;5;108m........................\x1b[0m                                 [100%]
\x1b[1;38;5;150m135 passed\x1b[0m, \x1b[38;5;180m1 skipped\x1b[0m\x1b[38;5;108m in 6.12s\x1b[0m
\x1b[1;38;5;150mana@studio\x1b[0m:\x1b[1;38;5;110m~/northwind\x1b[0m$ git status -sb
## \x1b[38;5;108msend-once\x1b[0m...\x1b[38;5;174morigin/send-once\x1b[0m [ahead \x1b[38;5;108m2\x1b[0m]
 \x1b[38;5;174mM\x1b[0m northwind/sending.py
 \x1b[38;5;174mM\x1b[0m tests/test_sending.py
\x1b[1;38;5;150mana@studio\x1b[0m:\x1b[1;38;5;110m~/northwind\x1b[0m$ """

_WORDS = re.compile(
    r"(?P<text>\"\"\".*|f?\"[^\"]*\")|(?P<comment>#.*)|(?P<number>\b\d+\b)"
    r"|(?P<keyword>\b(?:def|return|import|from|for|in|if|is|and|not|with|as|class|try|except|continue)\b)|(?P<name>\b[A-Z]\w+\b)"
)
_COLOURS = {"text": 150, "comment": 245, "number": 180, "keyword": 110, "name": 222, "margin": 240, "bar": 250}
_DARK, _BAR = 235, 238


@contextmanager
def shown(desktop: Desktop) -> Iterator[screen.Window]:
    """Put the editor and the terminal on a virtual desktop; give the editor's window, which has the focus."""
    with ExitStack() as stack:
        for what, place in (("terminal", "98x10+452+576"), ("editor", "98x33+452+10")):
            stack.enter_context(_terminal_window(desktop, what, place))
        yield until(lambda: _window_titled(desktop, "editor"), "the editor's window")


@contextmanager
def _terminal_window(desktop: Desktop, what: str, place: str) -> Iterator[None]:
    command = [program("xterm"), "-name", what, "-T", _TITLES[what], "-geometry", place, "-tn", "xterm-256color"]
    command += ["-fa", "DejaVu Sans Mono", "-fs", "9.5", "-bg", "#262626", "-fg", "#d0d0d0", "-bw", "0", "-b", "6"]
    command += ["+sb", "-xrm", "XTerm*allowTitleOps: false", "-e", sys.executable, "-m", "stage.scenery", what]
    with started(command, environment=desktop.environment, log=desktop.folder / f"{what}.log"):
        until(lambda: _window_titled(desktop, what), f"the {what}'s window")
        yield


_TITLES = {"editor": "sending.py - northwind - Editor", "terminal": "ana@studio: ~/northwind"}


def _window_titled(desktop: Desktop, what: str) -> screen.Window | None:
    return next((window for window in screen.windows(desktop.display) if window.title == _TITLES[what]), None)


@dataclass
class _Text:
    """Lines being edited and where the next character goes."""

    lines: list[str] = field(default_factory=_CODE.splitlines)
    row: int = _TYPED_AT[0] - 1
    column: int = _TYPED_AT[1]

    def take(self, character: str) -> None:
        """Insert a typed character; a new line keeps the indentation."""
        line = self.lines[self.row]
        if character == "\n":
            self.lines[self.row : self.row + 1] = [line[: self.column], " " * _TYPED_AT[1] + line[self.column :]]
            self.row, self.column = self.row + 1, _TYPED_AT[1]
        elif character == _ERASE:
            self.lines[self.row] = line[: max(self.column - 1, 0)] + line[self.column :]
            self.column = max(self.column - 1, 0)
        elif character.isprintable():
            self.lines[self.row] = line.ljust(self.column)[: self.column] + character + line[self.column :]
            self.column += 1
            if self.column >= _WIDEST:
                self.take("\n")


def _edit(window: curses.window) -> None:
    curses.use_default_colors()
    curses.mousemask(curses.ALL_MOUSE_EVENTS)  # takes clicks in, so that the terminal selects nothing
    for number, colour in enumerate(_COLOURS.values(), start=1):
        curses.init_pair(number, colour, _BAR if number == len(_COLOURS) else _DARK)
    text = _Text()
    while True:
        _paint(window, text)
        key = window.get_wch()
        if isinstance(key, str):
            text.take({"\r": "\n", "\b": _ERASE}.get(key, key))
        elif key == curses.KEY_BACKSPACE:
            text.take(_ERASE)


def _paint(window: curses.window, text: _Text) -> None:
    pairs = {name: curses.color_pair(number) for number, name in enumerate(_COLOURS, start=1)}
    height, width = window.getmaxyx()
    top = max(0, text.row - height + 5)
    window.erase()
    mark = "×" if (text.row + 1, text.column) == _TYPED_AT else "●"
    bar = f"  sending.py {mark}   orders.py   test_sending.py"
    window.addnstr(0, 0, bar.ljust(width), width, pairs["bar"])
    for place, line in enumerate(text.lines[top : top + height - 2], start=1):
        window.addnstr(place, 0, f"{top + place:4}  ", width, pairs["margin"])
        window.addnstr(place, 6, line, width - 7)
        for word in _WORDS.finditer(line):
            kind = "text" if _in_docstring(text.lines, top + place - 1) else str(word.lastgroup)
            window.addnstr(place, 6 + word.start(), word.group(), max(0, width - 7 - word.start()), pairs[kind])
        if _in_docstring(text.lines, top + place - 1):
            window.addnstr(place, 6, line, width - 7, pairs["text"])
    foot = f"  send-once   Ln {text.row + 1}, Col {text.column + 1}"
    window.addnstr(height - 1, 0, foot.ljust(width - 1), width - 1, pairs["bar"])
    window.move(text.row - top + 1, min(6 + text.column, width - 1))
    window.refresh()


def _in_docstring(lines: list[str], row: int) -> bool:
    """Tell whether a line lies inside a docstring of several lines."""
    return sum(line.count('"""') for line in lines[:row]) % 2 == 1


def main(words: list[str]) -> int:
    """Draw one of the two, until its window closes."""
    if words == ["editor"]:
        curses.wrapper(_edit)
    elif words == ["terminal"]:
        print(_TERMINAL, end="", flush=True)
        threading.Event().wait()
    else:
        raise StageError("Say which: editor or terminal.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
