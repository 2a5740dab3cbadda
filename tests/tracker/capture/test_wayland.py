"""The Wayland client, against a real compositor, one that hangs, and ones that talk nonsense."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.fakes.compositor import ScriptedCompositor, event, text, word
from tests.fakes.wayland import Sway
from tracker.capture.wayland import Wayland, WaylandLostError, WaylandSilentError, socket_path
from tracker.clock import monotonic_ms


@contextmanager
def _scripted(path: Path, answer: Callable[[int, int, bytes], bytes]) -> Iterator[Path]:
    with closing(ScriptedCompositor(path, ["wl_shm"], answer)) as compositor:
        yield compositor.path


def _connect(path: Path, within_ms: int = 5_000) -> Wayland:
    return Wayland(path, monotonic_ms, monotonic_ms() + within_ms)


def test_it_learns_what_a_real_compositor_offers(two_monitors: Sway) -> None:
    with closing(_connect(two_monitors.runtime / two_monitors.display)) as client:
        assert len(client.offers("wl_output")) == 2
        assert len(client.offers("zwlr_screencopy_manager_v1")) == 1
        assert client.offers("no_such_thing") == []
        client.roundtrip()


def test_a_real_compositors_refusal_is_told(sway: Sway) -> None:
    with closing(_connect(sway.runtime / sway.display)) as client:
        client.send(77, 0)
        with pytest.raises(WaylandLostError, match=r"^it says: .*77"):
            client.roundtrip()


def test_a_hung_compositor_costs_the_time_allowed(sway: Sway) -> None:
    sway.hang()
    try:
        with pytest.raises(WaylandSilentError, match="does not answer"):
            _connect(sway.runtime / sway.display, within_ms=100)
    finally:
        sway.wake()
    _connect(sway.runtime / sway.display).close()


def test_a_compositor_that_dies_is_told(sway: Sway) -> None:
    with closing(_connect(sway.runtime / sway.display)) as client:
        sway.kill()
        with pytest.raises(WaylandLostError):
            client.roundtrip()


def test_no_compositor_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(WaylandLostError, match="No such file"):
        _connect(tmp_path / "wayland-0")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "dead"))
        with pytest.raises(WaylandLostError, match="refused"):
            _connect(tmp_path / "dead")


@pytest.mark.parametrize(
    "nonsense",
    [
        event(1, 0, word(1, 3) + text("no memory")),
        event(2, 0, b"\0\0\0\0"),
        event(2, 0, word(1, 1 << 31) + b"x"),
        word(2, 4 << 16),
        word(2, 0),
        word(99, 0),
    ],
    ids=["error", "short global", "endless string", "size below header", "size zero", "size zero to nobody"],
)
def test_nonsense_is_one_error_and_no_more(tmp_path: Path, nonsense: bytes) -> None:
    with (
        _scripted(tmp_path / "s", lambda target, opcode, _: nonsense if (target, opcode) == (1, 0) else b"") as path,
        pytest.raises(WaylandLostError),
    ):
        _connect(path)


def test_events_to_objects_unknown_are_passed_over(tmp_path: Path) -> None:
    with (
        _scripted(tmp_path / "s", lambda *_: event(4_000, 9, b"12345678")) as path,
        closing(_connect(path)) as client,
    ):
        client.roundtrip()
        assert [one.interface for one in client.globals] == ["wl_shm"]


@pytest.mark.parametrize(
    ("display", "runtime", "path"),
    [
        ("wayland-1", "/run/user/1000", "/run/user/1000/wayland-1"),
        ("/srv/x/wayland-1", "/run/user/1000", "/srv/x/wayland-1"),
        (None, "/run/user/1000", "/run/user/1000/wayland-0"),
        ("wayland-1", None, "/wayland-1"),
    ],
)
def test_the_socket_is_where_the_protocol_says(display: str | None, runtime: str | None, path: str) -> None:
    assert socket_path(display, runtime) == Path(path)
