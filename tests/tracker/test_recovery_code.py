"""`daybook recovery-code` and `daybook restore`, from the command line down to the key file."""

import io
from pathlib import Path

import msgspec
import pytest

from tracker.cli import main


class Desk:
    """A data folder and a key file, and what the command line said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.data, self.key_file = folder / "data", folder / "keys"
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def say(self, *words: str, typed: str = "") -> tuple[int, str]:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main(["--data", str(self.data), "--key-file", str(self.key_file), *words])
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def code(self) -> str:
        exit_code, said = self.say("recovery-code")
        assert exit_code == 0, said
        return said.splitlines()[0]

    def keys(self) -> dict[str, str]:
        return msgspec.json.decode(self.key_file.read_bytes(), type=dict[str, str])


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path, capsys, monkeypatch)
    assert desk.say("status")[0] == 0
    return desk


def test_a_lost_key_file_comes_back(desk: Desk) -> None:
    code, before = desk.code(), desk.keys()
    desk.key_file.unlink()
    exit_code, said = desk.say("status")
    assert (exit_code, "daybook restore" in said) == (2, True)
    exit_code, said = desk.say("restore", typed=f"{code}\n")
    assert (exit_code, "is back" in said) == (0, True)
    assert code not in said
    assert desk.keys() == before
    assert desk.say("status")[0] == 0
    exit_code, said = desk.say("restore", typed=code)
    assert (exit_code, "already" in said) == (0, True)


def test_a_wrong_code_changes_nothing(desk: Desk) -> None:
    code = desk.code()
    exit_code, said = desk.say("recovery-code")
    assert (exit_code, "void now" in said) == (0, True)
    desk.key_file.unlink()
    for typed in (code, "", "nonsense\n"):
        exit_code, said = desk.say("restore", typed=typed)
        assert (exit_code, "Nothing was changed" in said) == (3, True)
        assert not desk.key_file.exists()


def test_a_code_replaces_another_buffers_key(desk: Desk) -> None:
    code, before = desk.code(), desk.keys()
    desk.key_file.write_text(msgspec.json.encode({"buffer-key": "11" * 32}).decode(), encoding="ascii")
    assert desk.say("status")[0] == 2
    assert desk.say("recovery-code")[0] == 2
    assert desk.say("restore", typed=code)[0] == 0
    assert desk.keys() == before


def test_there_must_be_a_buffer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, capsys, monkeypatch)
    exit_code, said = desk.say("recovery-code")
    assert (exit_code, "daybook login" in said) == (3, True)
    assert not desk.key_file.exists()
