"""macOS's messages and calls, as far as they can be tried elsewhere."""

import ctypes
import threading
from typing import Any

import pytest

from stage.waiting import until
from tests.fakes.library import Library
from tests.fakes.power import FakeMac
from tracker.capture.power.macos import _FUNCTIONS, FrameworkMac, MacPower
from tracker.capture.power.port import PowerEvent, PowerUnavailableError

CAN_SLEEP, WILL_SLEEP, WILL_NOT_SLEEP, POWERED_ON, WILL_POWER_ON = (
    0xE0000270,
    0xE0000280,
    0xE0000290,
    0xE0000300,
    0xE0000320,
)
SUSPENDING, RESUMED, LOCKED, UNLOCKED, SHUTTING_DOWN = PowerEvent


def test_sleep_waits_for_the_listener_and_is_always_allowed() -> None:
    mac, heard, allowed = FakeMac(), list[PowerEvent](), list[list[int]]()
    watch = MacPower(lambda: mac)

    def listen(event: PowerEvent) -> None:
        heard.append(event)
        allowed.append(list(mac.allowed))

    watch.start(listen)
    for argument, message in enumerate([CAN_SLEEP, WILL_SLEEP, WILL_POWER_ON, POWERED_ON, WILL_NOT_SLEEP, 7], start=1):
        mac.send(message, argument)
    until(lambda: len(heard) == 2 and len(mac.allowed) == 2, "the messages", poll_s=0.001)
    watch.stop()

    assert heard == [SUSPENDING, RESUMED]
    assert mac.allowed == [1, 2], "both that macOS waits for"
    assert allowed == [[1], [1, 2]], "and not before the listener has returned"
    assert mac.closed == 1


def _fail(_event: PowerEvent) -> None:
    raise ZeroDivisionError


def test_a_listener_that_fails_holds_up_no_sleep_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[object] = []
    monkeypatch.setattr("threading.excepthook", caught.append)
    mac = FakeMac()
    watch = MacPower(lambda: mac)
    watch.start(_fail)
    mac.send(WILL_SLEEP, 9)

    assert until(watch.problem, "a problem", poll_s=0.001).endswith(".")
    assert (mac.allowed, len(caught), mac.closed) == ([9], 1, 1)


def test_a_notice_in_the_main_thread_is_told_in_the_watchs_own() -> None:
    mac, threads = FakeMac(), list[str]()
    watch = MacPower(lambda: mac)
    watch.start(lambda _event: threads.append(threading.current_thread().name))
    mac.say_locked(locked=True)
    until(lambda: threads, "the event", poll_s=0.001)
    watch.stop()

    assert threads == ["daybook-power"]


def test_without_notices_the_session_is_asked(capfd: pytest.CaptureFixture[str]) -> None:
    mac, heard = FakeMac(), list[PowerEvent]()
    watch = MacPower(lambda: mac)
    watch.start(heard.append)
    for locked in (True, True, None, False):
        mac.locked = locked
        mac.time_out()
        until(mac._messages.empty, "the look", poll_s=0.001)
        mac.time_out()
        until(mac._messages.empty, "the look", poll_s=0.001)
    until(lambda: len(heard) == 2, "the events", poll_s=0.001)
    watch.stop()

    assert heard == [LOCKED, UNLOCKED]
    assert capfd.readouterr() == ("", "")


def test_a_session_that_says_unlocked_for_the_first_time_is_no_event() -> None:
    mac, heard = FakeMac(), list[PowerEvent]()
    mac.locked = None
    watch = MacPower(lambda: mac)
    watch.start(heard.append)
    assert watch.is_locked() is None
    mac.locked = False
    mac.time_out()
    until(lambda: watch.is_locked() is False, "the look", poll_s=0.001)
    watch.stop()

    assert heard == []


def test_a_refusal_is_one_sentence() -> None:
    mac = FakeMac()
    mac.refusal = OSError("IORegisterForSystemPower gave no port")
    watch = MacPower(lambda: mac)

    with pytest.raises(PowerUnavailableError, match="gave no port"):
        watch.start(lambda _event: None)
    assert (watch.running, watch.problem(), mac.closed) == (False, None, 1)


# The calls.

DICTIONARY, VALUE, BOOLEAN_TYPE, NUMBER_TYPE = 0x7FFF_0000_1000, 0x7FFF_0000_2000, 21, 22


class Frameworks:
    """A macOS whose functions refuse to be called before their types are declared."""

    def __init__(self, *, locked: object = None, has_session: bool = True, port: int = 0x1003) -> None:
        self.calls: list[str] = []
        self.interest: Any = None
        self.observers: dict[bytes, Any] = {}
        self.retained = 0
        self._locked = locked
        self._has_session = has_session
        self._port = port
        self._texts: dict[int, bytes] = {}
        self.run_result = 3  # kCFRunLoopRunTimedOut

    def load(self, path: str) -> Library:
        return Library(**{name: self._function(name) for name in _FUNCTIONS[path]})

    def mac(self) -> FrameworkMac:
        return FrameworkMac(self.load, lambda _framework: 0x7FFF_0000_9000)

    def _function(self, name: str) -> Any:
        def call(*arguments: Any) -> object:
            self.calls.append(name)
            act = getattr(self, f"_{name}", None)
            return 0x7FFF_0000_4000 if act is None else act(*arguments)

        return call

    def _IORegisterForSystemPower(self, context: None, port: Any, interest: Any, notifier: Any) -> int:  # noqa: N802
        assert context is None
        port._obj.value, notifier._obj.value = 0x7FFF_0000_7000, 0x2003
        self.interest = interest
        return self._port

    def _CFStringCreateWithCString(self, _allocator: None, text: bytes, encoding: int) -> int:  # noqa: N802
        assert encoding == 0x08000100
        self.retained += 1
        self._texts[0x7FFF_0001_0000 + len(self._texts)] = text
        return max(self._texts)

    def _CGSessionCopyCurrentDictionary(self) -> int | None:  # noqa: N802
        self.retained += self._has_session
        return DICTIONARY if self._has_session else None

    def _CFRelease(self, _one: int) -> None:  # noqa: N802
        self.retained -= 1

    def _CFDictionaryGetValue(self, dictionary: int, key: int) -> int | None:  # noqa: N802
        assert (dictionary, self._texts[key]) == (DICTIONARY, b"CGSSessionScreenIsLocked")
        return None if self._locked is None else VALUE

    def _CFGetTypeID(self, value: int) -> int:  # noqa: N802
        assert value == VALUE
        return BOOLEAN_TYPE if isinstance(self._locked, bool) else NUMBER_TYPE

    def _CFBooleanGetTypeID(self) -> int:  # noqa: N802
        return BOOLEAN_TYPE

    def _CFBooleanGetValue(self, _value: int) -> int:  # noqa: N802
        return int(self._locked is True)

    def _CFNumberGetValue(self, _value: int, kind: int, number: Any) -> int:  # noqa: N802
        assert kind == 9
        number._obj.value = self._locked
        return 1

    def _CFNotificationCenterAddObserver(  # noqa: N802
        self, _center: int, observer: int, callback: Any, name: int, sender: None, behaviour: int
    ) -> None:
        assert (sender, behaviour) == (None, 4)
        assert observer
        self.observers[self._texts[name]] = callback

    def _CFRunLoopRunInMode(self, _mode: int, seconds: float, returns_after_one: int) -> int:  # noqa: N802
        assert (seconds, returns_after_one) == (5.0, 0)
        return self.run_result


@pytest.mark.parametrize(("locked", "told"), [(None, False), (True, True), (False, False), (1, True), (0, False)])
def test_the_lock_is_read_from_the_sessions_dictionary(locked: object, told: bool) -> None:
    frameworks = Frameworks(locked=locked)

    assert frameworks.mac().is_locked() is told
    assert frameworks.retained == 0, "what was copied or made is released"


def test_without_a_session_the_lock_is_not_known() -> None:
    assert Frameworks(has_session=False).mac().is_locked() is None


def test_it_registers_hears_allows_and_takes_back() -> None:
    frameworks = Frameworks()
    mac = frameworks.mac()
    power, locks = list[tuple[int, int]](), list[bool]()
    mac.open(lambda *words: power.append(words), locks.append)
    frameworks.interest(None, 1, WILL_SLEEP, ctypes.c_void_p(2**63 + 5))
    frameworks.interest(None, 1, POWERED_ON, None)
    frameworks.observers[b"com.apple.screenIsLocked"](1, 1, 1, None, None)
    frameworks.observers[b"com.apple.screenIsUnlocked"](1, 2, 1, None, None)
    mac.allow(power[0][1])
    mac.turn(5.0)
    mac.wake()
    mac.close()

    assert power == [(WILL_SLEEP, 2**63 + 5), (POWERED_ON, 0)], "an argument as wide as a pointer"
    assert locks == [True, False]
    assert frameworks.calls[-4:] == [
        "CFRunLoopRemoveSource",
        "IODeregisterForSystemPower",
        "IOServiceClose",
        "IONotificationPortDestroy",
    ]
    assert frameworks.calls.count("CFNotificationCenterRemoveEveryObserver") == 2
    assert frameworks.retained == 0


def test_no_port_is_a_refusal_and_closing_then_is_harmless() -> None:
    watch = MacPower(Frameworks(port=0).mac)

    with pytest.raises(PowerUnavailableError, match="no port"):
        watch.start(lambda _event: None)


def test_a_run_loop_without_a_source_does_not_spin() -> None:
    frameworks = Frameworks()
    frameworks.run_result = 1  # kCFRunLoopRunFinished

    with pytest.raises(OSError, match="source"):
        frameworks.mac().turn(5.0)


def test_pointers_and_ports_have_their_widths() -> None:
    for functions in _FUNCTIONS.values():
        for name, (returns, _) in functions.items():
            if "Copy" in name or "Create" in name or name.endswith(("Current", "Center", "Source", "GetValue")):
                width = 1 if name in {"CFBooleanGetValue", "CFNumberGetValue"} else 8
                assert returns is None or ctypes.sizeof(returns) == width, name
