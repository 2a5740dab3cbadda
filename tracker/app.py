"""The composition root: the only place that picks the parts and wires them."""

import os
import re
import signal
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tracker import commands, control, dumps
from tracker.answering import answered
from tracker.capture.platform import BackEnds, asks_portals, choose, require_display
from tracker.clock import SystemClock, monotonic_ms
from tracker.commands import Answer, Command
from tracker.domain.errors import MachineError, RefusedError
from tracker.engine import Engine
from tracker.snapshotter import DrawInstants
from tracker.status import Status
from tracker.store import keys
from tracker.store.buffer import Buffer, check_key, is_begun, new_key, open_buffer
from tracker.store.database import BufferDamagedError, BufferInUseError
from tracker.sync import login
from tracker.sync.credentials import KeyFileVault, KeyringVault, Vault

_BUFFER_KEY = "buffer-key"
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[\w.:-]+")
_STARTING_S = 5.0  # how long another process may take between opening the buffer and answering commands


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says before its command.

    Args:
        data: the folder of the buffer.
        key_file: keeps keys and tokens instead of the system's keyring.
        draw_instants: draws the instants of a segment's snapshots.
    """

    data: Path
    key_file: Path | None
    draw_instants: DrawInstants


class WindowEngine:
    """The engine as the window sees it: with the log-in, which waits for a browser and so has its own thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cancelled = threading.Event()

    def subscribe(self, listener: Callable[[Status], None]) -> None:
        """Call a listener with every status."""
        self._engine.subscribe(listener)

    def submit(self, command: Command) -> Future[Answer]:
        """Hand in a command."""
        return self._engine.submit(command)

    def on_show(self, callback: Callable[[], None]) -> None:
        """Say what brings the window to the front."""
        self._engine.on_show(callback)

    def on_quit(self, callback: Callable[[], None]) -> None:
        """Say what is to end with the engine."""
        self._engine.on_quit(callback)

    def begin_log_in(self, server: str) -> Future[Answer]:
        """Log in through the system's browser."""
        self._cancelled.set()  # one that is under way gives up
        self._cancelled = threading.Event()
        answer: Future[Answer] = Future()
        arguments = (server, self._cancelled, answer)
        threading.Thread(target=self._log_in, args=arguments, name="log-in", daemon=True).start()
        return answer

    def cancel_log_in(self) -> None:
        """Give up waiting for the browser."""
        self._cancelled.set()

    def _log_in(self, server: str, cancelled: threading.Event, answer: Future[Answer]) -> None:
        answer.set_result(answered(lambda: self._engine.submit(browser_log_in(server, cancelled)).result()))


def run(options: Options, *, is_headless: bool) -> int:
    """Run the tracker until it is quit, and give the exit code.

    Raises:
        TrackerError: it cannot start; the text says why.
    """
    if not is_headless:
        require_display(os.environ)
    engine = _open_or_show(options)
    try:
        server = control.ControlServer(options.data, engine.submit)
        try:
            engine.start()
            if is_headless:
                _run_headless(engine)
            else:
                _run_window(engine)
        finally:
            server.close()
    finally:
        engine.close()
    return 0


def back_ends() -> BackEnds:
    """Choose this desktop's back ends."""
    return choose(os.environ, monotonic_ms)


def ask_running(options: Options, command: Command) -> Answer:
    """Put a command to the running tracker.

    Raises:
        NotRunningError: there is none.
    """
    return control.ask(options.data, command)


def ask(options: Options, command: Command) -> Answer:
    """Put a command to the running tracker, or without one to an engine of our own on its buffer."""
    deadline_ms = monotonic_ms() + round(_STARTING_S * 1000)
    while True:
        try:
            return control.ask(options.data, command)
        except control.NotRunningError:
            try:
                with _own_engine(options) as engine:
                    return engine.handle(command)
            except BufferInUseError:
                if monotonic_ms() >= deadline_ms:
                    raise
                time.sleep(0.1)


def browser_log_in(server: str, cancelled: threading.Event) -> commands.LogIn:
    """Log in through the system's browser; the engine takes the result in."""
    server = checked_server(server)
    return _log_in(server, login.with_browser(server, webbrowser.open, cancelled))


def device_log_in(server: str, show: Callable[[str, str], None]) -> commands.LogIn:
    """Log in with a code typed elsewhere; the engine takes the result in."""
    server = checked_server(server)
    return _log_in(server, login.with_device_code(server, show, threading.Event().wait))


def checked_server(server: str) -> str:
    """Bring a marketplace's address into one form.

    Raises:
        RefusedError: it is no web address, or would send the log-in unencrypted.
    """
    wrong = RefusedError(f"{server!r} is not a marketplace's address. It looks like https://market.example")
    try:
        parts = urlsplit(server.strip() if "://" in server else f"https://{server.strip()}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or parts.username is not None:
        raise wrong
    if parts.scheme == "http" and host not in {"127.0.0.1", "::1", "localhost"}:
        raise RefusedError(f"{server} would send your log-in unencrypted. Use its https:// address.")
    name = f"[{host}]" if ":" in host else host
    place = "" if port in {None, _PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{name}{place}{parts.path.rstrip('/')}"


def _log_in(server: str, answer: login.Granted) -> commands.LogIn:
    tokens = answer.tokens(SystemClock())
    return commands.LogIn(server, tokens.access, tokens.refresh, tokens.expires_ms)


@contextmanager
def _own_engine(options: Options) -> Iterator[Engine]:
    engine = _engine(options)
    try:
        yield engine
    finally:
        engine.close()


def _open_or_show(options: Options) -> Engine:
    """Open the engine, or bring the window of the one that runs already to the front.

    Raises:
        RefusedError: one is running.
    """
    deadline_ms = monotonic_ms() + round(_STARTING_S * 1000)
    while True:
        try:
            return _engine(options)
        except BufferInUseError:
            try:
                control.ask(options.data, commands.Show())
            except control.NotRunningError:
                if monotonic_ms() >= deadline_ms:
                    raise
                time.sleep(0.1)
            else:
                raise RefusedError(
                    "Daybook is already running, so this one was not started. Its window was brought to the front."
                ) from None


def has_recovery_code(options: Options) -> bool:
    """Tell whether a recovery code was made for the buffer."""
    return keys.recovery_path(options.data).exists()


def make_recovery_code(options: Options) -> str:
    """Wrap the buffer's key under a new recovery code, which voids the old one, and give the code.

    Raises:
        RefusedError: there is no buffer yet.
        MachineError: the key cannot be read or is another buffer's, or the disk failed.
    """
    kept = _vault(options).get(_BUFFER_KEY)
    if not is_begun(options.data):
        raise RefusedError("There is no buffer to make a recovery code for yet. Log in first, with: daybook login")
    if kept is None:
        raise MachineError(_lacks_key(options.data))
    key = _key_of(kept, options.data)
    check_key(options.data, key)
    return keys.wrap(options.data, key)


def restore_key(options: Options, code: str) -> bool:
    """Put the key that a recovery code opens into the keyring or key file; False if it was there already.

    Raises:
        RefusedError: it is not this buffer's code.
        MachineError: the wrapped key cannot be read, is another buffer's, or cannot be kept.
    """
    key, vault = keys.unwrap(options.data, code), _vault(options)
    check_key(options.data, key)
    if vault.get(_BUFFER_KEY) == key.hex():
        return False
    vault.put(_BUFFER_KEY, key.hex())
    return True


def _vault(options: Options) -> Vault:
    return KeyringVault(str(options.data.resolve())) if options.key_file is None else KeyFileVault(options.key_file)


def _engine(options: Options) -> Engine:
    folder, vault = options.data, _vault(options)
    buffer, clock = _open_buffer(folder, vault), SystemClock()
    try:
        try:
            return Engine(buffer, vault, clock, back_ends(), options.draw_instants)
        except BufferDamagedError:
            if buffer.mend(clock.read().system_utc_ms) is None:
                raise
            return Engine(buffer, vault, clock, back_ends(), options.draw_instants)
    except BaseException:
        buffer.database.close()
        raise


def _open_buffer(folder: Path, vault: Vault) -> Buffer:
    kept = vault.get(_BUFFER_KEY)
    now_ms = SystemClock().read().system_utc_ms
    if kept is not None:
        return open_buffer(folder, _key_of(kept, folder), now_ms)
    if is_begun(folder):
        raise MachineError(_lacks_key(folder))
    key = new_key()
    vault.put(_BUFFER_KEY, key.hex())
    return open_buffer(folder, key, now_ms)


def _lacks_key(folder: Path) -> str:
    return (
        f"The key of the buffer in {folder} is not in the keyring or key file. Nothing was changed. Use the keyring or "
        "key file it was made with, put the key back with your recovery code (daybook restore), or give another folder "
        "with --data."
    )


def _key_of(kept: str, folder: Path) -> bytes:
    try:
        return bytes.fromhex(kept)
    except ValueError as error:
        raise MachineError(
            f"The key of the buffer in {folder} is damaged in the keyring or key file. Nothing was changed. Put a copy "
            "of it back, or use your recovery code: daybook restore"
        ) from error


def _hide_memory() -> None:
    """Hide it unless portals have to see who asks them: under Wayland pictures come from there."""
    if not asks_portals(os.environ):
        dumps.hide_memory()


def _run_headless(engine: Engine) -> None:
    _hide_memory()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: engine.submit(commands.Quit()))
    while not engine.wait(0.5):
        pass


def _run_window(engine: Engine) -> None:
    from tracker.ui import application  # noqa: PLC0415 (Qt: 30 MB that a headless tracker saves)

    application.run(WindowEngine(engine), argv=["daybook"], on_settled=_hide_memory)
    engine.submit(commands.Quit())
    engine.wait()
