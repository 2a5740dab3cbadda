"""macOS's idleness, as far as it can be tried elsewhere."""

from tests.fakes.quartz import KEY_DOWN, MOVED, FakeQuartz
from tracker.capture.idle.macos import MacIdle
from tracker.capture.idle.port import Idleness

RIGHT_DRAGGED, TABLET = 7, 23


def _look(quartz: FakeQuartz, watch: MacIdle, now_ms: int) -> Idleness:
    quartz.now_ms = now_ms
    return watch.look(now_ms)


def test_input_before_the_first_look_is_not_known() -> None:
    quartz = FakeQuartz()
    quartz.event_ms[KEY_DOWN] = 9_000
    watch = MacIdle(quartz.load)

    assert _look(quartz, watch, 10_000) == Idleness(10_000, moved=False)
    assert _look(quartz, watch, 15_000) == Idleness(10_000, moved=False)


def test_input_of_any_sort_has_its_own_time() -> None:
    quartz = FakeQuartz()
    watch = MacIdle(quartz.load)
    _look(quartz, watch, 10_000)
    quartz.event_ms[TABLET] = 12_345

    assert _look(quartz, watch, 15_000) == Idleness(12_345, moved=False)
    assert _look(quartz, watch, 700_000) == Idleness(12_345, moved=False)


def test_dragging_moves_the_pointer_once() -> None:
    quartz = FakeQuartz()
    watch = MacIdle(quartz.load)
    quartz.event_ms[MOVED] = 8_000
    _look(quartz, watch, 10_000)
    quartz.event_ms[RIGHT_DRAGGED] = 11_000

    assert _look(quartz, watch, 15_000) == Idleness(11_000, moved=True)
    assert _look(quartz, watch, 20_000) == Idleness(11_000, moved=False)


def test_neither_a_permission_nor_a_position_is_asked_for() -> None:
    quartz = FakeQuartz()
    quartz.granted = False
    watch = MacIdle(quartz.load)
    _look(quartz, watch, 10_000)

    assert watch.problem() is None
    assert quartz.calls == []
    assert quartz.live == set()


def test_without_a_session_it_says_so_and_claims_nothing() -> None:
    quartz = FakeQuartz()
    quartz.has_session = False
    watch = MacIdle(quartz.load)

    assert _look(quartz, watch, 10_000) == Idleness(10_000, moved=False)
    quartz.event_ms[KEY_DOWN] = 12_000  # at the screen, by somebody else
    assert _look(quartz, watch, 15_000) == Idleness(10_000, moved=False)
    assert "no login session" in str(watch.problem())
    assert str(MacIdle().problem()).endswith("inside your own desktop session.")
