"""The words of `daybook edit`: which command they make, and how an instant is read."""

import argparse
from datetime import date

import pytest

from tests.fakes.clock import NOON_MS
from tracker.commands import AddTime, DescribeTime, EditCommand, MoveTime, RemoveTime, WithholdPictures
from tracker.domain.errors import RefusedError
from tracker.edit_line import add_words, command_of

HOUR = 3_600_000
SPAN = ("--from", "12:00", "--to", "13:00")


def command(*words: str) -> EditCommand:
    parser = argparse.ArgumentParser()
    add_words(parser.add_subparsers(), str)
    return command_of(parser.parse_args(["edit", *words]), lambda: date(2026, 11, 23))


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (("memo", "text"), DescribeTime(None, NOON_MS, NOON_MS + HOUR, memo="text")),
        (("label", ""), DescribeTime(None, NOON_MS, NOON_MS + HOUR, label="")),
        (("remove",), RemoveTime(None, NOON_MS, NOON_MS + HOUR)),
        (("remove", "--contract", "API"), RemoveTime("API", NOON_MS, NOON_MS + HOUR)),
        (("move", "Design", "--memo", "text"), MoveTime(None, NOON_MS, NOON_MS + HOUR, "Design", "text")),
        (("add", "--memo", "text", "--label", "l"), AddTime(None, NOON_MS, NOON_MS + HOUR, "text", "l")),
        (("withhold",), WithholdPictures(None, NOON_MS, NOON_MS + HOUR)),
    ],
)
def test_each_sort_makes_its_command(words: tuple[str, ...], made: EditCommand) -> None:
    assert command(*words, *SPAN) == made


@pytest.mark.parametrize(
    ("said", "ms"),
    [
        ("12:00", NOON_MS),
        ("9:00", None),
        ("09:00", NOON_MS - 3 * HOUR),
        ("12:00:01.250", NOON_MS + 1250),
        ("14:00+02:00", NOON_MS),
        ("24:00", NOON_MS + 12 * HOUR),
        ("2026-11-23T12:00", NOON_MS),
        ("2026-11-23 12:00:00", NOON_MS),
        ("2026-11-23T12:00Z", NOON_MS),
        ("2026-11-23T07:00-05:00", NOON_MS),
        ("2026-11-24T00:30+12:30", NOON_MS),
        ("2026-11-23", None),
        ("25:00", None),
        ("noon", None),
        ("", None),
        ("0001-01-01T00:00+14:00", -62_135_647_200_000),
        ("9999-12-31T23:59", 253_402_300_740_000),
    ],
)
def test_an_instant_is_utc_unless_an_offset_follows(said: str, ms: int | None) -> None:
    words = ("remove", "--from", said, "--to", "12:00")
    if ms is None:
        with pytest.raises(RefusedError, match="is not an instant"):
            command(*words)
        return
    assert command(*words) == RemoveTime(None, ms, NOON_MS)


def test_a_day_can_be_named_and_only_then_is_none_asked_for() -> None:
    parser = argparse.ArgumentParser()
    add_words(parser.add_subparsers(), str)

    def nobody_asks() -> date:
        raise AssertionError

    words = ["edit", "remove", *SPAN, "--day", "2026-11-22"]
    assert command_of(parser.parse_args(words), nobody_asks) == RemoveTime(
        None, NOON_MS - 24 * HOUR, NOON_MS - 23 * HOUR
    )
    with pytest.raises(RefusedError, match="is not a day"):
        command("remove", *SPAN, "--day", "yesterday")
