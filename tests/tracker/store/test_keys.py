"""The recovery code opens the key, any other word does not, and mistakes in typing are told as such."""

from pathlib import Path

import pytest

from tests.tracker.store.conftest import KEY
from tracker.domain.errors import MachineError, RefusedError
from tracker.store import keys


def test_the_code_gives_the_key_back(tmp_path: Path) -> None:
    code = keys.wrap(tmp_path, KEY)
    assert keys.unwrap(tmp_path, code) == KEY
    groups = code.split("-")
    assert [len(group) for group in groups] == [4] * 7
    assert KEY.hex() not in keys.recovery_path(tmp_path).read_text(encoding="ascii")
    assert code.replace("-", "") not in keys.recovery_path(tmp_path).read_text(encoding="ascii").upper()


def test_it_may_be_typed_as_it_is_read(tmp_path: Path) -> None:
    code = keys.wrap(tmp_path, KEY)
    read = code.lower().replace("0", "o").replace("1", "l").replace("-", " ")
    assert keys.unwrap(tmp_path, f"  {read}\n") == KEY


def test_a_new_code_voids_the_old_one(tmp_path: Path) -> None:
    old, new = keys.wrap(tmp_path, KEY), keys.wrap(tmp_path, KEY)
    assert old != new
    with pytest.raises(RefusedError, match="not the recovery code"):
        keys.unwrap(tmp_path, old)
    assert keys.unwrap(tmp_path, new) == KEY


def test_every_single_mistake_is_told_as_one(tmp_path: Path) -> None:
    code = keys.wrap(tmp_path, KEY)
    for place, symbol in enumerate(code):
        if symbol == "-":
            continue
        other = "7" if symbol != "7" else "8"
        with pytest.raises(RefusedError, match="mistyped"):
            keys.unwrap(tmp_path, code[:place] + other + code[place + 1 :])


@pytest.mark.parametrize("word", ["", "-", "ABCD", "é" * 28, "A" * 29, "\x00" * 28, "0" * 100_000])
def test_what_is_no_code_is_told(tmp_path: Path, word: str) -> None:
    keys.wrap(tmp_path, KEY)
    with pytest.raises(RefusedError, match="mistyped"):
        keys.unwrap(tmp_path, word)


def test_without_a_code_it_says_so(tmp_path: Path) -> None:
    code = keys.wrap(tmp_path / ".", KEY)
    keys.recovery_path(tmp_path).unlink()
    with pytest.raises(RefusedError, match="No recovery code"):
        keys.unwrap(tmp_path, code)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"version":1,"salt":"x","nonce":"","sealed":""}'])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    code = keys.wrap(tmp_path, KEY)
    keys.recovery_path(tmp_path).write_bytes(content)
    with pytest.raises(MachineError, match="damaged"):
        keys.unwrap(tmp_path, code)


def test_a_disk_that_fails_leaves_the_old_code_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    code = keys.wrap(tmp_path, KEY)
    monkeypatch.setattr("tracker.store.durable.os.fsync", fail)
    with pytest.raises(MachineError, match="No space left"):
        keys.wrap(tmp_path, KEY)
    monkeypatch.undo()
    assert keys.unwrap(tmp_path, code) == KEY
    assert [one.name for one in tmp_path.iterdir()] == ["buffer.recovery"]
