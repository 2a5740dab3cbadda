"""The command line as a person meets it: real processes, a real port, one sentence where something is wrong."""

import json
import os
import re
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WITHIN_S = 60


def environment(data: Path, **changed: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_")}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return {**kept, "DAYBOOK_DATA": str(data), **changed}


def run(
    data: Path, *arguments: str, limit: Callable[[], None] | None = None, **changed: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "marketplace", *arguments],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        env=environment(data, **changed),
        preexec_fn=limit,
        check=False,
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence on standard error, without a traceback."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("daybook-marketplace: ")]
    assert len(lines) == 1, done.stderr
    assert lines[0].endswith(".")
    return lines[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("seeded")
    assert run(data, "demo").returncode == 0
    return data


@pytest.fixture
def served(seeded: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "marketplace", "serve", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(seeded),
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"Daybook marketplace ready at http://127.0.0.1:{port}\n"
        yield process, port
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_serves_and_stops_when_told(served: tuple[subprocess.Popen[str], int], stop: signal.Signals) -> None:
    process, port = served
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/clock", timeout=10) as answer:
        assert abs(json.load(answer)["utc_ms"] - time.time() * 1000) < 60_000
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/static/daybook/theme.css", timeout=10) as answer:
        assert answer.status == 200
    process.send_signal(stop)
    _, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_a_worker_does_not_outlive_its_supervisor(served: tuple[subprocess.Popen[str], int]) -> None:
    process, port = served
    process.kill()
    process.communicate(timeout=WITHIN_S)  # the worker holds these pipes too: they close when it has gone
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_a_taken_port_is_told(served: tuple[subprocess.Popen[str], int], tmp_path: Path) -> None:
    _, port = served
    assert f"Port {port} of 127.0.0.1 is in use" in complaint(run(tmp_path, "serve", "--port", str(port)))


def test_demo_seeds_once_and_refreshes(tmp_path: Path) -> None:
    first = json.loads(run(tmp_path, "demo", "--json", "--port", "8123").stdout)
    assert [one["title"] for one in first["contracts"]] == ["API integration", "Design system"]
    assert first["contracts"][0]["diary"].startswith("http://127.0.0.1:8123/contracts/")
    assert (first["client"]["name"], first["freelancer"]["name"]) == ("Mara Klein", "Ana Silva")
    again = json.loads(run(tmp_path, "demo", "--json", "--port", "8123", "--hold-s", "5").stdout)
    assert again == first
    with sqlite3.connect(tmp_path / "marketplace.sqlite3") as database:
        said = database.execute("select version, hold_s, rate_minor, weekly_limit_minutes from contracts_policyversion")
        rows = sorted(said.fetchall())
    database.close()
    assert rows == [(1, 60, 3800, 600), (1, 60, 4200, 1800), (2, 5, 3800, 600), (2, 5, 4200, 1800)]


def test_demo_accounts_stay_on_loopback(seeded: Path) -> None:
    port = str(free_port())
    assert "demo log-ins" in complaint(run(seeded, "serve", "--host", "0.0.0.0", "--port", port))  # noqa: S104 - refused
    assert "demo log-ins" in complaint(run(seeded, "migrate", DAYBOOK_PUBLIC_URL="https://daybook.example"))


def test_demo_refuses_a_folder_with_real_accounts(tmp_path: Path) -> None:
    assert run(tmp_path, "migrate").returncode == 0
    code = "from marketplace.accounts.models import User; User.objects.create_user('a@b.example', 'A', 'x')"
    assert run(tmp_path, "manage", "shell", "-v0", "-c", code).returncode == 0
    assert "real accounts" in complaint(run(tmp_path, "demo"))
    with sqlite3.connect(tmp_path / "marketplace.sqlite3") as database:
        assert database.execute("select email from accounts_user").fetchall() == [("a@b.example",)]
    database.close()


def test_the_secret_key_is_the_owners_alone(seeded: Path) -> None:
    key = seeded / "secret-key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text().strip()) >= 50


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written" in complaint(run(tmp_path / "file" / "data", "migrate"))


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "marketplace.sqlite3").write_bytes(b"this is no database at all" * 1000)
    assert "database is damaged" in complaint(run(tmp_path, "migrate"))
    assert "database is damaged" in complaint(run(tmp_path, "serve", "--port", str(free_port())))


def test_a_disk_that_takes_no_more_is_told(tmp_path: Path) -> None:
    def nearly_full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    assert "disk" in complaint(run(tmp_path, "migrate", limit=nearly_full))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAYBOOK_PUBLIC_URL", "daybook.example"),
        ("DAYBOOK_LOG_LEVEL", "LOUD"),
        ("DAYBOOK_BIND", "8000"),
        ("DAYBOOK_SECRET_KEY", "short"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path: Path, name: str, value: str) -> None:
    said = complaint(run(tmp_path, "migrate", limit=None, **{name: value}))
    assert re.search(r"Give .*\.", said)


@pytest.mark.parametrize(("option", "value"), [("--host", "256.1.2.3"), ("--host", "192.0.2.1"), ("--port", "70000")])
def test_an_address_that_is_not_ours_is_told(tmp_path: Path, option: str, value: str) -> None:
    complaint(run(tmp_path, "serve", option, value))
