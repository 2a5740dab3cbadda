"""A short shift at the virtual desktop: memos, typing, clicking and scrolling, until its time is over."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from stage import screen
from stage.person import Person
from stage.telling import say
from stage.tracker import Tracker

_TYPING_MS = 55


@dataclass(frozen=True)
class _Task:
    memo: str
    texts: tuple[str, ...]


_TASKS = (
    _Task(
        "Send each order exactly once",
        (
            "a batch keeps its key until the answer is on the disk,",
            "\nso an order that is sent twice is taken in once.",
            "\n\nan order that is refused is set aside with the reason.",
        ),
    ),
    _Task(
        "Review: what happens after a time-out?",
        (
            "\n\nafter a time-out the same batch goes again;",
            "\nthe key tells the other side that it is no new one.",
        ),
    ),
    _Task(
        "Answer the questions on the pull request",
        (
            "\n\nthe order of the batches is the order of the shop.",
            "\na gap in the numbers is not an error.",
        ),
    ),
)


class Shift:
    """One person's work on one contract with a running tracker."""

    def __init__(self, tracker: Tracker, person: Person, editor: screen.Window, contract: str) -> None:
        self._tracker = tracker
        self._person = person
        self._editor = editor
        self._contract = contract

    def work(self, seconds: float, glance: Callable[[], None]) -> int:
        """Start the timer, work for about that long, and give the instant of the start in UTC milliseconds.

        Args:
            seconds: how long; at least one round of typing is done.
            glance: called after every few seconds of work.
        """
        self._person.point(self._editor.left + self._editor.width // 2, self._editor.top + self._editor.height // 2)
        self._person.focus(self._editor.id)
        self._tracker.do("start", self._contract, "--memo", _TASKS[0].memo)
        began_s = time.monotonic()
        started_ms = int(self._tracker.ask("status")["now_ms"])
        say(f"Tracking began: {_TASKS[0].memo!r}.")
        for number, task in enumerate(_TASKS):
            if number:
                self._tracker.do("memo", task.memo)
                say(f"New memo: {task.memo!r}.")
            share_s = seconds * (number + 1) / len(_TASKS)
            self._do(task, began_s + share_s, glance)
        return started_ms

    def _do(self, task: _Task, until_s: float, glance: Callable[[], None]) -> None:
        rounds = 0
        typed = 0
        while rounds == 0 or time.monotonic() < until_s:
            text = task.texts[rounds % len(task.texts)]
            if rounds >= len(task.texts):
                text = text.strip()
                self._person.erase(typed, delay_ms=_TYPING_MS)
            self._person.type(text, delay_ms=_TYPING_MS)
            typed = len(text.strip())
            self._person.scroll(3 if rounds % 2 else -3, delay_ms=60)
            self._person.click(1 + rounds % 2, delay_ms=120)
            glance()
            rounds += 1
