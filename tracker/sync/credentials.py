"""Keys and tokens: in the system's keyring, or in a key file that the person names; never silently in plain text."""

import abc
import contextlib
import json
import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future
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
        backend: gives the keyring to use.
        timeout_s: how long a person may take to unlock it.
    """

    def __init__(
        self,
        scope: str,
        backend: "Callable[[], KeyringBackend] | None" = None,
        timeout_s: float = _KEYRING_TIMEOUT_S,
    ) -> None:
        self._scope = scope
        self._backend = backend or system_keyring
        self._timeout_s = timeout_s

    def get(self, name: str) -> str | None:
        """Read a secret from the keyring."""
        return self._in_time(lambda keyring: keyring.get_password(_SERVICE, f"{name} {self._scope}"))

    def put(self, name: str, secret: str) -> None:
        """Keep a secret in the keyring."""
        self._in_time(lambda keyring: keyring.set_password(_SERVICE, f"{name} {self._scope}", secret))

    def delete(self, name: str) -> None:
        """Forget a secret of the keyring."""
        if self.get(name) is not None:
            self._in_time(lambda keyring: keyring.delete_password(_SERVICE, f"{name} {self._scope}"))

    def _in_time(self, call: "Callable[[KeyringBackend], _ResultT]") -> _ResultT:
        """Make a keyring call in a thread of its own, since a locked one may never answer."""
        answer: Future[_ResultT] = Future()

        def run() -> None:
            try:
                answer.set_result(call(self._backend()))
            except Exception as error:  # noqa: BLE001 (keyrings raise whatever their libraries do; told below)
                answer.set_exception(error)

        threading.Thread(target=run, name="keyring", daemon=True).start()
        hint = "Start and unlock one (GNOME Keyring, KWallet), or keep the keys in a file you choose: --key-file FILE"
        try:
            return answer.result(self._timeout_s)
        except TimeoutError as error:
            raise MachineError(
                f"The keyring did not answer within {self._timeout_s:.0f} s; it may be locked. {hint}"
            ) from error
        except Exception as error:
            raise MachineError(f"No usable keyring was found for Daybook's keys. {hint}") from error


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
        try:
            if os.name == "posix" and self._path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise MachineError(
                    f"Others can read the key file {self._path}, so it is not used. Run: chmod 600 {self._path}"
                )
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise MachineError(
                f"The key file {self._path} cannot be read ({error}). It holds the keys of the buffer: put a copy of "
                "it back, or name the right file with --key-file."
            ) from error

    def _write(self, secrets: dict[str, str]) -> None:
        draft = self._path.with_name(f".{self._path.name}.draft")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)  # one that is there might be open to others
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(secrets, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise MachineError(
                f"The key file {self._path} cannot be written ({error.strerror}). Check its folder's permissions and "
                "the disk, or name another with --key-file."
            ) from error


def system_keyring() -> "KeyringBackend":
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
