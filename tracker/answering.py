"""How a command's answer reaches whoever waits for it: always, as a value, and never as a traceback."""

import logging
from collections.abc import Callable
from typing import TypeVar

from tracker.commands import Refused
from tracker.domain.errors import BugError, TrackerError

BUG = "Daybook met an error of its own. What was recorded is safe; the details are in crash.log in the data folder."
_log = logging.getLogger(__name__)
_AnswerT = TypeVar("_AnswerT")


def answered(work: Callable[[], _AnswerT]) -> _AnswerT | Refused:
    """Do what was asked for; a refusal is an answer, and so is a bug, whose details go to the log."""
    try:
        return work()
    except TrackerError as error:
        return Refused(str(error), error.exit_code)
    except Exception:  # noqa: BLE001 (told as an answer, and logged)
        _log.exception("A command failed.")
        return Refused(BUG, BugError.exit_code)
