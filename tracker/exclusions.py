"""The person's exclusion rules: kept in the buffer, changed by command."""

import msgspec

from tracker.commands import Answer, Done
from tracker.domain.errors import RefusedError
from tracker.domain.exclusion import RULE_LIMIT, Rule, Subject
from tracker.store.settings import Settings

_NAME = "exclusion_rules"
_MOST_RULES = 1000
_WORDS = {
    Subject.APPLICATION: "the application “{text}”",
    Subject.TITLE: "windows whose title contains “{text}”",
}


class Exclusions:
    """Reads and changes the rules; they hold from the next snapshot on, on every contract.

    Args:
        settings: where they are kept, encrypted with everything else.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        kept = settings.get(_NAME)
        self.rules: tuple[Rule, ...] = () if kept is None else msgspec.json.decode(kept, type=tuple[Rule, ...])

    def add(self, rule: Rule) -> Answer:
        """Add a rule.

        Raises:
            RefusedError: there is nothing to look for in it, it is too long, or there are too many.
        """
        if rule.is_empty:
            raise RefusedError("An empty rule would exclude nothing or everything. Name an application or a title.")
        if len(rule.text) > RULE_LIMIT:
            raise RefusedError(f"A rule can have at most {RULE_LIMIT} characters. Shorten it.")
        if any(rule.is_same(one) for one in self.rules):
            return Done(f"Excluded already: {_words(rule)}.")
        if len(self.rules) >= _MOST_RULES:
            raise RefusedError(f"There can be at most {_MOST_RULES} rules. Remove one that you do not need any more.")
        self._keep((*self.rules, rule))
        return Done(f"Excluded: {_words(rule)}. A snapshot with such a window on the screen is withheld.")

    def remove(self, rule: Rule) -> Answer:
        """Remove a rule.

        Raises:
            RefusedError: there is no such rule.
        """
        left = tuple(one for one in self.rules if not rule.is_same(one))
        if left == self.rules:
            raise RefusedError(f"There is no rule for {_words(rule)}. See yours with: daybook exclude list")
        self._keep(left)
        return Done(f"Not excluded any more: {_words(rule)}.")

    def _keep(self, rules: tuple[Rule, ...]) -> None:
        self._settings.put(_NAME, msgspec.json.encode(rules))
        self.rules = rules


def _words(rule: Rule) -> str:
    return _WORDS[rule.subject].format(text=rule.text)
