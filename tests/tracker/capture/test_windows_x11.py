"""The windows of a real X server: what is not in a window manager's list, what goes while it is read, broken bytes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from Xlib import X, error
from Xlib.xobject.drawable import Window as XWindow

from stage.processes import program
from stage.waiting import until
from tests.fakes.xserver import XServer
from tests.fakes.xwindows import Manager, XWindows
from tracker.capture.window.port import WindowsUnavailableError
from tracker.capture.window.x11 import X11Windows
from tracker.capture.window.xtext import text


@pytest.fixture
def screen(x_server: XServer) -> Iterator[XWindows]:
    made = XWindows(x_server.display)
    yield made
    made.end()


@pytest.fixture
def windows(x_server: XServer) -> X11Windows:
    return X11Windows(x_server.display)


@pytest.fixture
def manager(x_server: XServer, screen: XWindows, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(x_server.display, tmp_path)
    screen.close(screen.open("Probe", "probe"))  # the manager has begun
    yield manager
    manager.end()


def _seen(windows: X11Windows) -> list[tuple[str, str]]:
    return [(one.application, one.title) for one in windows.visible()]


@pytest.mark.usefixtures("manager")
def test_a_popup_that_no_manager_lists_is_on_the_screen_too(screen: XWindows, windows: X11Windows) -> None:
    screen.open("Chat", "Robin: are you there?", is_managed=False, override_redirect=True)
    assert ("Chat", "Robin: are you there?") in _seen(windows)


@pytest.mark.parametrize("names_it_by", ["WM_CLIENT_LEADER", "WM_TRANSIENT_FOR"])
def test_a_popup_without_a_name_belongs_to_the_window_it_names(
    screen: XWindows, windows: X11Windows, names_it_by: str
) -> None:
    chat = screen.open("Chat", "Chat", is_managed=False)
    popup = screen.open("", "a preview", is_managed=False, override_redirect=True)
    screen.refer(popup, names_it_by, chat)
    assert ("Chat", "a preview") in _seen(windows)
    screen.close(chat)
    assert _seen(windows) == [("", "a preview")]


def test_windows_are_listed_without_a_manager_and_after_it_died(
    manager: Manager, screen: XWindows, windows: X11Windows
) -> None:
    screen.open("Editor", "notes")
    manager.end()
    assert ("Editor", "notes") in _seen(windows)
    screen.open("Late", "opened afterwards", is_managed=False)
    assert ("Late", "opened afterwards") in _seen(windows)


@pytest.mark.usefixtures("manager")
def test_a_window_on_another_workspace_is_not_visible(screen: XWindows, windows: X11Windows) -> None:
    screen.open("Editor", "notes")
    screen.show_desktop(1)
    assert ("Editor", "notes") not in _seen(windows)
    screen.show_desktop(0)
    assert ("Editor", "notes") in _seen(windows)


def test_a_minimised_window_that_its_manager_keeps_mapped_is_not_visible(screen: XWindows, windows: X11Windows) -> None:
    window = screen.open("Editor", "notes", is_managed=False)
    screen.put_numbers(window, "WM_STATE", 3, 0)
    assert _seen(windows) == [("Editor", "notes")], "left over, since it is mapped"
    hidden, shaded = (screen.connection.intern_atom(f"_NET_WM_STATE_{one}") for one in ("HIDDEN", "SHADED"))
    screen.put_numbers(window, "_NET_WM_STATE", hidden, kind="ATOM")
    assert _seen(windows) == []
    screen.put_numbers(window, "WM_STATE", 1, 0)
    assert _seen(windows) == [("Editor", "notes")], "likewise"
    screen.put_numbers(window, "WM_STATE", 3, 0)
    screen.put_numbers(window, "_NET_WM_STATE", hidden, shaded, kind="ATOM")
    assert _seen(windows) == [("Editor", "notes")], "its title bar says the title"


def test_what_mutter_keeps_mapped_below_its_guard_window_is_not_visible(screen: XWindows, windows: X11Windows) -> None:
    screen.open("Editor", "below", is_managed=False)
    guard = screen.root.create_window(0, 0, 320, 240, 0, 0, X.InputOnly, override_redirect=True)
    screen.put(guard, "WM_NAME", "STRING", b"mutter guard window")
    guard.map()
    screen.open("Editor", "above", is_managed=False)
    assert _seen(windows) == [("Editor", "above")]


def test_a_real_terminal_is_listed_by_its_class(x_server: XServer, windows: X11Windows) -> None:
    command = [program("xterm"), "-display", x_server.display, "-T", "a shell", "-e", "cat"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as terminal:
        until(lambda: ("XTerm", "a shell") in _seen(windows), "the terminal")
        terminal.terminate()
    assert _seen(windows) == []


def _dying(monkeypatch: pytest.MonkeyPatch, screen: XWindows, window: XWindow, times: int) -> list[int]:
    """Let a window be gone just when its title is asked for, so many times; without end it is replaced each time."""
    ask, left = XWindow.get_property, [times]
    name = screen.connection.intern_atom("_NET_WM_NAME")

    def get_property(self: XWindow, *arguments: Any) -> object:
        if arguments[0] == name and left[0]:
            left[0] -= 1
            screen.close(window)
            screen.open("New", "", is_managed=False)
            gone = screen.connection.create_resource_object("window", window.id)
            return ask(gone, *arguments)
        return ask(self, *arguments)

    monkeypatch.setattr(XWindow, "get_property", get_property)
    return left


def test_a_window_that_closes_while_it_is_read_is_left_out_and_the_rest_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, screen: XWindows, windows: X11Windows
) -> None:
    closing = screen.open("Editor", "closing", is_managed=False)
    screen.open("Editor", "staying", is_managed=False)
    left = _dying(monkeypatch, screen, closing, 1)
    assert _seen(windows) == [("Editor", "staying"), ("New", "")]
    assert left == [0]


def test_where_windows_come_and_go_too_fast_it_says_so(
    monkeypatch: pytest.MonkeyPatch, screen: XWindows, windows: X11Windows
) -> None:
    closing = screen.open("Editor", "closing", is_managed=False)
    screen.open("Editor", "staying", is_managed=False)
    _dying(monkeypatch, screen, closing, 99)
    with pytest.raises(WindowsUnavailableError, match="came and went"):
        windows.visible()


def test_a_window_that_is_there_but_cannot_be_read_is_never_left_out(
    monkeypatch: pytest.MonkeyPatch, screen: XWindows, windows: X11Windows
) -> None:
    screen.open("Editor", "guarded", is_managed=False)

    def refuse(self: XWindow, *_: object) -> object:
        data = {"sequence_number": 1, "code": 10, "resource_id": self.id, "major_opcode": 20, "minor_opcode": 0}
        failure = error.BadAccess.__new__(error.BadAccess)
        failure._data = data
        raise failure

    monkeypatch.setattr(XWindow, "get_property", refuse)
    with pytest.raises(WindowsUnavailableError, match="does not tell them all"):
        windows.visible()


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        ("Größe ☃".encode(), "UTF8_STRING", "Größe ☃"),
        (b"broken \xff\xfe bytes", "UTF8_STRING", "broken \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} bytes"),
        ("Größe".encode("latin-1"), "STRING", "Größe"),
        ("Größe".encode(), "STRING", "Größe"),
        (b"cut\0off", "STRING", "cut"),
        ("Größe".encode("latin-1"), "COMPOUND_TEXT", "Größe"),
        (b"\x1b-L" + "Банк".encode("iso8859-5"), "COMPOUND_TEXT", "Банк"),
        (b"a \x1b%G" + "☃".encode() + b"\x1b%@ b", "COMPOUND_TEXT", "a ☃ b"),
        (b"\x1b$(B" + bytes(byte & 0x7F for byte in "銀行".encode("euc_jp")) + b"\x1b(B!", "COMPOUND_TEXT", "銀行!"),
        (b"\x1b$)A" + "银行".encode("gb2312"), "COMPOUND_TEXT", "银行"),
        (b"\x1b$(C" + bytes(byte & 0x7F for byte in "은행".encode("euc_kr")), "COMPOUND_TEXT", "은행"),
        (b"\x1b%G\xff", "COMPOUND_TEXT", "\N{REPLACEMENT CHARACTER}"),
        (b"bank\x1b", "COMPOUND_TEXT", "bank\N{REPLACEMENT CHARACTER}"),
        (b"\x1b$(Zbank", "COMPOUND_TEXT", "\N{REPLACEMENT CHARACTER}Zbank"),
        (b"", "COMPOUND_TEXT", ""),
    ],
)
def test_titles_are_read_whatever_bytes_they_are(content: bytes, kind: str, expected: str) -> None:
    assert text(content, kind) == expected


def test_titles_of_older_programs_and_broken_ones_come_through_the_server(
    screen: XWindows, windows: X11Windows
) -> None:
    old = screen.open("Editor", "", is_managed=False)
    screen.put(old, "WM_NAME", "COMPOUND_TEXT", b"\x1b-L" + "Банк".encode("iso8859-5"))
    broken = screen.open("", "", is_managed=False)
    screen.put(broken, "_NET_WM_NAME", "UTF8_STRING", b"bank \xff")
    screen.put(broken, "WM_CLASS", "STRING", b"only-instance")
    assert set(_seen(windows)) == {("Editor", "Банк"), ("only-instance", "bank \N{REPLACEMENT CHARACTER}")}
