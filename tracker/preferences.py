"""The person's own settings, each declared once: name, default, help. The command line and the engine read it here."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tracker.commands import PreferenceLine
from tracker.domain.errors import RefusedError
from tracker.store.settings import Settings

_ON: Final = frozenset({"on", "yes", "true", "1"})
_OFF: Final = frozenset({"off", "no", "false", "0"})


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting that is on or off."""

    name: str
    default: bool
    help: str

    def read(self, word: str) -> bool:
        """Read what a person wrote.

        Raises:
            RefusedError: it says neither on nor off.
        """
        wanted = word.strip().casefold()
        if wanted not in _ON | _OFF:
            raise RefusedError(f"{self.name} is on or off, not {word!r}. Write: daybook set {self.name} on")
        return wanted in _ON


STOP_AT_LIMIT: Final = Switch(
    "stop-at-limit",
    default=False,
    help="stop the timer when the week's limit is reached, rather than track on what is kept but not billed",
)
PREFERENCES: Final[Mapping[str, Switch]] = MappingProxyType({one.name: one for one in (STOP_AT_LIMIT,)})


class Preferences:
    """Reads and writes the person's settings, which lie in the buffer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def is_on(self, switch: Switch) -> bool:
        """Tell whether a setting is on."""
        kept = self._settings.get_text(_key(switch))
        return switch.default if kept is None else kept == "on"

    def lines(self) -> tuple[PreferenceLine, ...]:
        """List them all."""
        return tuple(
            PreferenceLine(name=one.name, is_on=self.is_on(one), default=one.default, help=one.help)
            for one in PREFERENCES.values()
        )

    def put(self, name: str, word: str) -> Switch:
        """Set one by its name and what the person wrote.

        Raises:
            RefusedError: there is no such setting, or it cannot be that.
        """
        switch = find(name)
        self._settings.put(_key(switch), "on" if switch.read(word) else "off")
        return switch


def find(name: str) -> Switch:
    """Find a setting by its name.

    Raises:
        RefusedError: there is none of that name.
    """
    switch = PREFERENCES.get(name.strip().casefold())
    if switch is None:
        raise RefusedError(f"There is no setting {name!r}. See them with: daybook set")
    return switch


def _key(switch: Switch) -> str:
    return f"preference:{switch.name}"
