"""The stage's own promises: it notices every difference, hurts nobody's windows, and keeps its snapshots in time."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from stage.browser import DiaryPage, Tile
from stage.demo import seconds_asked
from stage.desktop import Desktop
from stage.person import Input, Person
from stage.processes import StageError, program
from stage.review import Recorded, compare
from stage.tracker import soon

from .conftest import Stage

RECORDED = Recorded(1_800_000_000_000, 42_000, {0: Input(5, 1, 2), 1: Input(7, 0, 0)}, 1, 0, "accepted")
TILE = Tile("1800000000", 42_000, Input(12, 1, 2), has_picture=True, page="")
PAGE = DiaryPage("", 42_000, Input(12, 1, 2), (TILE,))


def test_review_takes_the_same_for_the_same() -> None:
    assert compare([RECORDED], [PAGE]) == [TILE]


@pytest.mark.parametrize(
    ("page", "what"),
    [
        (replace(PAGE, tiles=()), "shows 0 segments"),
        (replace(PAGE, tiles=(TILE, TILE)), "shows 2 segments"),
        (replace(PAGE, tiles=(replace(TILE, worked_ms=41_999),)), "41999 ms"),
        (replace(PAGE, tiles=(replace(TILE, input=Input(11, 1, 2)),)), "11 key presses"),
        (replace(PAGE, tiles=(replace(TILE, input=Input(12, 2, 2)),)), "2 clicks"),
        (replace(PAGE, tiles=(replace(TILE, input=Input(12, 1, 1)),)), "1 scroll step"),
        (replace(PAGE, tiles=(replace(TILE, has_picture=False),)), "no picture"),
        (replace(PAGE, input=Input(12, 1, 3)), "totals"),
        (replace(PAGE, worked_ms=0), "totals"),
    ],
)
def test_review_notices_every_difference(page: DiaryPage, what: str) -> None:
    with pytest.raises(StageError, match=what):
        compare([RECORDED], [page])


def test_early_snapshots_stay_inside_their_segment() -> None:
    now_ms = time.time_ns() // 1_000_000
    begun, ending = soon(now_ms, 2), soon(now_ms - 599_000, 2)
    assert 4_000 <= begun[0] < begun[1] < 8_000
    assert all(0 <= offset < 600_000 for offset in ending)


def test_nobody_types_into_a_real_desktop() -> None:
    with pytest.raises(StageError, match="never at yours"):
        Person(Desktop({"DISPLAY": ":0"}, Path(), is_virtual=False))


def test_characters_that_take_a_modifier_are_refused(stage: Stage) -> None:
    person = Person(stage.desktop)
    with pytest.raises(StageError, match="more than one key press"):
        person.type("Shift!")
    assert person.done == Input()


def test_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StageError, match="apt-get install xvfb"):
        program("Xvfb")


def test_length_of_the_demonstration() -> None:
    assert seconds_asked(None) is None
    assert seconds_asked("90") == 90
    with pytest.raises(StageError, match="whole number"):
        seconds_asked("soon")
