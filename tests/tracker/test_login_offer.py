"""The log-in says that a recovery code can be made, until one was."""

from pathlib import Path

import pytest

from tests.fakes.engine import logged_out
from tracker import app
from tracker.cli import main
from tracker.commands import Answer, Command, Done, GetStatus, LogIn, StatusAnswer


@pytest.mark.parametrize("has_code", [False, True])
def test_the_log_in_offers_a_recovery_code_until_one_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], has_code: bool
) -> None:
    def ask(_: app.Options, command: Command) -> Answer:
        return StatusAnswer(logged_out()) if isinstance(command, GetStatus) else Done("Logged in.")

    monkeypatch.setattr(app, "ask", ask)
    monkeypatch.setattr(app, "device_log_in", lambda *_: LogIn("https://market.example", "a", "r", 0))
    if has_code:
        (tmp_path / "buffer.recovery").touch()
    assert main(["--data", str(tmp_path), "login", "--server", "market.example", "--device"]) == 0
    assert ("daybook recovery-code" in capsys.readouterr().out) is not has_code
