"""The words of `daybook edit`: what they are, and the command that they make."""

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from tracker import commands
from tracker.commands import EditCommand
from tracker.domain.errors import RefusedError

_INSTANT = "HH:MM[:SS] of --day, or YYYY-MM-DDTHH:MM[:SS]; UTC unless an offset like +02:00 follows"
_ONE_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def add_words(words: "argparse._SubParsersAction[argparse.ArgumentParser]", text: Callable[[str], str]) -> None:
    """Add `edit` and `undo` to the command line.

    Args:
        words: what the command line's words are added to.
        text: checks a text that the person typed.
    """
    edit = words.add_parser("edit", help="change what is recorded, until the week's lock")
    sorts = edit.add_subparsers(dest="sort", metavar="SORT", required=True)

    def add(name: str, help_text: str) -> argparse.ArgumentParser:
        parser = sorts.add_parser(name, help=help_text)
        parser.add_argument("--from", dest="start", type=text, required=True, metavar="INSTANT", help=_INSTANT)
        parser.add_argument("--to", dest="end", type=text, required=True, metavar="INSTANT", help="likewise")
        parser.add_argument("--day", type=text, metavar="DAY", help="YYYY-MM-DD (default: today, UTC)")
        parser.add_argument(
            "--contract", type=text, help="its title, the beginning of it, or its id; needed where it is not plain"
        )
        return parser

    add("memo", "give recorded time another memo").add_argument("text", type=text, metavar="MEMO")
    label = add("label", "give recorded time another label")
    label.add_argument("text", type=text, metavar="LABEL", help='the client\'s label; "" takes it away')
    add("remove", "take recorded time away, with its pictures")
    move = add("move", "move recorded time, as manual time, to another contract")
    move.add_argument("target", type=text, metavar="TO_CONTRACT")
    move.add_argument("--memo", type=text, required=True, help="what was done, for the other contract")
    added = add("add", "add manual time, where the contract allows it")
    added.add_argument("--memo", type=text, required=True, help="what was done")
    added.add_argument("--label", type=text, help="the client's label")
    add("withhold", "withhold the pictures taken in a range; the time stays")
    words.add_parser("undo", help="take the last edit back, within ten seconds")


def command_of(arguments: argparse.Namespace, today: Callable[[], date]) -> EditCommand:
    """Make the command of the words typed.

    Args:
        arguments: the words, parsed.
        today: asks for the UTC day, where an instant does not name its own.

    Raises:
        RefusedError: an instant or the day cannot be read.
    """
    day = None if arguments.day is None else _day(arguments.day)

    def instant_ms(said: str) -> int:
        return _instant_ms(said, lambda: today() if day is None else day)

    where = (arguments.contract, instant_ms(arguments.start), instant_ms(arguments.end))
    match arguments.sort:
        case "memo":
            return commands.DescribeTime(*where, memo=arguments.text)
        case "label":
            return commands.DescribeTime(*where, label=arguments.text)
        case "remove":
            return commands.RemoveTime(*where)
        case "move":
            return commands.MoveTime(*where, target=arguments.target, memo=arguments.memo)
        case "add":
            return commands.AddTime(*where, memo=arguments.memo, label=arguments.label)
        case _:
            return commands.WithholdPictures(*where)


def _day(said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise RefusedError(f"{said!r} is not a day. Write it as YYYY-MM-DD, for example 2026-11-19.") from error


def _instant_ms(said: str, day: Callable[[], date]) -> int:
    """Read an instant as UTC milliseconds since the epoch; what is finer than a millisecond is cut off."""
    written = said.strip()
    try:
        if written == "24:00":
            instant = datetime.combine(day() + timedelta(days=1), time())
        elif _is_time(written):
            instant = datetime.combine(day(), time.fromisoformat(written))
        else:
            date_part, time_part = written[:10], written[11:]
            instant = datetime.combine(date.fromisoformat(date_part), time.fromisoformat(time_part))
        placed = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
        return (placed - _EPOCH) // _ONE_MS
    except (ValueError, OverflowError) as error:
        raise RefusedError(
            f"{said!r} is not an instant. Write HH:MM, or a day and a time like 2026-11-19T14:30, in UTC; another "
            "zone's needs its offset, like 2026-11-19T14:30+02:00."
        ) from error


def _is_time(written: str) -> bool:
    """Tell whether a time of day is written and no day."""
    hours, colon, _ = written.partition(":")
    return bool(colon) and hours.isdecimal() and len(hours) <= 2
