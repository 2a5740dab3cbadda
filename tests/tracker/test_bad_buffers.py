"""Buffers that the program cannot use, by the real command: one clear sentence, and nothing changed or lost."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.fakes.clock import NOON_MS
from tracker.domain.clock import Moment
from tracker.domain.events import Worked
from tracker.domain.segment import Interval
from tracker.domain.session import State
from tracker.store import keyed
from tracker.store.buffer import open_buffer
from wire.words import Kind

KEY = bytes(range(32))
COMMANDS = (("status",), ("diary",), ("run", "--headless"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a minute's work, and its key file beside it."""
    keys = tmp_path / "keys"
    keys.write_text(json.dumps({"buffer-key": KEY.hex()}), encoding="utf-8")
    keys.chmod(0o600)
    buffer = open_buffer(tmp_path / "data", KEY)
    worked = Worked(Interval(UUID(int=1), NOON_MS, NOON_MS + 60_000, Kind.TRACKED, "memo"))
    now = Moment(NOON_MS + 60_000, 0, 0, 0, is_provisional=False)
    buffer.journal.write(State(), (worked,), None, now=now, policy_version=1)
    buffer.database.close()
    return tmp_path / "data"


def _say(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command without the power to pass over a folder's permissions, which root has."""
    runtime = folder.parent / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    program = [sys.executable, "-m", "tracker", "--data", str(folder), "--key-file", str(folder.parent / "keys")]
    environment = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    return subprocess.run(
        [*bound, *program, *words], capture_output=True, text=True, check=False, timeout=60,
        env=environment | {"XDG_RUNTIME_DIR": str(runtime)},
    )  # fmt: skip


def _is_refused(folder: Path, *said: str) -> None:
    """Hold every command to one sentence, exit code 2, and files that stay as they are."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for words in COMMANDS:
        result = _say(folder, *words)
        assert (result.returncode, result.stdout) == (2, ""), result
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        assert all(word in result.stderr for word in said), result.stderr
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {path: content for path, content in after.items() if content} == before  # an empty WAL may be left


def test_a_buffer_of_a_newer_version(folder: Path) -> None:
    connection = keyed.connect(folder / "buffer.db", KEY)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    _is_refused(folder, "newer Daybook", "Nothing was changed", "Install")


def test_another_buffers_key(folder: Path) -> None:
    (folder.parent / "keys").write_text(json.dumps({"buffer-key": bytes(32).hex()}), encoding="utf-8")
    _is_refused(folder, "another key", "Nothing was changed", "daybook restore")


@pytest.fixture
def read_only(folder: Path) -> Iterator[Path]:
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(modes[path] & ~0o222)
    yield folder
    for path, mode in modes.items():
        path.chmod(mode)


def test_a_data_folder_that_cannot_be_written(read_only: Path) -> None:
    _is_refused(read_only, str(read_only), "permissions")


def test_what_was_refused_is_there_once_it_can_be_opened(folder: Path) -> None:
    """The control of this file: the same command says what is recorded where nothing is wrong."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    assert _say(folder, "status").returncode == 2
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    assert _say(folder, "status").returncode == 0
    buffer = open_buffer(folder, KEY)
    assert buffer.database.rows("SELECT end_ms - start_ms FROM worked") == [(60_000,)]
    buffer.database.close()
