"""Exclusion rules: applications as a whole, titles by any part, whatever case and signs that do not show."""

import pytest

from tracker.domain.exclusion import Rule, Subject, is_excluded


@pytest.mark.parametrize(
    ("text", "application", "expected"),
    [
        ("KeePassXC", "KeePassXC", True),
        ("keepassxc", "KeePassXC", True),
        (" KeePassXC ", "keepassxc", True),
        ("KeePass", "KeePassXC", False),
        ("XTerm", "UXTerm", False),
        ("straße", "STRASSE", True),
        ("signal", "", False),
    ],
)
def test_an_application_is_matched_as_a_whole(text: str, application: str, *, expected: bool) -> None:
    rule = Rule(Subject.APPLICATION, text)
    assert rule.matches(application, "") is expected
    assert not rule.matches("", application), "its title is not its application"


@pytest.mark.parametrize(
    ("text", "title", "expected"),
    [
        ("bank", "My Bank – Firefox", True),
        ("BANK", "my bank", True),
        ("bank", "Ba nk", False),
        ("my  bank", "My Bank", True),
        ("bank", "ba\N{ZERO WIDTH SPACE}nk", True),
        ("WhatsApp", "\N{LEFT-TO-RIGHT MARK}WhatsApp", True),
        ("bank", "ＢＡＮＫ", True),
        ("Größe", "Gro\N{COMBINING DIAERESIS}ße", True),
        ("*", "anything", False),
        ("a*", "what is a* search", True),
        (".", "no dot", False),
        ("bank", "", False),
    ],
)
def test_a_title_is_matched_by_any_part_of_it_and_no_sign_is_special(text: str, title: str, *, expected: bool) -> None:
    rule = Rule(Subject.TITLE, text)
    assert rule.matches("", title) is expected
    assert not rule.matches(title, ""), "its application is not its title"


@pytest.mark.parametrize("text", ["", "  ", "\N{ZERO WIDTH SPACE}", "\t\n"])
def test_a_rule_without_a_sign_that_shows_is_empty(text: str) -> None:
    assert Rule(Subject.TITLE, text).is_empty
    assert not Rule(Subject.TITLE, text + "x").is_empty


def test_one_window_of_one_rule_is_enough() -> None:
    rules = (Rule(Subject.APPLICATION, "Signal"), Rule(Subject.TITLE, "bank"))
    assert is_excluded(rules, [("Editor", "notes"), ("signal", "")])
    assert is_excluded(rules, [("Editor", "bank notes")])
    assert not is_excluded(rules, [("Editor", "notes"), ("Firefox", "Signal")])
    assert not is_excluded(rules, [])
    assert not is_excluded((), [("Signal", "bank")])


def test_rules_that_look_for_the_same_are_the_same() -> None:
    assert Rule(Subject.TITLE, "Bank").is_same(Rule(Subject.TITLE, " bank"))
    assert not Rule(Subject.TITLE, "Bank").is_same(Rule(Subject.APPLICATION, "Bank"))
    assert not Rule(Subject.TITLE, "Bank").is_same(Rule(Subject.TITLE, "Banks"))
