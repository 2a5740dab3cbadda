"""The control socket: one request, one answer, and nothing that another program sends can disturb it."""

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from multiprocessing.connection import Client, Connection
from pathlib import Path

import msgspec
import pytest

from tracker import control
from tracker.commands import (
    ENDED,
    Answer,
    Command,
    Done,
    GetStatus,
    LogIn,
    PicturesAnswer,
    Quit,
    Refused,
    SetMemo,
    Start,
    Stop,
)
from tracker.control import ControlServer, NotRunningError, ask
from tracker.domain.errors import MachineError

WITHIN_S = 20.0
Serve = Callable[..., ControlServer]


def at_once(command: Command) -> Future[Answer]:
    """An engine that answers with what it was told."""
    answer: Future[Answer] = Future()
    answer.set_result(Done(repr(command)))
    return answer


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the sockets; short, as the system's is."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.fixture
def serve(tmp_path: Path, runtime: Path) -> Iterator[Serve]:
    assert not runtime.exists()
    made: list[ControlServer] = []

    def serve(submit: Callable[[Command], Future[Answer]] = at_once, folder: Path = tmp_path) -> ControlServer:
        made.append(ControlServer(folder, submit))
        return made[-1]

    yield serve
    for server in made:
        server.close()


def sockets(runtime: Path) -> list[Path]:
    return sorted(runtime.glob("*.socket"))


@pytest.mark.parametrize(
    "command", [Start("Contract", "Grüße “数” 🙂"), Stop(), SetMemo("x" * 9_999), LogIn("https://m", "a", "r", 1)]
)
def test_a_command_is_answered(tmp_path: Path, serve: Serve, command: Command) -> None:
    serve()
    assert ask(tmp_path, command) == Done(repr(command))
    assert ask(tmp_path, command) == Done(repr(command))


def test_large_and_binary_answers_arrive_whole(tmp_path: Path, serve: Serve) -> None:
    answer: Future[Answer] = Future()
    answer.set_result(PicturesAnswer((os.urandom(3_000_000), b"")))
    serve(lambda _: answer)
    assert ask(tmp_path, Stop()) == answer.result()


def test_nothing_running(tmp_path: Path, runtime: Path) -> None:
    with pytest.raises(NotRunningError, match="daybook run") as caught:
        ask(tmp_path, Stop())
    assert caught.value.exit_code == 3
    assert sockets(runtime) == []


def test_a_socket_left_by_a_dead_tracker(tmp_path: Path, runtime: Path, serve: Serve) -> None:
    serve()
    [path] = sockets(runtime)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(NotRunningError):
        ask(tmp_path, Stop())
    serve()
    assert ask(tmp_path, Stop()) == Done("Stop()")


def test_data_folders_have_their_own_sockets(tmp_path: Path, runtime: Path, serve: Serve) -> None:
    serve(folder=tmp_path / "one")
    with pytest.raises(NotRunningError):
        ask(tmp_path / "two", Stop())
    serve(folder=tmp_path / "two")
    assert len(sockets(runtime)) == 2
    assert isinstance(ask(tmp_path / "two" / ".." / "one", Stop()), Done)


def test_the_path_of_the_data_folder_may_be_long(tmp_path: Path, serve: Serve) -> None:
    folder = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 20)
    serve(folder=folder)
    assert ask(folder, Stop()) == Done("Stop()")


def test_a_socket_folder_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("r" * 120)))
    with pytest.raises(MachineError, match="XDG_RUNTIME_DIR"):
        ControlServer(tmp_path, at_once)
    with pytest.raises(NotRunningError):
        ask(tmp_path, Stop())


def test_a_socket_that_was_cleaned_away_does_not_hinder_the_end(runtime: Path, serve: Serve) -> None:
    server = serve()
    sockets(runtime)[0].unlink()
    server.close()


def test_the_socket_is_its_owners_alone(runtime: Path, serve: Serve) -> None:
    before = os.umask(0)
    try:
        serve()
    finally:
        os.umask(before)
    assert runtime.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o770, 0o777])
def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path, runtime: Path, mode: int) -> None:
    runtime.mkdir()
    runtime.chmod(mode)
    for use in (lambda: ask(tmp_path, Stop()), lambda: ControlServer(tmp_path, at_once)):
        with pytest.raises(MachineError, match=str(runtime)):
            use()
    assert sockets(runtime) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file" / "run"))
    with pytest.raises(MachineError, match="cannot be made"):
        ask(tmp_path, Stop())


def test_without_a_runtime_folder_it_is_a_private_one(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    serve()
    assert isinstance(ask(tmp_path, Stop()), Done)
    [runtime] = tmp_path.glob("daybook-*")
    assert runtime.stat().st_mode & 0o777 == 0o700


def frame(content: bytes) -> bytes:
    return struct.pack("!i", len(content)) + content


GARBAGE = {
    "nothing": b"", "half a length": b"\0\0", "text": b"GET / HTTP/1.1\r\n\r\n", "not JSON": frame(b"?"),
    "bad UTF-8": frame(b'{"type": "SetMemo", "memo": "\xff"}'), "no command": frame(b"{}"),
    "unknown command": frame(b'{"type": "Format"}'), "wrong type": frame(b'{"type": "SetMemo", "memo": 5}'),
    "deep": frame(b"[" * 100_000), "longer than said": frame(b'{"type": "Stop"}')[:-3],
    "too long": struct.pack("!i", 2_000_000_000), "far too long": struct.pack("!iQ", -1, 1 << 62),
    "negative": struct.pack("!i", -5),
}  # fmt: skip


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_closes_its_connection_and_harms_nothing(
    tmp_path: Path, runtime: Path, serve: Serve, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    commands: list[Command] = []

    def submit(command: Command) -> Future[Answer]:
        commands.append(command)
        return at_once(command)

    serve(submit)
    with socket.socket(socket.AF_UNIX) as other:
        other.settimeout(WITHIN_S)
        other.connect(str(sockets(runtime)[0]))
        other.sendall(GARBAGE[name])
        other.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # closed before it had read all
            assert other.recv(100) == b""
    assert commands == []
    assert ask(tmp_path, Stop()) == Done("Stop()")
    assert "".join(capfd.readouterr()) == ""


def test_a_client_that_goes_away_harms_nothing(
    tmp_path: Path, runtime: Path, serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    asked, answer = threading.Event(), Future[Answer]()

    def submit(command: Command) -> Future[Answer]:
        if command == GetStatus():
            asked.set()
            return answer
        return at_once(command)

    server = serve(submit)
    with Client(str(sockets(runtime)[0])) as connection:
        assert isinstance(connection, Connection)
        connection.send_bytes(msgspec.json.encode(GetStatus()))
        assert asked.wait(WITHIN_S)
    answer.set_result(Done("too late"))
    assert ask(tmp_path, Stop()) == Done("Stop()")
    server.close()
    assert "".join(capfd.readouterr()) == ""


def test_clients_do_not_wait_for_each_other(tmp_path: Path, serve: Serve) -> None:
    """Twenty hold their questions open while one more is answered."""
    held: Future[Answer] = Future()
    gate = threading.Semaphore(0)

    def submit(command: Command) -> Future[Answer]:
        if command == Stop():
            gate.release()
            return held
        return at_once(command)

    serve(submit)
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(tmp_path, Stop()))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert gate.acquire(timeout=WITHIN_S)
    assert ask(tmp_path, Quit()) == Done("Quit()")
    held.set_result(Refused("no", 3))
    for thread in threads:
        thread.join(WITHIN_S)
    assert answers == [Refused("no", 3)] * 20


def test_closing_lets_the_last_answer_out(tmp_path: Path, runtime: Path, serve: Serve) -> None:
    """`daybook quit` is answered by a program that is about to end."""
    taken, answer = threading.Event(), Future[Answer]()

    def submit(_command: Command) -> Future[Answer]:
        taken.set()
        return answer

    server = serve(submit)
    answers: list[Answer] = []
    asker = threading.Thread(target=lambda: answers.append(ask(tmp_path, Quit())))
    asker.start()
    assert taken.wait(WITHIN_S)
    closer = threading.Thread(target=server.close)
    closer.start()
    assert closer.is_alive()
    answer.set_result(Done("Daybook has ended."))
    closer.join(WITHIN_S)
    assert server._unanswered == 0
    asker.join(WITHIN_S)
    assert answers == [Done("Daybook has ended.")]
    assert sockets(runtime) == []
    with pytest.raises(NotRunningError):
        ask(tmp_path, Stop())


def test_a_tracker_that_is_ending_does_not_run_any_more(tmp_path: Path, serve: Serve) -> None:
    """Who asks it anyway opens the buffer, as where nothing runs."""
    ended: Future[Answer] = Future()
    ended.set_result(ENDED)
    serve(lambda _: ended)
    with pytest.raises(NotRunningError):
        ask(tmp_path, GetStatus())


def test_closing_does_not_wait_for_ever(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_LAST_ANSWERS_S", 0.05)
    taken, never = threading.Event(), Future[Answer]()

    def submit(_command: Command) -> Future[Answer]:
        taken.set()
        return never

    server = serve(submit)
    asker = threading.Thread(target=lambda: ask(tmp_path, Quit()))
    asker.start()
    assert taken.wait(WITHIN_S)
    server.close()
    never.set_result(Done(""))
    asker.join(WITHIN_S)


def test_an_answer_of_another_version_is_told(tmp_path: Path, runtime: Path, serve: Serve) -> None:
    class Newer(msgspec.Struct, tag=True):
        """An answer that this version does not know."""

    serve(lambda _: _resolved(Newer()))
    with pytest.raises(MachineError, match="another version"):
        ask(tmp_path, Stop())
    assert len(sockets(runtime)) == 1


def _resolved(value: object) -> Future[object]:
    answer: Future[object] = Future()
    answer.set_result(value)
    return answer
