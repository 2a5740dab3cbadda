"""macOS's counters of events, as far as they can be tried elsewhere."""

import pytest

from stage.waiting import until
from tests.fakes.quartz import FLAGS_CHANGED, KEY_DOWN, LEFT, OTHER, RIGHT, SCROLLED, FakeQuartz
from tracker.capture.input.macos import TRACKPAD, EventCounters, MacInput
from tracker.capture.input.port import Counts, InputUnavailableError


def _counters(quartz: FakeQuartz) -> EventCounters:
    counters = EventCounters(quartz.load, 0.001)
    counters.open()
    return counters


def test_counters_count_from_where_they_stood_and_wrap() -> None:
    quartz = FakeQuartz()  # its counters stand three short of their end
    counters = _counters(quartz)
    assert counters.read() == Counts(0, 0, 0)
    quartz.count(KEY_DOWN, 10)
    for button in (LEFT, RIGHT, OTHER):
        quartz.count(button, 2)

    assert counters.read() == Counts(10, 6, 0)
    assert counters.read() == Counts(0, 0, 0)


def test_a_counter_that_went_back_claims_nothing() -> None:
    quartz = FakeQuartz()
    counters = _counters(quartz)
    quartz.counters[KEY_DOWN] -= 5
    assert counters.read() == Counts(0, 0, 0)
    quartz.count(KEY_DOWN)

    assert counters.read() == Counts(1, 0, 0)


@pytest.mark.parametrize(
    ("changes", "presses"),
    [
        ([1, 1], [1, 0]),  # pressed, released
        ([2, 2], [1, 1]),  # both between two looks, twice
        ([3, 1], [2, 0]),
        ([1, 0, 1, 1, 1], [1, 0, 0, 1, 0]),
    ],
)
def test_a_modifier_counts_when_it_is_pressed(changes: list[int], presses: list[int]) -> None:
    quartz = FakeQuartz()
    counters = _counters(quartz)
    counted = []
    for change in changes:
        quartz.count(FLAGS_CHANGED, change)
        counted.append(counters.read().keys)

    assert counted == presses


def test_a_swipe_is_one_scroll_at_each_look() -> None:
    quartz = FakeQuartz()
    counters = _counters(quartz)
    counted = []
    for events in (1, 12, 12, 0, 1):
        quartz.count(SCROLLED, events)
        counted.append(counters.read().scrolls)

    assert counted == [1, 1, 1, 0, 1]
    assert "at most ten a second" in str(MacInput(lambda: 0, quartz.load).limit()) == TRACKPAD


def test_no_permission_is_asked_for() -> None:
    quartz = FakeQuartz()
    quartz.granted = False
    counter = MacInput(lambda: 7, quartz.load, look_s=0.001)
    counter.start()
    quartz.count(KEY_DOWN)
    until(lambda: counter.newest_ms() == 7, "the key", poll_s=0.001)
    counter.stop()

    assert counter.take() == Counts(1, 0, 0)
    assert quartz.calls == []
    assert quartz.live == set()


def test_without_a_session_it_does_not_start() -> None:
    quartz = FakeQuartz()
    quartz.has_session = False
    counter = MacInput(lambda: 0, quartz.load)

    with pytest.raises(InputUnavailableError, match=r"no login session with a screen.*own desktop session"):
        counter.start()
    assert not counter.running


def test_a_macos_without_the_counters_says_so() -> None:
    quartz = FakeQuartz()
    quartz.missing = {"CGEventSourceCounterForEventType"}

    with pytest.raises(InputUnavailableError, match="this system has no CGEventSourceCounterForEventType"):
        MacInput(lambda: 0, quartz.load).start()
    with pytest.raises(InputUnavailableError, match="CoreGraphics"):
        MacInput(lambda: 0).start()
