"""How times, durations and money are written for people, and how a plain class says translatable sentences.

No Qt here: presenters are tested without it. `Speaker.tr` is what Qt Linguist's `lupdate` looks for, with the class's
name as context; the application hands in Qt's translator, tests and the default hand in English.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

from wire.money import exponent

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

Translate = Callable[[str, str, int], str]
"""Gives the translation of (context, source text, count); the count is -1 where the text has none."""

_GROUP = "\N{NARROW NO-BREAK SPACE}"


def english(_context: str, text: str, count: int) -> str:
    """Give the source text, with `%n` and `(s)` resolved as an English translation file would."""
    return text.replace("%n", str(count)).replace("(s)", "" if count == 1 else "s")


class Speaker:
    """A plain class whose sentences can be translated, and whose instants are told in one time zone.

    Args:
        translate: gives the translation of a sentence.
        zone: the zone that instants are shown in; None is the computer's own, with its daylight saving rules.
    """

    def __init__(self, translate: Translate = english, zone: tzinfo | None = None) -> None:
        self._translate = translate
        self._zone = zone

    def tr(self, text: str, count: int = -1) -> str:
        """Translate a sentence of this class."""
        return self._translate(type(self).__name__, text, count)

    def when(self, instant_ms: int, now_ms: int) -> str:
        """Tell an instant by its time, and by its date as well if that is not today's."""
        instant, now = (self._local(ms) for ms in (instant_ms, now_ms))
        return f"{instant:%H:%M}" if instant.date() == now.date() else f"{instant:%Y-%m-%d %H:%M}"

    def _local(self, instant_ms: int) -> datetime:
        return datetime.fromtimestamp(instant_ms / SECOND_MS, tz=UTC).astimezone(self._zone)


def clock(duration_ms: int) -> str:
    """Write a running clock, h:mm:ss, in whole seconds that have passed."""
    minutes, seconds = divmod(max(0, duration_ms) // SECOND_MS, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def hours(duration_ms: int) -> str:
    """Write worked time, h:mm, in whole minutes that have passed."""
    minutes = max(0, duration_ms) // MINUTE_MS
    return f"{minutes // 60}:{minutes % 60:02}"


def limit(minutes: int) -> str:
    """Write a weekly limit: `30 h`, or `7:30 h`."""
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{hours(minutes * MINUTE_MS)} h"


def countdown(left_ms: int) -> str:
    """Write what is left, m:ss, so that 0:00 is shown only when nothing is."""
    minutes, seconds = divmod(math.ceil(max(0, left_ms) / SECOND_MS), 60)
    return f"{minutes}:{seconds:02}"


def span(duration_ms: int) -> str:
    """Write a length of time in its two largest units: `40 s`, `12 min`, `3 h 10 min`, `2 d 4 h`."""
    duration_ms = max(0, duration_ms)
    if duration_ms < MINUTE_MS:
        return f"{math.ceil(duration_ms / SECOND_MS)} s"
    if duration_ms < HOUR_MS:
        return f"{duration_ms // MINUTE_MS} min"
    if duration_ms < DAY_MS:
        whole, rest = divmod(duration_ms // MINUTE_MS, 60)
        return f"{whole} h {rest} min" if rest else f"{whole} h"
    whole, rest = divmod(duration_ms // HOUR_MS, 24)
    return f"{whole} d {rest} h" if rest else f"{whole} d"


def amount(minor: int, currency: str) -> str:
    """Write an amount without its currency: grouped by narrow spaces, with the currency's own decimals."""
    decimals = exponent(currency)
    sign = "\N{MINUS SIGN}" if minor < 0 else ""
    whole, part = divmod(abs(minor), 10**decimals)
    grouped = f"{whole:,}".replace(",", _GROUP)
    return f"{sign}{grouped}.{part:0{decimals}}" if decimals else f"{sign}{grouped}"
