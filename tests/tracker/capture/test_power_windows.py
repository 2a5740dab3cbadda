"""Windows's messages and calls, as far as they can be tried elsewhere."""

import ctypes
from ctypes import wintypes
from typing import Any

import pytest

from stage.waiting import until
from tests.fakes.library import Library
from tests.fakes.power import FakeDesktop
from tracker.capture.power.port import PowerEvent, PowerUnavailableError
from tracker.capture.power.windows import _FUNCTIONS, DllDesktop, SessionInfo, WindowClass, WindowsPower

POWER, SESSION, QUERY_END, END = 0x0218, 0x02B1, 0x0011, 0x0016
SUSPENDING, RESUMED, LOCKED, UNLOCKED, SHUTTING_DOWN = PowerEvent


def _heard(*messages: tuple[int, int]) -> tuple[list[PowerEvent], list[int | None]]:
    """Send messages to a watch; give what its listener heard and what the messages were answered."""
    desktop, heard = FakeDesktop(), list[PowerEvent]()
    watch = WindowsPower(lambda: desktop)
    watch.start(heard.append)
    for message in messages:
        desktop.send(*message)
    until(lambda: len(desktop.answers) == len(messages), "the answers", poll_s=0.001)
    watch.stop()
    assert desktop.closed == 1
    return heard, desktop.answers


@pytest.mark.parametrize(
    ("messages", "events"),
    [
        ([(POWER, 0x4), (POWER, 0x12), (POWER, 0x7)], [SUSPENDING, RESUMED]),  # a person woke it
        ([(POWER, 0x4), (POWER, 0x12)], [SUSPENDING, RESUMED]),  # it woke by itself
        ([(POWER, 0x4), (POWER, 0x4), (POWER, 0x7)], [SUSPENDING, RESUMED]),  # told twice: broadcast and registered
        ([(POWER, 0x12)], [RESUMED]),  # the battery ran out: no word before
        ([(POWER, 0x7)], []),
        ([(POWER, 0xA), (POWER, 0x8013), (POWER, 0)], []),  # mains, a setting, nonsense
        ([(SESSION, 7), (SESSION, 8)], [LOCKED, UNLOCKED]),
        ([(SESSION, 1), (SESSION, 5), (SESSION, 6), (SESSION, 9)], []),  # connects, log-ons, remote control
        ([(QUERY_END, 0), (END, 0)], []),  # another program said no
        ([(QUERY_END, 0), (END, 1)], [SHUTTING_DOWN]),
        ([(0x0400, 4), (0x0010, 7)], []),
    ],
)
def test_messages_become_events(messages: list[tuple[int, int]], events: list[PowerEvent]) -> None:
    assert _heard(*messages)[0] == events


def test_messages_are_answered_as_windows_wants_it() -> None:
    messages = [(POWER, 4), (QUERY_END, 0), (END, 1), (SESSION, 7), (SESSION, 1), (0x0001, 0)]

    assert _heard(*messages)[1] == [1, 1, 0, 0, None, None]


def test_a_refusal_is_one_sentence_and_leaves_nothing_behind() -> None:
    desktop = FakeDesktop()
    desktop.refusal = OSError("CreateWindowExW, error 8")
    watch = WindowsPower(lambda: desktop)

    with pytest.raises(PowerUnavailableError, match=r"refused it \(CreateWindowExW, error 8\)"):
        watch.start(lambda _event: None)
    assert (watch.running, watch.problem(), desktop.closed) == (False, None, 1)


def _fail(_event: PowerEvent) -> None:
    raise ZeroDivisionError


def test_a_listener_that_fails_is_reported_and_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[object] = []
    monkeypatch.setattr("threading.excepthook", caught.append)
    desktop = FakeDesktop()
    watch = WindowsPower(lambda: desktop)
    watch.start(_fail)
    desktop.send(POWER, 4)

    assert until(watch.problem, "a problem", poll_s=0.001).endswith(".")
    assert len(caught) == 1
    assert desktop.closed == 1


# The calls.


def test_the_layouts_are_those_of_64_bit_windows() -> None:
    assert ctypes.sizeof(WindowClass) == 80
    assert (WindowClass.lpfnWndProc.offset, WindowClass.hInstance.offset, WindowClass.lpszClassName.offset) == (
        8,
        24,
        64,
    )
    assert (SessionInfo.SessionId.offset, SessionInfo.SessionState.offset, SessionInfo.SessionFlags.offset) == (
        8,
        12,
        16,
    )
    assert ctypes.sizeof(wintypes.WPARAM) == ctypes.sizeof(wintypes.LPARAM) == ctypes.sizeof(ctypes.c_void_p)
    handles = {"GetModuleHandleW", "CreateWindowExW", "RegisterSuspendResumeNotification"}
    for functions in _FUNCTIONS.values():
        for name, (returns, _) in functions.items():
            if name in handles:
                assert ctypes.sizeof(returns) == 8, f"{name} gives a handle"


class User32:
    """A Windows of one window; its functions refuse to be called before their types are declared."""

    def __init__(self, *, refuses: str | None = None, session_flags: int = 1) -> None:
        self.calls: list[str] = []
        self.posted: list[int] = []
        self.defaults: list[int] = []
        self._refuses = refuses
        self._procedure: Any = None
        self._info = SessionInfo(Level=1, SessionId=1, SessionState=0, SessionFlags=session_flags)
        self.unregistered: list[str] = []

    def load(self, name: str) -> Library:
        return Library(**{function: self._function(function) for function in _FUNCTIONS[name]})

    def _function(self, name: str) -> Any:
        def call(*arguments: Any) -> object:
            self.calls.append(name)
            if name == self._refuses:
                return 0
            act = getattr(self, f"_{name}", None)
            return 0x7FFF_0000_1234 if act is None else act(*arguments)

        return call

    def _RegisterClassExW(self, description: Any) -> int:  # noqa: N802
        fields = description._obj
        assert fields.cbSize == 80
        assert fields.lpszClassName.startswith("DaybookPower")
        self._procedure = fields.lpfnWndProc
        return 0xC001

    def _CreateWindowExW(self, *arguments: Any) -> int:  # noqa: N802
        assert arguments[8] is None, "not HWND_MESSAGE: such a window gets no broadcasts"
        assert arguments[3] & 0x10000000 == 0, "not WS_VISIBLE"
        return 0x7FFF_0000_1234

    def _RegisterSuspendResumeNotification(self, window: int, flags: int) -> int:  # noqa: N802
        assert (window, flags) == (0x7FFF_0000_1234, 0)
        return 0x7FFF_0000_5678

    def _GetMessageW(self, message: Any, window: None, first: int, last: int) -> int:  # noqa: N802
        assert (window, first, last) == (None, 0, 0)
        if not self.posted:
            return 0
        message._obj.message = self.posted.pop(0)
        message._obj.wParam = 2**40 + 4
        return 1

    def _DispatchMessageW(self, message: Any) -> int:  # noqa: N802
        return int(self._procedure(0x7FFF_0000_1234, message._obj.message, message._obj.wParam, -1))

    def _DefWindowProcW(self, _window: int, message: int, _wparam: int, _lparam: int) -> int:  # noqa: N802
        self.defaults.append(message)
        return 0

    def _PostMessageW(self, _window: int, message: int, _wparam: int, _lparam: int) -> int:  # noqa: N802
        self.posted.append(message)
        return 1

    def _WTSQuerySessionInformationW(self, *arguments: Any) -> int:  # noqa: N802
        assert arguments[:3] == (None, 0xFFFFFFFF, 25)
        arguments[3]._obj.value = ctypes.addressof(self._info)
        arguments[4]._obj.value = 224
        return 1


def test_a_window_is_made_asked_for_and_taken_back() -> None:
    windows = User32()
    desktop = DllDesktop(windows.load, lambda: 0)
    seen: list[tuple[int, ...]] = []

    def handle(*message: int) -> int | None:
        seen.append(message)
        return 1 if message[0] == POWER else None

    desktop.open(handle)
    windows.posted = [POWER, 0x0001, 0x0010, 0x8000]
    desktop.pump()
    desktop.close()

    assert seen == [(POWER, 2**40 + 4, -1), (0x0001, 2**40 + 4, -1)], "whole 64-bit words"
    assert windows.defaults == [0x0001], "WM_CLOSE must not reach Windows's own procedure"
    assert "PostQuitMessage" in windows.calls
    assert windows.calls[-4:] == [
        "WTSUnRegisterSessionNotification",
        "UnregisterSuspendResumeNotification",
        "DestroyWindow",
        "UnregisterClassW",
    ]


@pytest.mark.parametrize(
    "refused",
    ["RegisterClassExW", "CreateWindowExW", "RegisterSuspendResumeNotification", "WTSRegisterSessionNotification"],
)
def test_each_refusal_names_its_call_and_error(refused: str) -> None:
    windows = User32(refuses=refused)
    watch = WindowsPower(lambda: DllDesktop(windows.load, lambda: 1702))

    with pytest.raises(PowerUnavailableError, match=rf"{refused}, error 1702"):
        watch.start(lambda _event: None)
    assert windows.calls[-1] == "UnregisterClassW"
    assert ("DestroyWindow" in windows.calls) == (refused not in {"RegisterClassExW", "CreateWindowExW"})


def test_a_windows_without_the_function_is_a_sentence() -> None:
    watch = WindowsPower(lambda: DllDesktop(lambda _name: Library(), lambda: 0))

    with pytest.raises(PowerUnavailableError, match="GetModuleHandleW"):
        watch.start(lambda _event: None)


@pytest.mark.parametrize(("flags", "locked"), [(0, True), (1, False), (-1, None), (7, None)])
def test_the_lock_is_read_from_the_sessions_flags(flags: int, locked: bool | None) -> None:
    windows = User32(session_flags=flags)

    assert DllDesktop(windows.load, lambda: 0).is_locked() is locked
    assert windows.calls[-1] == "WTSFreeMemory"
    assert DllDesktop(User32(refuses="WTSQuerySessionInformationW").load, lambda: 0).is_locked() is None
