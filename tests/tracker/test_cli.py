"""The command line: every command's output and exit code; a sentence for each failure and never a traceback."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stage.waiting import until
from tests.tracker.sync.scripted import CUT, FakeMarketplace, Said, Seen
from tracker import app, cli, commands
from tracker.cli import main
from tracker.snapshotter import uniform
from wire.sync import Person

WITHIN_S = 30.0
KEYS = {
    "contracts": {"type", "contracts", "problem"},
    "diary": {"type", "day", "worked_ms", "segments", "totals", "marks", "pending"},
    "sync": {"type", "sent_segments", "sent_pictures", "waiting_segments", "waiting_pictures", "refused_segments",
             "problem", "failed_pictures", "picture_problem"},
    "status": {"running", "now_ms", "phase", "pause_reason", "paused_since_ms", "contract", "memo", "session_ms",
               "activity_tenths", "protection_problem", "snapshot", "contracts", "sync", "notices",
               "declared", "away_ms", "active_s"},
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


class Daybook:
    """The command, run in this process on a data folder and key file of its own."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.data = folder / "data"
        self.keys = folder / "keys"
        self._capfd = capfd

    @property
    def options(self) -> list[str]:
        return ["--data", str(self.data), "--key-file", str(self.keys)]

    def __call__(self, *words: str, options: list[str] | None = None) -> Result:
        self._capfd.readouterr()
        try:
            code = main([*(self.options if options is None else options), *words])
        except SystemExit as left:
            code = int(left.code or 0)
        said = self._capfd.readouterr()
        assert "Traceback" not in said.out + said.err
        return Result(code, said.out, said.err)

    def json(self, command: str, *words: str) -> Any:
        result = self(command, *words, "--json")
        assert (result.code, result.err) == (0, ""), result
        return json.loads(result.out)

    def log_in(self, server: str) -> None:
        options = app.Options(self.data, self.keys, uniform)
        answer = app.ask(options, commands.LogIn(server, "good", "refresh", 10**15))
        assert isinstance(answer, commands.Done), answer

    def process(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        """The same as a program of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "tracker", *self.options, *words],
            env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


@pytest.fixture
def daybook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Daybook:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return Daybook(tmp_path, capfd)


@pytest.fixture
def logged_in(daybook: Daybook, marketplace: FakeMarketplace) -> Daybook:
    daybook.log_in(marketplace.url)
    return daybook


@pytest.fixture
def running(logged_in: Daybook) -> Iterator[Daybook]:
    """A headless tracker at work in another process."""
    process = logged_in.process("run", "--headless")
    try:
        until(lambda: process.poll() is not None or logged_in.json("status")["running"], "the tracker to answer")
        assert process.poll() is None, process.communicate()
        yield logged_in
    finally:
        if logged_in.json("status")["running"]:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, out, err) == (0, "", "")


def refused(result: Result, code: int, *words: str) -> None:
    """One sentence on stderr, and nothing else."""
    assert (result.code, result.out) == (code, ""), result
    assert result.err.count("\n") == 1
    for word in words:
        assert word in result.err, result


# Words


def test_without_a_command_it_helps(daybook: Daybook) -> None:
    result = daybook(options=[])
    assert (result.code, result.err) == (0, "")
    for command in cli._COMMANDS:
        assert command in result.out
    assert not daybook.data.exists()


def test_help_and_version(daybook: Daybook) -> None:
    assert daybook("--version", options=[]).out.startswith("daybook ")
    for command in cli._COMMANDS:
        result = daybook(command, "--help", options=[])
        assert (result.code, result.err) == (0, "")
        assert f"daybook {command}" in result.out


@pytest.mark.parametrize(
    "words",
    [["sing"], ["memo"], ["stop", "now"], ["start", "a", "b"], ["status", "--yaml"], ["--key-file"],
     ["--data", "~nobody-of-that-name/x", "status"], ["memo", "\udcff"], ["start", "\udcff"],
     ["exclude"], ["exclude", "add"], ["exclude", "add", "Signal"], ["exclude", "remove"], ["approve"],
     ["exclude", "add", "--title", "a", "--application", "b"], ["exclude", "add", "--title", "\udcff"],
     ["approve", "one"], ["start", "--memo", "\udcff"], ["diary", "\udcff"], ["login", "--server", "\udcff"]],
)  # fmt: skip
def test_words_that_make_no_sense(daybook: Daybook, words: list[str]) -> None:
    result = daybook(*words, options=[])
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("usage: daybook")


def test_a_tilde_is_the_home_folder(daybook: Daybook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert daybook("status", options=["--data=~/diary", "--key-file=~/keys"]).code == 0
    assert (tmp_path / "home" / "diary" / "buffer.db").exists()
    assert (tmp_path / "home" / "keys").exists()
    assert (tmp_path / "home" / "diary").stat().st_mode & 0o777 == 0o700


# Before any log-in


def test_before_any_log_in(daybook: Daybook) -> None:
    assert daybook("status").out == (
        "Daybook is not running. Start it with: daybook run\nNot logged in. Log in with: daybook login\n"
    )
    refused(daybook("sync"), 3, "daybook login")
    refused(daybook("contracts"), 3, "daybook login")
    refused(daybook("login"), 3, "--server")
    assert "nothing recorded" in daybook("diary").out


def test_commands_for_a_running_tracker_say_how_to_start_it(daybook: Daybook) -> None:
    for words in (("start",), ("start", "x", "--memo", "y"), ("stop",), ("memo", "x"), ("approve", "1"), ("quit",)):
        refused(daybook(*words), 3, "daybook run")
    assert not daybook.data.exists()


@pytest.mark.parametrize(
    ("server", "words"),
    [("market example", "is not a marketplace's address"), (" ", "is not a marketplace's address"),
     ("ftp://market.example", "is not a marketplace's address"), ("http://[::1", "is not a marketplace's address"),
     ("https://market.example:port", "is not a marketplace's address"), ("https://", "is not a marketplace's address"),
     ("https://robin:secret@market.example", "is not a marketplace's address"),
     ("http://market.example", "unencrypted"), ("http://127.0.0.1@market.example", "is not a marketplace's address"),
     ("http://127.0.0.1.market.example", "unencrypted")],
)  # fmt: skip
def test_an_address_that_is_none(daybook: Daybook, server: str, words: str) -> None:
    for device in ([], ["--device"]):
        result = daybook("login", "--server", server, *device)
        assert result.code == 3
        assert words in result.err


@pytest.mark.parametrize(
    ("said", "server"),
    [("market.example", "https://market.example"), ("https://Market.Example/", "https://market.example"),
     ("HTTPS://market.example:443", "https://market.example"), ("https://market.example:8443/", "https://market.example:8443"),
     ("http://127.0.0.1:8000", "http://127.0.0.1:8000"), ("http://localhost:80", "http://localhost"),
     ("http://[::1]:8000/", "http://[::1]:8000"), ("https://example.org/daybook/", "https://example.org/daybook"),
     (" market.example ", "https://market.example"), ("https://market.example/?next=x#y", "https://market.example")],
)  # fmt: skip
def test_addresses_have_one_form(said: str, server: str) -> None:
    assert app.checked_server(said) == server
    assert app.checked_server(server) == server


def test_a_marketplace_that_is_away(daybook: Daybook) -> None:
    for device in ([], ["--device"]):
        result = daybook("login", "--server", "http://127.0.0.1:9", *device)
        assert result.code == 2
        assert "http://127.0.0.1:9 cannot be reached" in result.err


# Logging in


def authorised(marketplace: FakeMarketplace) -> None:
    grant = {"access_token": "good", "refresh_token": "r", "expires_in": 900}
    marketplace.say("POST", "/o/token/", Said(body=grant))
    code = {"device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "https://m/o/device", "expires_in": 60,
            "interval": 1}  # fmt: skip
    marketplace.say("POST", "/o/device-authorization/", Said(body=code))


def test_log_in_by_code(daybook: Daybook, marketplace: FakeMarketplace) -> None:
    authorised(marketplace)
    result = daybook("login", "--server", f"{marketplace.url}/", "--device")
    assert (result.code, result.err) == (0, "")
    *said, offer = result.out.splitlines()
    assert said == [
        "Open https://m/o/device on any device and type the code ABCD-EFGH",
        f"Logged in to {marketplace.url} as Robin; 1 contract.",
    ]
    assert offer.endswith("daybook recovery-code")
    assert daybook("login", "--device").code == 0  # the address is known from now on


BROWSER = """#!{python}
import sys, urllib.parse, urllib.request
asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(sys.argv[1]).query))
urllib.request.urlopen(asked["redirect_uri"] + "?" + urllib.parse.urlencode({{"code": "c", "state": asked["state"]}}))
"""


def test_log_in_by_the_systems_browser(daybook: Daybook, marketplace: FakeMarketplace, tmp_path: Path) -> None:
    authorised(marketplace)
    browser = tmp_path / "browser"
    browser.write_text(BROWSER.format(python=sys.executable))
    browser.chmod(0o755)
    process = daybook.process("login", "--server", marketplace.url, BROWSER=f"{browser} %s")
    out, err = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, err) == (0, "")
    assert f"Logged in to {marketplace.url} as Robin; 1 contract." in out.splitlines()
    assert daybook.json("status")["sync"]["is_logged_in"]


def test_another_person_is_refused(logged_in: Daybook, marketplace: FakeMarketplace) -> None:
    authorised(marketplace)
    marketplace.person = Person(id=8, name="Kim", email="kim@example.net")
    result = logged_in("login", "--device")
    assert result.code == 3
    assert "kim@example.net" in result.err


# With a log-in, nothing running


def test_json_has_its_documented_keys(logged_in: Daybook) -> None:
    for command, keys in KEYS.items():
        assert set(logged_in.json(command)) == keys, command
    status = logged_in.json("status")
    assert set(status["sync"]) == {
        "server", "is_logged_in", "waiting_segments", "waiting_pictures", "waiting_since_ms", "next_try_ms",
        "last_contact_ms", "refused_segments", "problem", "failed_pictures", "picture_problem",
        "due_ms", "is_overdue",
    }  # fmt: skip
    [contract] = logged_in.json("contracts")["contracts"]
    assert set(contract) == {
        "id", "title", "client", "currency", "rate_minor", "weekly_limit_minutes", "can_be_tracked", "today_ms",
        "week_ms", "earned_minor",
    }  # fmt: skip


def test_settings_are_listed_and_set(logged_in: Daybook) -> None:
    assert logged_in("set").out.startswith("stop-at-limit  off  stop the timer")
    assert logged_in("set", "stop-at-limit", "on").out.startswith("stop-at-limit is on: stop the timer")
    [told] = logged_in.json("set")["preferences"]
    assert (told["name"], told["is_on"], told["default"]) == ("stop-at-limit", True, False)
    assert "stop-at-limit  on" in logged_in("set", "stop-at-limit").out
    refused(logged_in("set", "stop-at-limit", "perhaps"), 3, "on or off")
    refused(logged_in("set", "volume", "on"), 3, "no setting")
    refused(logged_in("set", "volume"), 3, "no setting")


def test_as_text(logged_in: Daybook) -> None:
    assert logged_in("contracts").out == "Contract 1  (Northwind Ltd, 42.00 USD/h)  this week 0:00:00\n"
    assert logged_in("sync").out == "Sent 0 segments and 0 pictures.\n"
    assert logged_in("status").out.endswith("All synced.\n")
    assert "2026-11-19 (UTC): nothing recorded." in logged_in("diary", "2026-11-19").out


def test_exclusion_rules(daybook: Daybook) -> None:
    assert "Nothing is excluded" in daybook("exclude", "list").out
    assert daybook("exclude", "add", "--application", "Signal").out.startswith("Excluded: the application “Signal”.")
    assert daybook("exclude", "add", "--title", "My bank").out.startswith("Excluded: windows whose title contains")
    assert daybook("exclude", "list").out.startswith("application Signal\ntitle with My bank\nThis desktop does not")
    assert daybook.json("exclude", "list")["rules"] == [
        {"subject": "application", "text": "Signal"},
        {"subject": "title", "text": "My bank"},
    ]
    assert "Not excluded any more" in daybook("exclude", "remove", "--title", "my BANK").out
    refused(daybook("exclude", "remove", "--title", "my bank"), 3, "There is no rule")
    refused(daybook("exclude", "add", "--title", " "), 3, "empty rule")


def test_approving_what_is_not_there(running: Daybook) -> None:
    refused(running("approve", "12"), 3, "not held any more")


def test_a_day_that_is_none(logged_in: Daybook) -> None:
    for day in ("yesterday", "2026-02-30", "19.11.2026"):
        refused(logged_in("diary", day), 3, "YYYY-MM-DD")
        refused(logged_in("diary", day, "--json"), 3, "YYYY-MM-DD")


def test_offline_the_contracts_are_those_known_and_sync_says_why(
    logged_in: Daybook, marketplace: FakeMarketplace
) -> None:
    marketplace.interfere = lambda _seen, _said: CUT
    result = logged_in("contracts")
    assert result.code == 0
    assert result.out.splitlines()[0].startswith("Contract 1")
    assert "cannot be reached" in result.out
    result = logged_in("sync", "--json")
    assert result.code == 2
    assert "cannot be reached" in json.loads(result.out)["problem"]


# With a running tracker


def test_the_way_of_a_day(running: Daybook, marketplace: FakeMarketplace) -> None:
    refused(running("start"), 3, "Name the contract")
    refused(running("start", "No such contract"), 3, "No such contract", "daybook contracts")
    refused(running("stop"), 3, "daybook start")
    assert running("start", "contract", "--memo", "first").out == "Tracking “Contract 1” for Northwind Ltd.\n"
    assert running("memo", "Grüße 数").out == "The memo is set.\n"
    refused(running("memo", "m" * 10_001), 3, "10,000")
    status = running.json("status")
    assert (status["running"], status["phase"], status["memo"]) == (True, "tracking", "Grüße 数")
    until(lambda: running.json("status")["session_ms"] > 0, "a tick")
    assert running("stop").out == "Stopped tracking “Contract 1”.\n"
    assert running.json("diary")["worked_ms"] > 0
    until(lambda: marketplace.contents, "the segment to arrive")
    assert running("sync").code == 0
    assert "accepted" in running("diary").out
    refused(running("run", "--headless"), 3, "already running")
    assert running("quit").out == "Daybook has ended; everything is saved.\n"
    until(lambda: not running.json("status")["running"], "its end")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_saved(logged_in: Daybook, number: signal.Signals) -> None:
    process = logged_in.process("run", "--headless")
    until(lambda: logged_in.json("status")["running"], "the tracker to answer")
    assert logged_in("start", "Contract 1").code == 0
    process.send_signal(number)
    out, err = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, out, err) == (0, "", "")
    status = logged_in.json("status")
    assert (status["running"], status["notices"]) == (False, [])
    assert logged_in.json("diary")["worked_ms"] > 0


def test_ctrl_c_gives_up_a_log_in(daybook: Daybook, marketplace: FakeMarketplace) -> None:
    reached = threading.Event()
    marketplace.routes["GET", "/api/v1/clock"] = lambda _: Said(body={"utc_ms": 1})
    authorised(marketplace)

    def pending(_seen: Seen) -> Said:
        reached.set()
        return Said(400, {"error": "authorization_pending"})

    marketplace.routes["POST", "/o/token/"] = pending
    process = daybook.process("login", "--server", marketplace.url, "--device")
    assert reached.wait(WITHIN_S)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, err) == (130, "")


# The surroundings


def test_a_data_folder_that_cannot_be_used(daybook: Daybook, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "sub", Path("/proc/nowhere"), tmp_path / ("d" * 300)):
        for words in (("status",), ("run", "--headless"), ("diary",), ("login", "--server", "http://127.0.0.1:9")):
            result = daybook(*words, options=["--data", str(folder), "--key-file", str(tmp_path / "keys")])
            refused(result, 2, str(folder))


def test_a_key_file_that_others_can_read(logged_in: Daybook) -> None:
    logged_in.keys.chmod(0o644)
    for words in (("status",), ("run", "--headless"), ("sync",)):
        refused(logged_in(*words), 2, "chmod 600")


def test_the_wrong_key_file(logged_in: Daybook, tmp_path: Path) -> None:
    refused(
        logged_in("status", options=["--data", str(logged_in.data), "--key-file", str(tmp_path / "other")]), 2, "key"
    )
    kept = msgspec.json.decode(logged_in.keys.read_bytes())
    for damaged in ("not hex", "00" * 32, ""):
        logged_in.keys.write_bytes(msgspec.json.encode({**kept, "buffer-key": damaged}))
        refused(logged_in("status"), 2, "Nothing was changed")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_characters_shows_the_rest(logged_in: Daybook, encoding: str) -> None:
    process = logged_in.process("doctor", PYTHONIOENCODING=encoding)
    out, err = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, err) == (2, "")
    assert "? screen" in out


def test_nobody_reads_the_output(logged_in: Daybook) -> None:
    process = logged_in.process("contracts")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(WITHIN_S) == 141


# Bugs of our own


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Make `daybook contracts` fail with an error."""

    def break_it(error: Exception) -> None:
        def fail(_options: app.Options, _arguments: argparse.Namespace) -> int:
            raise error

        monkeypatch.setitem(cli._COMMANDS, "contracts", fail)

    return break_it


def test_a_bug_is_a_sentence_and_a_file(daybook: Daybook, broken: Callable[[Exception], None]) -> None:
    broken(ZeroDivisionError("our bug"))
    refused(daybook("contracts"), 70, str(daybook.data / "crash.log"), "safe")
    details = (daybook.data / "crash.log").read_text()
    assert "Traceback" in details
    assert "ZeroDivisionError: our bug" in details


def test_a_bug_whose_details_cannot_be_written(
    daybook: Daybook, tmp_path: Path, broken: Callable[[Exception], None]
) -> None:
    broken(ZeroDivisionError("our bug"))
    (tmp_path / "file").write_text("")
    refused(daybook("contracts", options=["--data", str(tmp_path / "file")]), 70, "could not be written")


def test_ctrl_c_says_nothing(daybook: Daybook, broken: Callable[[Any], None]) -> None:
    broken(KeyboardInterrupt())
    assert daybook("contracts") == Result(130, "", "")


def test_a_bug_in_the_engine_is_told_the_same_way(logged_in: Daybook, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_words: object) -> None:
        raise ZeroDivisionError("our bug")

    monkeypatch.setattr("tracker.diary.Diary.day", fail)
    refused(logged_in("diary"), 70, "crash.log")
    assert "our bug" in (logged_in.data / "crash.log").read_text()


# Editing


def test_an_edit_without_a_running_tracker_is_shown_and_taken_back(logged_in: Daybook) -> None:
    """By the marketplace's clock it is noon of 2026-11-23."""
    words = ("edit", "add", "--from", "09:00", "--to", "09:30", "--contract", "Contract 1", "--memo", "a call")
    result = logged_in(*words)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Manual time on “Contract 1” from 2026-11-23 09:00:00 UTC")
    shown = logged_in.json("diary", "2026-11-23")
    assert shown["worked_ms"] == 1_800_000
    assert shown["pending"]["sentence"].endswith("is added.")
    assert logged_in("undo").out == "The edit is taken back; everything stands as it did.\n"
    assert logged_in.json("diary", "2026-11-23")["worked_ms"] == 0
    again = logged_in("undo")
    assert (again.code, again.out) == (3, "")
    assert "no edit to take back" in again.err


def test_a_refused_edit_says_why(logged_in: Daybook) -> None:
    late = logged_in("edit", "add", "--from", "13:00", "--to", "14:00", "--contract", "Contract 1", "--memo", "memo")
    assert (late.code, late.out) == (3, "")
    assert "in the future" in late.err
    nothing = logged_in("edit", "remove", "--from", "2026-11-23T10:00", "--to", "2026-11-23T12:00+01:00")
    assert (nothing.code, nothing.out) == (3, "")
    assert nothing.err.startswith("Nothing is recorded from 2026-11-23 10:00:00 UTC to 2026-11-23 11:00:00 UTC.")
    ancient = logged_in("edit", "remove", "--from", "0001-01-01T00:00+14:00", "--to", "0001-01-01T00:10+14:00")
    assert (ancient.code, ancient.out) == (3, "")
    assert "before there were computers" in ancient.err
    assert logged_in("edit").code == 2


def test_an_edit_that_a_killed_tracker_kept_is_carried_out_when_it_starts_again(logged_in: Daybook) -> None:
    words = ("edit", "add", "--from", "09:00", "--to", "09:30", "--contract", "Contract 1", "--memo", "a call")

    def start() -> "subprocess.Popen[str]":
        process = logged_in.process("run", "--headless")
        until(lambda: process.poll() is not None or logged_in.json("status")["running"], "the tracker to answer")
        assert process.poll() is None, process.communicate()
        return process

    process = start()
    try:
        assert logged_in(*words).code == 0
        assert logged_in.json("diary", "2026-11-23")["pending"] is not None
    finally:
        process.kill()
        process.communicate(timeout=WITHIN_S)
    process = start()
    try:
        shown = logged_in.json("diary", "2026-11-23")
        refused(logged_in("undo"), 3, "no edit to take back")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WITHIN_S)
    assert shown["pending"] is None
    assert [one["segment"]["reason"] for one in shown["segments"]] == ["added"] * 3
