"""XInput2 on a real server: exact, once for a held key, blind to which key, and loud when it dies."""

import gc
import struct
import sys
from collections.abc import Iterator
from types import FrameType

import pytest
from Xlib import X
from Xlib.ext import xinput
from Xlib.protocol import rq

from stage.waiting import until
from tests.fakes.xserver import A_KEY, XServer
from tracker.capture.input import x11
from tracker.capture.input.port import Counts, InputUnavailableError
from tracker.capture.input.x11 import X11Input

LETTERS = tuple(range(24, 34)) + tuple(range(38, 47)) + tuple(range(52, 59))  # the letters' keycodes on a US keyboard


@pytest.fixture
def counter(x_server: XServer) -> Iterator[X11Input]:
    counter = X11Input(lambda: 1_000, x_server.display)
    counter.start()
    yield counter
    counter.stop()


def _all(counter: X11Input) -> Counts:
    """Give all that the server has seen so far: `stop` waits for it."""
    counter.stop()
    return counter.take()


def test_a_burst_of_ten_thousand_keys_is_ten_thousand(counter: X11Input, x_server: XServer) -> None:
    x_server.key(10_000, codes=LETTERS)

    assert _all(counter) == Counts(10_000, 0, 0)


def test_three_thousand_of_each_mixed_are_exact(counter: X11Input, x_server: XServer) -> None:
    for _ in range(300):
        x_server.key(10, codes=LETTERS)
        x_server.button(1, 4)
        x_server.button(4, 5)
        x_server.button(3, 6)
        x_server.button(5, 5)

    assert _all(counter) == Counts(3_000, 3_000, 3_000)


def test_a_held_key_is_one_press_while_its_window_sees_many(counter: X11Input, x_server: XServer) -> None:
    root = x_server.connection.screen().root
    root.change_attributes(event_mask=X.KeyPressMask)
    x_server.connection.set_input_focus(X.PointerRoot, X.RevertToNone, X.CurrentTime)
    x_server.hold_key()
    repeats = 0

    def is_repeating() -> bool:
        nonlocal repeats
        for _ in range(x_server.connection.pending_events()):
            repeats += x_server.connection.next_event().type == X.KeyPress
        return repeats >= 10

    until(is_repeating, "the server's autorepeat")
    x_server.release_key()

    assert _all(counter) == Counts(1, 0, 0)


@pytest.mark.parametrize(
    ("button", "expected"),
    [(number, Counts(0, 1, 0)) for number in (1, 2, 3, 8, 9, 10)]
    + [(number, Counts(0, 0, 1)) for number in (4, 5, 6, 7)],
)
def test_buttons_four_to_seven_scroll_and_the_others_click(
    counter: X11Input, x_server: XServer, button: int, expected: Counts
) -> None:
    x_server.button(button)

    assert _all(counter) == expected


def test_moving_the_pointer_is_no_count(counter: X11Input, x_server: XServer) -> None:
    for left in range(100):
        x_server.point(left, left)

    assert _all(counter) == Counts(0, 0, 0)
    assert counter.newest_ms() is None


def _grab_all_input(server: XServer) -> None:
    root = server.connection.screen().root
    keyboard = root.grab_keyboard(True, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
    pointer = root.grab_pointer(True, 0, X.GrabModeAsync, X.GrabModeAsync, X.NONE, X.NONE, X.CurrentTime)
    assert (keyboard, pointer) == (X.GrabSuccess, X.GrabSuccess)


def test_input_into_an_open_menu_counts(counter: X11Input, x_server: XServer) -> None:
    _grab_all_input(x_server)
    x_server.key(7)
    x_server.button(1, 3)

    assert _all(counter) == Counts(7, 3, 0)


def test_without_announcing_xinput_2_1_it_would_not(x_server: XServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(x11, "_XI_VERSION", (2, 0))
    counter = X11Input(lambda: 1_000, x_server.display)
    counter.start()
    _grab_all_input(x_server)
    x_server.key(7)

    assert _all(counter) == Counts(0, 0, 0)


def test_a_changed_keyboard_layout_does_no_harm(counter: X11Input, x_server: XServer) -> None:
    x_server.connection.change_keyboard_mapping(A_KEY, [[ord("b"), ord("B")]])
    x_server.connection.sync()
    x_server.key(2)

    assert counter.problem() is None
    assert _all(counter) == Counts(2, 0, 0)


# Noninterference: what is counted says nothing about what was typed.


def _type(counter: X11Input, server: XServer, text: tuple[int, ...]) -> list[Counts]:
    """Type in bursts of four keys and take after each."""
    counter.start()
    taken = []
    for start in range(0, len(text), 4):
        part = text[start : start + 4]
        server.key(len(part), codes=part)
        counter.stop()
        taken.append(counter.take())
        counter.start()
    counter.stop()
    return taken


TEXTS = [LETTERS[:20], LETTERS[-20:], (A_KEY,) * 20, LETTERS[::-1][:20]]


def test_different_texts_with_the_same_timing_give_the_same_counts(x_server: XServer) -> None:
    counter = X11Input(lambda: 1_000, x_server.display)

    assert {tuple(_type(counter, x_server, text)) for text in TEXTS} == {(Counts(4, 0, 0),) * 5}


def test_a_counter_that_leaked_a_key_would_be_found(x_server: XServer, monkeypatch: pytest.MonkeyPatch) -> None:
    original = getattr  # the counting reads `evtype` by getattr, which is where a leak can be planted

    def leak(event: rq.Event, name: str, default: object) -> object:
        found = original(event, name, default)
        is_secret = found == xinput.RawKeyPress and struct.unpack_from("=I", event.data, 6)[0] == A_KEY
        return None if is_secret else found

    monkeypatch.setattr(x11, "getattr", leak, raising=False)
    counter = X11Input(lambda: 1_000, x_server.display)

    assert len({tuple(_type(counter, x_server, text)) for text in TEXTS}) > 1


def test_nothing_typed_is_reachable_once_counted(counter: X11Input, x_server: XServer) -> None:
    _type_and_wait(counter, x_server)

    assert _key_codes_held(counter) == []


def test_without_forgetting_the_receive_buffer_would_hold_it(
    counter: X11Input, x_server: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x11._RawEvents, "_forget", lambda _self: None)
    _type_and_wait(counter, x_server)

    assert _key_codes_held(counter) != []


def _type_and_wait(counter: X11Input, server: XServer) -> None:
    server.key(26, codes=LETTERS)
    total = 0

    def has_all() -> bool:
        nonlocal total
        total += counter.take().keys
        return total == 26

    until(has_all, "26 keys", poll_s=0.005)


def _key_codes_held(counter: X11Input) -> list[bytes]:
    """Find raw key events in whatever the counter, its thread and their connection can still reach."""
    assert counter._thread is not None
    ident = counter._thread.ident
    assert ident is not None
    # The thread is asleep in poll once its frames stop changing; only then do its locals say what it keeps.
    until(lambda: _innermost(ident).f_code.co_name == "wait", "the counting thread to fall asleep", poll_s=0.001)
    roots: list[object] = [counter]
    frame: FrameType | None = _innermost(ident)
    while frame is not None and frame.f_code.co_filename == x11.__file__:
        roots.extend(frame.f_locals.values())
        frame = frame.f_back
    return [data for data in _bytes_below(roots) if _holds_raw_key(data)]


def _innermost(ident: int) -> FrameType:
    return sys._current_frames()[ident]


def _bytes_below(roots: list[object]) -> list[bytes]:
    found: list[bytes] = []
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type) or callable(one):
            continue
        seen.add(id(one))
        if isinstance(one, memoryview):
            one = bytes(one.obj) if isinstance(one.obj, bytes | bytearray) else b""
        if isinstance(one, bytes | bytearray):
            found.append(bytes(one))
        elif not isinstance(one, str | int | float):
            waiting.extend(gc.get_referents(one))
            waiting.extend(_slots(one))
    return found


def _slots(one: object) -> list[object]:
    return list(vars(one).values()) if hasattr(one, "__dict__") else []


def _holds_raw_key(data: bytes) -> bool:
    """Whether a raw key press event with a letter's keycode stands in the data (XI2proto.txt, "RawEvent")."""
    for start in range(len(data) - 20):
        if data[start] == 35 and struct.unpack_from("=HH", data, start + 8)[0] == xinput.RawKeyPress:
            (code,) = struct.unpack_from("=I", data, start + 16)
            if code in LETTERS:
                return True
    return False


# Death.


def test_a_killed_server_leaves_a_sentence_and_no_traceback(
    counter: X11Input, x_server: XServer, capfd: pytest.CaptureFixture[str]
) -> None:
    x_server.key(3)
    until(lambda: counter.newest_ms() is not None, "the keys")
    x_server.kill()

    problem = until(counter.problem, "a problem")
    assert "X server went away" in problem
    assert "Traceback" not in problem
    assert counter.take() == Counts(3, 0, 0)
    counter.stop()
    assert capfd.readouterr() == ("", "")


def test_an_error_of_our_own_in_the_thread_is_a_problem_too(
    counter: X11Input, x_server: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught: list[object] = []
    monkeypatch.setattr("threading.excepthook", caught.append)
    monkeypatch.setattr(x11, "_button", _failing)
    x_server.button(1)

    assert until(counter.problem, "a problem").endswith(".")
    assert len(caught) == 1, "a bug is reported by the excepthook, not swallowed"


def _failing(_event: rq.Event) -> int:
    raise ZeroDivisionError


def test_a_server_that_refuses_the_selection_is_not_taken_for_a_working_one(
    x_server: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xinput, "RawKeyPressMask", 1 << 31)  # no such event: BadValue
    counter = X11Input(lambda: 1_000, x_server.display)

    with pytest.raises(InputUnavailableError, match="does not allow it"):
        counter.start()
    assert not counter.running
