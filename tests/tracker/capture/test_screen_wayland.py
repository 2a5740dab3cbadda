"""The choice among the ways to a picture, their order and the one sentence where none works."""

import pytest

from tests.fakes.clock import FakeClock
from tracker.capture.screen.port import Frame, ScreenUnavailableError
from tracker.capture.screen.wayland import ASK_MS, GRAB_MS, NoWayError, Way, WaylandScreen

FRAME = Frame(0, 1, 1, b"\1\2\3\0")


class _FakeWay(Way):
    def __init__(self, name: str, failure: NoWayError | None = None) -> None:
        self.name = name
        self.failure = failure
        self.allowed_ms: list[int] = []
        self.asked = 0

    def take(self, within_ms: int) -> tuple[Frame, ...]:
        self.allowed_ms.append(within_ms)
        if self.failure is not None:
            raise self.failure
        return (FRAME,)

    def ask(self, within_ms: int) -> tuple[Frame, ...]:
        self.asked += 1
        return self.take(within_ms)


def _screen(*ways: Way) -> WaylandScreen:
    return WaylandScreen(ways, lambda: 1_000, "Do this.")


def test_the_first_way_that_works_is_taken_and_named() -> None:
    first, second, third = _FakeWay("a", NoWayError("a is shut")), _FakeWay("b"), _FakeWay("c")
    screen = _screen(first, second, third)

    assert screen.grab() == (FRAME,)
    assert screen.via == "b"
    assert (first.allowed_ms, second.allowed_ms, third.allowed_ms) == ([GRAB_MS], [GRAB_MS], [])


def test_a_way_that_opens_again_is_taken_again() -> None:
    first, second = _FakeWay("a", NoWayError("a is shut")), _FakeWay("b")
    screen = _screen(first, second)
    screen.grab()
    first.failure = None
    screen.grab()

    assert screen.via == "a"


def test_where_none_works_one_sentence_has_every_reason() -> None:
    screen = _screen(*(_FakeWay(name, NoWayError(f"{name} is shut")) for name in "abc"))

    with pytest.raises(ScreenUnavailableError) as caught:
        screen.grab()
    assert str(caught.value) == "No picture can be taken: a is shut, b is shut, and c is shut. Do this."
    assert screen.via is None


def test_the_last_way_that_knows_what_to_do_says_it() -> None:
    knows, knows_better = (_FakeWay(name, NoWayError(f"{name} is shut", f"Open {name}.")) for name in "ab")
    knows_not = _FakeWay("c", NoWayError("c is shut"))

    with pytest.raises(ScreenUnavailableError, match=r"c is shut\. Open b\.$"):
        _screen(knows, knows_better, knows_not).grab()
    with pytest.raises(ScreenUnavailableError, match=r"a is shut\. Open a\.$"):
        _screen(knows).grab()


def test_a_desktop_that_is_gone_ends_the_search() -> None:
    first, second = _FakeWay("a", NoWayError("it is gone", is_final=True)), _FakeWay("b")
    with pytest.raises(ScreenUnavailableError, match=r"^No picture can be taken: it is gone\. Do this\.$"):
        _screen(first, second).grab()

    assert second.allowed_ms == []


def test_all_ways_share_one_deadline() -> None:
    clock = FakeClock()

    class Slow(_FakeWay):
        def take(self, within_ms: int) -> tuple[Frame, ...]:
            clock.advance(1_500)
            return super().take(within_ms)

    second = _FakeWay("b")
    WaylandScreen([Slow("a", NoWayError("a is slow")), second], clock.mono_ms, "Do this.").grab()

    assert second.allowed_ms == [GRAB_MS - 1_500]


def test_asking_waits_for_the_person() -> None:
    way = _FakeWay("a")
    _screen(way).ask()

    assert (way.asked, way.allowed_ms) == (1, [ASK_MS])
