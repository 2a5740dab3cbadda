"""Exclusion rules: what a person never wants on a picture (PRODUCT.md, "Snapshots and privacy")."""

import enum
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

RULE_LIMIT = 200  # characters


class Subject(enum.StrEnum):
    """What a rule looks at."""

    APPLICATION = "application"
    TITLE = "title"


class Withholding(enum.StrEnum):
    """Why a snapshot was withheld. It stays on this computer: the client learns that it was, and nothing else."""

    PERSON = "person"
    RULE = "rule"
    NOT_APPROVED = "not_approved"


@dataclass(frozen=True, slots=True)
class Rule:
    """Excludes every snapshot with a window that it matches.

    An application is matched as a whole, so that “term” does not exclude “Terminal Emulator”; a title by any part of
    it, since titles change with what is open. Neither looks at upper and lower case, nor at signs that do not show.

    Args:
        subject: what it looks at.
        text: the application's name, or a part of the title.
    """

    subject: Subject
    text: str

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to look for, which would exclude everything or nothing."""
        return not _plain(self.text)

    def matches(self, application: str, title: str) -> bool:
        """Tell whether a window of this application and title is excluded."""
        wanted = _plain(self.text)
        if self.subject is Subject.APPLICATION:
            return _plain(application) == wanted
        return wanted in _plain(title)

    def is_same(self, other: "Rule") -> bool:
        """Tell whether the other rule excludes the very same windows."""
        return self.subject is other.subject and _plain(self.text) == _plain(other.text)


def is_excluded(rules: Iterable[Rule], windows: Iterable[tuple[str, str]]) -> bool:
    """Tell whether any of the windows, given by application and title, is excluded by any of the rules."""
    seen = tuple(windows)
    return any(rule.matches(application, title) for rule in rules for application, title in seen)


def _plain(text: str) -> str:
    """Fold case and width, drop signs that do not show (titles carry direction marks), and join white space."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    shown = "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")
    return " ".join(shown.split())
