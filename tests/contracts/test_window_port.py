"""What every list of windows must do, whatever the platform."""

import abc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.quartz import FakeQuartz, quartz_window
from tests.fakes.win32 import FakeWin32, Win32Window
from tests.fakes.windows import FakeWindows
from tests.fakes.xserver import XServer
from tests.fakes.xwindows import Manager, XWindows
from tracker.capture.window.macos import MacWindows
from tracker.capture.window.port import NullWindows, Window, WindowList, WindowsUnavailableError
from tracker.capture.window.windows import WindowsWindows
from tracker.capture.window.x11 import X11Windows
from tracker.domain.errors import MachineError


class Rig(abc.ABC):
    windows: WindowList

    @abc.abstractmethod
    def open(self, application: str, title: str) -> Any: ...

    @abc.abstractmethod
    def retitle(self, window: Any, title: str) -> None: ...

    @abc.abstractmethod
    def minimise(self, window: Any) -> None: ...

    @abc.abstractmethod
    def restore(self, window: Any) -> None: ...

    @abc.abstractmethod
    def activate(self, window: Any) -> None: ...

    @abc.abstractmethod
    def close(self, window: Any) -> None: ...

    @abc.abstractmethod
    def lose(self) -> None: ...

    @abc.abstractmethod
    def come_back(self) -> None: ...

    def titles(self) -> set[str]:
        return {one.title for one in self.windows.visible() if one.application == "Editor"}


class FakeRig(Rig):
    def __init__(self) -> None:
        self.windows: FakeWindows = FakeWindows()
        self._places: dict[int, Window] = {}
        self._hidden: set[int] = set()
        self._active = 0

    def open(self, application: str, title: str) -> int:
        number = len(self._places) + 1
        self._places[number] = Window(application, title)
        self._show()
        return number

    def retitle(self, window: int, title: str) -> None:
        self._places[window] = Window(self._places[window].application, title)
        self._show()

    def minimise(self, window: int) -> None:
        self._hidden.add(window)
        self._show()

    def restore(self, window: int) -> None:
        self._hidden.discard(window)
        self._show()

    def activate(self, window: int) -> None:
        self._active = window
        self._show()

    def close(self, window: int) -> None:
        self.minimise(window)

    def lose(self) -> None:
        self.windows.lost = "The fake display is gone. Bring it back."

    def come_back(self) -> None:
        self.windows.lost = None

    def _show(self) -> None:
        self.windows.shown = [
            Window(one.application, one.title, is_active=number == self._active)
            for number, one in self._places.items()
            if number not in self._hidden
        ]


class X11Rig(Rig):
    """Windows under a real X server and jwm."""

    def __init__(self, server: XServer, home: Path) -> None:
        self._server = server
        self._home = home
        self.windows = X11Windows(server.display)
        self._manager = Manager(server.display, home)
        self._screen = XWindows(server.display)

    def end(self) -> None:
        self._manager.end()
        self._screen.end()

    def open(self, application: str, title: str) -> Any:
        return self._screen.open(application, title)

    def retitle(self, window: Any, title: str) -> None:
        self._screen.put(window, "_NET_WM_NAME", "UTF8_STRING", title.encode())

    def minimise(self, window: Any) -> None:
        self._screen.minimise(window)

    def restore(self, window: Any) -> None:
        self._screen.restore(window)

    def activate(self, window: Any) -> None:
        self._screen.activate(window)

    def close(self, window: Any) -> None:
        self._screen.close(window)

    def lose(self) -> None:
        self._screen.end()
        self._server.kill()
        self._manager.end()

    def come_back(self) -> None:
        self._server.revive()
        self._manager = Manager(self._server.display, self._home)
        self._screen = XWindows(self._server.display)


class WindowsRig(Rig):
    """The real logic above Windows's calls, which this machine has not."""

    def __init__(self) -> None:
        self._system = FakeWin32()
        self.windows = WindowsWindows(self._system.load, self._system.last_error)

    def open(self, application: str, title: str) -> Win32Window:
        number = len(self._system.windows) + 1
        self._system.processes[number] = application
        self._system.windows.append(Win32Window(0x7FFF_0000_0000 + number, number, title))
        return self._system.windows[-1]

    def retitle(self, window: Win32Window, title: str) -> None:
        window.title = title

    def minimise(self, window: Win32Window) -> None:
        window.minimised = True

    def restore(self, window: Win32Window) -> None:
        window.minimised = False

    def activate(self, window: Win32Window) -> None:
        self._system.active = window.handle

    def close(self, window: Win32Window) -> None:
        self._system.windows.remove(window)

    def lose(self) -> None:
        self._system.refuses = {"EnumWindows"}

    def come_back(self) -> None:
        self._system.refuses = set()


class MacRig(Rig):
    """The real logic above macOS's calls, which this machine has not; it lists what is on screen, the front first."""

    def __init__(self) -> None:
        self._quartz = FakeQuartz()
        self.windows = MacWindows(self._quartz.load)

    def open(self, application: str, title: str) -> dict[str, object]:
        window = quartz_window(application, title)
        self._quartz.windows.append(window)
        return window

    def retitle(self, window: dict[str, object], title: str) -> None:
        window["kCGWindowName"] = title

    def minimise(self, window: dict[str, object]) -> None:
        self._quartz.windows.remove(window)

    def restore(self, window: dict[str, object]) -> None:
        self._quartz.windows.append(window)

    def activate(self, window: dict[str, object]) -> None:
        self._quartz.windows.remove(window)
        self._quartz.windows.insert(0, window)

    def close(self, window: dict[str, object]) -> None:
        self.minimise(window)

    def lose(self) -> None:
        self._quartz.lists_windows = False

    def come_back(self) -> None:
        self._quartz.lists_windows = True


@pytest.fixture(params=["fake", "x11", "windows", "macos"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    if request.param == "x11":
        made = X11Rig(request.getfixturevalue("x_server"), tmp_path)
        yield made
        made.end()
    else:
        rigs: dict[str, Callable[[], Rig]] = {"fake": FakeRig, "windows": WindowsRig, "macos": MacRig}
        yield rigs[request.param]()


def test_a_window_is_listed_by_its_application_and_title_while_it_is_open(rig: Rig) -> None:
    assert rig.titles() == set()
    window = rig.open("Editor", "Größe ☃ – notes")
    rig.open("Other", "")

    assert rig.titles() == {"Größe ☃ – notes"}
    assert "" in {one.title for one in rig.windows.visible() if one.application == "Other"}
    rig.close(window)
    assert rig.titles() == set()


def test_each_look_sees_what_is_there_now(rig: Rig) -> None:
    window = rig.open("Editor", "first")
    assert rig.titles() == {"first"}
    rig.retitle(window, "second")
    assert rig.titles() == {"second"}


def test_a_minimised_window_is_not_visible_until_it_is_restored(rig: Rig) -> None:
    window = rig.open("Editor", "one")
    rig.open("Editor", "two")
    rig.minimise(window)
    assert rig.titles() == {"two"}
    rig.restore(window)
    assert rig.titles() == {"one", "two"}


def test_one_window_has_the_keyboard(rig: Rig) -> None:
    one, two = rig.open("Editor", "one"), rig.open("Editor", "two")
    for window, title in ((one, "one"), (two, "two"), (one, "one")):
        rig.activate(window)
        assert [seen.title for seen in rig.windows.visible() if seen.is_active] == [title]


def test_a_desktop_that_is_gone_is_one_sentence_each_time_and_never_an_empty_list(rig: Rig) -> None:
    rig.open("Editor", "one")
    rig.lose()
    for _ in range(3):
        with pytest.raises(WindowsUnavailableError) as caught:
            rig.windows.visible()
        assert isinstance(caught.value, MachineError)
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)


def test_a_desktop_that_returns_is_seen_again(rig: Rig) -> None:
    rig.lose()
    with pytest.raises(WindowsUnavailableError):
        rig.windows.visible()
    rig.come_back()
    rig.open("Editor", "again")
    assert "again" in rig.titles()


def test_the_null_list_gives_its_reason() -> None:
    with pytest.raises(WindowsUnavailableError, match=r"^There is none here\.$"):
        NullWindows("There is none here.").visible()
