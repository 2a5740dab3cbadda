"""The settings an operator gives through the environment, read once and checked loudly.

Every name is listed in docs/operate/README.md.
"""

import ipaddress
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from marketplace.errors import SetupError

DATA = "DAYBOOK_DATA"
BIND = "DAYBOOK_BIND"
PUBLIC_URL = "DAYBOOK_PUBLIC_URL"
SECRET_KEY = "DAYBOOK_SECRET_KEY"  # noqa: S105 - the name of a variable, not a secret
LOG_LEVEL = "DAYBOOK_LOG_LEVEL"
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_SECRET_KEY_FILE = "secret-key"  # noqa: S105 - the name of a file, not a secret
_LOG_KEY_FILE = "log-key"
_LOG_KEY_BYTES = 32
_SECRET_KEY_LENGTH = 50


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says; `bind` is the host and port that `serve` listens on."""

    data: Path
    bind_host: str
    bind_port: int
    public_url: str
    log_level: str

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "marketplace.sqlite3"

    @property
    def pictures(self) -> Path:
        """The folder that keeps pictures and thumbnails."""
        return self.data / "pictures"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the marketplace."""
        return is_loopback(self.bind_host) and is_loopback(urlsplit(self.public_url).hostname or "")

    @property
    def is_https(self) -> bool:
        """Whether people reach the marketplace over TLS."""
        return self.public_url.startswith("https://")


def read(environ: Mapping[str, str]) -> Environment:
    """Read the settings.

    Raises:
        SetupError: a setting cannot be used.
    """
    host, port = _bind(environ.get(BIND, "127.0.0.1:8000"))
    public_url = environ.get(PUBLIC_URL, "").rstrip("/") or f"http://{_in_url(host)}:{port}"
    address = urlsplit(public_url)
    if address.scheme not in {"http", "https"} or not address.hostname or address.path or address.query:
        raise SetupError(f"{PUBLIC_URL} is {public_url!r}. Give scheme and host, such as https://daybook.example.")
    log_level = environ.get(LOG_LEVEL, "INFO").upper()
    if log_level not in _LOG_LEVELS:
        raise SetupError(f"{LOG_LEVEL} is {log_level!r}. Give one of {', '.join(_LOG_LEVELS)}.")
    data = environ.get(DATA)
    folder = Path(data).expanduser() if data else platformdirs.user_data_path("daybook-marketplace", appauthor=False)
    return Environment(folder.absolute(), host, port, public_url, log_level)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def secret_key(environment: Environment, environ: Mapping[str, str]) -> str | None:
    """Give the key that signs sessions, or None where nothing has made one yet.

    Raises:
        SetupError: the key is too short or its file cannot be read.
    """
    key = environ.get(SECRET_KEY)
    if key is None:
        try:
            key = (environment.data / _SECRET_KEY_FILE).read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(
                f"The secret key in {environment.data} cannot be read ({error}). Restore the file, or delete it to get "
                "a new one; everyone must then log in again."
            ) from error
    if len(key) < _SECRET_KEY_LENGTH:
        raise SetupError(f"The secret key is shorter than {_SECRET_KEY_LENGTH} characters. Give {SECRET_KEY} a longer.")
    return key


def prepare(environment: Environment, environ: Mapping[str, str]) -> None:
    """Make the data folder and its keys (mode 0600) where they are missing.

    Raises:
        SetupError: the folder cannot be made or written.
    """
    try:
        environment.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment.pictures.mkdir(exist_ok=True, mode=0o700)
        probe = environment.data / f".writable-{os.getpid()}"
        probe.write_bytes(b"daybook")
        probe.unlink()
        if secret_key(environment, environ) is None:
            _write_key(environment.data / _SECRET_KEY_FILE, secrets.token_urlsafe(_SECRET_KEY_LENGTH))
        if log_key(environment) is None:
            _write_key(environment.data / _LOG_KEY_FILE, secrets.token_hex(_LOG_KEY_BYTES))
    except OSError as error:
        raise SetupError(
            f"The data folder {environment.data} cannot be written: {error.strerror}. Free or unlock it, or name "
            f"another folder with --data or {DATA}."
        ) from error


def log_key(environment: Environment) -> bytes | None:
    """Give the Ed25519 key (32 bytes) that signs the log, or None where nothing has made one yet.

    Raises:
        SetupError: its file cannot be read.
    """
    try:
        key = bytes.fromhex((environment.data / _LOG_KEY_FILE).read_text("ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SetupError(
            f"The log's key in {environment.data} cannot be read ({error}). Restore the file {_LOG_KEY_FILE} from a "
            "backup: with another key nobody could tell this log from a forged one."
        ) from error
    if len(key) != _LOG_KEY_BYTES:
        raise SetupError(f"The log's key has {len(key)} bytes, not {_LOG_KEY_BYTES}. Restore it from a backup.")
    return key


def _write_key(file: Path, key: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(key + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _bind(value: str) -> tuple[str, int]:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) <= 65_535:
        raise SetupError(f"{BIND} is {value!r}. Give a host and a port, such as 127.0.0.1:8000.")
    return host.strip("[]"), int(port)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
