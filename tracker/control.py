"""How `daybook` commands reach a running tracker: one request and one answer over a local socket.

The socket lies in a folder that only its owner can enter; on Windows it is a named pipe of the person's session.
"""

import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from multiprocessing.connection import Client, Listener
from multiprocessing.connection import Connection as Wire
from pathlib import Path

import msgspec

from tracker.commands import ENDED, Answer, Command
from tracker.domain.errors import MachineError, RefusedError

_LONGEST_COMMAND = 1_000_000  # bytes
_LAST_ANSWERS_S = 2.0
_commands = msgspec.json.Decoder(Command)
_answers = msgspec.json.Decoder(Answer)


class NotRunningError(RefusedError):
    """No tracker is running on this data folder."""


class ControlServer:
    """Answers commands for a data folder, each connection in a thread of its own.

    Args:
        folder: the data folder; only the process that holds its buffer may serve it.
        submit: hands a command to the engine.
    """

    def __init__(self, folder: Path, submit: Callable[[Command], Future[Answer]]) -> None:
        self._submit = submit
        self._answered = threading.Condition()
        self._unanswered = 0
        address = _address(folder)
        try:
            if os.name == "posix":
                Path(address).unlink(missing_ok=True)  # left by a tracker that died; the buffer's lock says so
            self._listener = Listener(address)
        except OSError as error:
            raise MachineError(
                f"Daybook's socket {address} cannot be made ({error.strerror or error}). Set XDG_RUNTIME_DIR to a "
                "folder of your own with a short path."
            ) from error
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        """Take no more commands, and let those that were taken have their answers: the program ends after this."""
        with contextlib.suppress(FileNotFoundError):  # a cleaner of old files may have taken the socket
            self._listener.close()
        with self._answered:
            self._answered.wait_for(lambda: not self._unanswered, _LAST_ANSWERS_S)

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), name="control-answer", daemon=True).start()

    def _serve(self, connection: "Wire[bytes, bytes]") -> None:
        # The other side may go away at any time, or be no `daybook` at all.
        with connection, contextlib.suppress(EOFError, OSError, ValueError, RecursionError):
            command = _commands.decode(connection.recv_bytes(_LONGEST_COMMAND))
            with self._answer():
                answer = self._submit(command).result()
                if answer != ENDED:  # closing without an answer says that nothing runs here any more
                    connection.send_bytes(msgspec.json.encode(answer))

    @contextlib.contextmanager
    def _answer(self) -> Iterator[None]:
        """Count a command from its arrival until its answer has left."""
        with self._answered:
            self._unanswered += 1
        try:
            yield
        finally:
            with self._answered:
                self._unanswered -= 1
                self._answered.notify_all()


def ask(folder: Path, command: Command) -> Answer:
    """Put a command to the tracker running on a data folder.

    Raises:
        NotRunningError: there is none, or it ended before it answered.
    """
    try:
        with Client(_address(folder)) as connection:
            connection.send_bytes(msgspec.json.encode(command))
            answer: Answer = _answers.decode(connection.recv_bytes())
            return answer
    except (OSError, EOFError) as error:
        raise NotRunningError("Daybook is not running. Start it with: daybook run") from error
    except (ValueError, RecursionError) as error:
        raise MachineError(
            "The Daybook that is running is of another version. End it from its window and start this one."
        ) from error


def _address(folder: Path) -> str:
    """Name the socket after the data folder; socket paths may not be longer than about 100 characters."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    if os.name == "nt":
        return rf"\\.\pipe\daybook-{name}"
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or Path(tempfile.gettempdir()) / f"daybook-{os.getuid()}")
    try:
        runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = runtime.stat()
    except OSError as error:
        raise MachineError(f"The folder {runtime} for Daybook's socket cannot be made ({error.strerror}).") from error
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise MachineError(f"Others can enter the folder {runtime} of Daybook's socket. Remove it, then try again.")
    return str(runtime / f"daybook-{name}.socket")
