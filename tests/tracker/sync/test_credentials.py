import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest
from keyring.backends.chainer import ChainerBackend
from keyring.backends.SecretService import Keyring as SecretService

from tracker.domain.errors import MachineError
from tracker.sync.credentials import KeyFileVault, KeyringVault, Vault, system_keyring

SECRET = "the-secret-itself"
USES: tuple[Callable[[Vault], object], ...] = (
    lambda vault: vault.get("one"),
    lambda vault: vault.put("one", SECRET),
    lambda vault: vault.delete("one"),
)


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring of the test's own; `waits` holds every call back, `error` fails it."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring has no types here
        self.kept: dict[tuple[str, str], str] = {}
        self.waits: threading.Event | None = None
        self.error: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        self._stand()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._stand()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._stand()
        del self.kept[service, username]

    def _stand(self) -> None:
        if self.waits is not None:
            self.waits.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "keys"


def test_key_file_keeps_secrets_by_name(path: Path) -> None:
    vault = KeyFileVault(path)
    assert vault.get("one") is None
    vault.put("one", SECRET)
    vault.put("two", "2")
    vault.put("one", "1")
    vault.delete("two")
    vault.delete("never there")
    again = KeyFileVault(path)
    assert (again.get("one"), again.get("two")) == ("1", None)


def test_key_file_is_its_owners_alone_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        KeyFileVault(path).put("one", SECRET)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keys"]


def test_a_draft_that_others_left_open_is_not_written_into(path: Path) -> None:
    path.parent.mkdir()
    trap = path.parent / "read by others"
    trap.write_text("")
    (path.parent / ".keys.draft").symlink_to(trap)
    KeyFileVault(path).put("one", SECRET)
    assert trap.read_text() == ""
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601])
def test_key_file_that_others_can_reach_is_refused(path: Path, mode: int) -> None:
    vault = KeyFileVault(path)
    vault.put("one", SECRET)
    path.chmod(mode)
    kept = path.read_bytes()
    for use in USES:
        with pytest.raises(MachineError, match=f"chmod 600 {path}"):
            use(vault)
    assert path.read_bytes() == kept


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"one": 1}', b"\xff\xfe", b'{"one": "\xff"}'])
def test_damaged_key_file_is_left_alone(path: Path, damaged: bytes) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(damaged)
    with pytest.raises(MachineError, match="--key-file"):
        KeyFileVault(path).get("one")
    with pytest.raises(MachineError):
        KeyFileVault(path).put("one", SECRET)
    assert path.read_bytes() == damaged


def test_key_file_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o700)
    with pytest.raises(MachineError, match="--key-file"):
        KeyFileVault(tmp_path / "keys").get("one")


def test_key_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="--key-file"):
        KeyFileVault(tmp_path / "file" / "keys").put("one", SECRET)


def test_key_file_with_an_impossible_name(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=os.strerror(errno.ENAMETOOLONG)):
        KeyFileVault(tmp_path / ("k" * 300)).get("one")


def test_write_that_fails_leaves_the_old_secrets_and_no_draft(path: Path) -> None:
    vault = KeyFileVault(path)
    vault.put("one", SECRET)
    (path.parent / ".keys.draft").mkdir()  # in the way of the new one
    with pytest.raises(MachineError, match="cannot be written"):
        vault.put("one", "2")
    assert json.loads(path.read_text()) == {"one": SECRET}


def test_keyring_keeps_secrets_apart_by_data_folder() -> None:
    backend = MemoryKeyring()
    here, there = KeyringVault("/here", lambda: backend), KeyringVault("/there", lambda: backend)
    here.put("key", "1")
    there.put("key", "2")
    assert (here.get("key"), there.get("key"), here.get("other")) == ("1", "2", None)
    here.delete("key")
    here.delete("key")
    assert (here.get("key"), there.get("key")) == (None, "2")
    assert {service for service, _ in backend.kept} == {"daybook"}


def test_locked_keyring_is_given_up_on() -> None:
    backend = MemoryKeyring()
    backend.waits = threading.Event()
    try:
        with pytest.raises(MachineError, match=r"did not answer.*locked.*--key-file"):
            KeyringVault("/here", lambda: backend, timeout_s=0.02).get("key")
    finally:
        backend.waits.set()


@pytest.mark.parametrize(
    "error", [keyring.errors.KeyringLocked("no"), keyring.errors.NoKeyringError(), ConnectionRefusedError("no bus"),
              RuntimeError("the bus said something odd")],
)  # fmt: skip
def test_keyring_that_fails_names_the_other_way_and_keeps_nothing(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = MemoryKeyring()
    backend.error = error
    monkeypatch.chdir(tmp_path)
    vault = KeyringVault("/here", lambda: backend)
    for use in USES:
        with pytest.raises(MachineError, match="--key-file") as caught:
            use(vault)
        assert SECRET not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


class PlaintextKeyring(MemoryKeyring):
    """Stands for keyrings.alt: any back end that is not keyring's own."""


@pytest.mark.parametrize("kind", [keyring.backends.fail.Keyring, keyring.backends.null.Keyring, PlaintextKeyring])
def test_only_a_keyring_that_encrypts_is_used(kind: type[keyring.backend.KeyringBackend]) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(kind())
    try:
        with pytest.raises(keyring.errors.NoKeyringError):
            system_keyring()
        with pytest.raises(MachineError, match="--key-file"):
            KeyringVault("/here").put("key", SECRET)
    finally:
        keyring.set_keyring(before)


def test_a_chain_is_searched_for_one_that_encrypts() -> None:
    before = keyring.get_keyring()
    chained: list[keyring.backend.KeyringBackend] = [PlaintextKeyring(), SecretService()]  # type: ignore[no-untyped-call]  # as above
    keyring.set_keyring(type("Chain", (ChainerBackend,), {"backends": chained})())
    try:
        assert isinstance(system_keyring(), SecretService)
    finally:
        keyring.set_keyring(before)
