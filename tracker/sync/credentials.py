"""Keys and tokens: in the system's keyring, or in a key file that the person names; never silently in plain text."""

import abc
import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from tracker.domain.errors import MachineError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_KEYRING_TIMEOUT_S = 30.0
_SERVICE = "daybook"
_ResultT = TypeVar("_ResultT")


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What the marketplace's OAuth provider gave; `expires_ms` is in system UTC milliseconds."""

    access: str
    refresh: str
    expires_ms: int


class Vault(abc.ABC):
    """Where secrets are kept, as text by name."""

    @abc.abstractmethod
    def get(self, name: str) -> str | None:
        """Read a secret, None if there is none.

        Raises:
            MachineError: the place cannot be read.
        """

    @abc.abstractmethod
    def put(self, name: str, secret: str) -> None:
        """Keep a secret.

        Raises:
            MachineError: the place cannot be written.
        """

    @abc.abstractmethod
    def delete(self, name: str) -> None:
        """Forget a secret; one that is not there is no error."""


class KeyringVault(Vault):
    """The system's keyring.

    A locked keyring may wait for its prompt for ever, so each call has a time-out.

    Args:
        scope: tells data folders apart.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope

    def get(self, name: str) -> str | None:
        """Read a secret from the keyring."""
        return _in_time(lambda: _backend().get_password(_SERVICE, f"{name} {self._scope}"))

    def put(self, name: str, secret: str) -> None:
        """Keep a secret in the keyring."""
        _in_time(lambda: _backend().set_password(_SERVICE, f"{name} {self._scope}", secret))

    def delete(self, name: str) -> None:
        """Forget a secret of the keyring."""
        if self.get(name) is not None:
            _in_time(lambda: _backend().delete_password(_SERVICE, f"{name} {self._scope}"))


class KeyFileVault(Vault):
    """One JSON file that only its owner can read, for machines without a keyring; the person names it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> str | None:
        """Read a secret from the file."""
        return self._read().get(name)

    def put(self, name: str, secret: str) -> None:
        """Write the file anew with a secret."""
        self._write({**self._read(), name: secret})

    def delete(self, name: str) -> None:
        """Write the file anew without a secret."""
        self._write({other: secret for other, secret in self._read().items() if other != name})

    def _read(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        try:
            if os.name == "posix" and self._path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise MachineError(
                    f"Others can read the key file {self._path}, so it is not used. Run: chmod 600 {self._path}"
                )
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError) as error:
            raise MachineError(
                f"The key file {self._path} cannot be read ({error}). It holds the keys of the buffer: put a copy of "
                "it back, or name the right file with --key-file."
            ) from error

    def _write(self, secrets: dict[str, str]) -> None:
        draft = self._path.with_name(f".{self._path.name}.draft")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(secrets, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise MachineError(
                f"The key file {self._path} cannot be written ({error.strerror}). Check its folder's permissions and "
                "the disk, or name another with --key-file."
            ) from error


def _backend() -> "KeyringBackend":
    """Give the system's keyring, never one of the back ends that keep secrets in plain files."""
    import keyring  # noqa: PLC0415 (24 MB that a key file saves)
    import keyring.errors  # noqa: PLC0415 (as above)

    chosen = keyring.get_keyring()
    candidates = getattr(chosen, "backends", [chosen])
    for candidate in candidates:
        module = type(candidate).__module__
        if module.startswith("keyring.backends.") and module not in {"keyring.backends.fail", "keyring.backends.null"}:
            found: KeyringBackend = candidate
            return found
    raise keyring.errors.NoKeyringError


def _in_time(call: Callable[[], _ResultT]) -> _ResultT:
    """Run a keyring call in a thread of its own, for as long as a person may take to unlock it."""
    results: list[_ResultT] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 (handed to the caller below)
            errors.append(error)

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(_KEYRING_TIMEOUT_S)
    if results:
        return results[0]
    hint = "Start and unlock one (GNOME Keyring, KWallet), or keep the keys in a file you choose: --key-file FILE"
    if errors:
        import keyring.errors  # noqa: PLC0415 (as above)

        if isinstance(errors[0], keyring.errors.KeyringError):
            raise MachineError(f"No usable keyring was found for Daybook's keys. {hint}") from errors[0]
        raise errors[0]
    raise MachineError(f"The keyring did not answer within {_KEYRING_TIMEOUT_S:.0f} s; it may be locked. {hint}")
