"""The database key wrapped a second time, under a recovery code that the person keeps on paper.

The key itself is random and stays in the keyring or key file. The file beside the buffer holds it once more, encrypted
with AES-256-GCM under scrypt of the code: 27 random symbols of Crockford's base32 (135 bits) and his check symbol, in
seven groups of four (https://www.crockford.com/base32.html).
"""

import hashlib
import secrets
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tracker.domain.errors import MachineError, RefusedError
from tracker.store.durable import write_whole

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECKS: Final = _ALPHABET + "*~$=U"
_RANDOM_SYMBOLS: Final = 27
_GROUP: Final = 4
_LIKENESSES: Final = str.maketrans("OIL", "011", " -\t\r\n")
_ABOUT: Final = b"daybook recovery v1"
_SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1, "maxmem": 2**26, "dklen": 32}  # 16 MB; the code is strong by itself


class _Wrapped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's content, all in hexadecimal digits."""

    version: int
    salt: str
    nonce: str
    sealed: str


def recovery_path(folder: Path) -> Path:
    """Give the place of the wrapped key in a data folder."""
    return folder / "buffer.recovery"


def wrap(folder: Path, key: bytes) -> str:
    """Wrap the key under a new code, which voids the old one, and give the code.

    Raises:
        MachineError: the file could not be written; the old code still holds.
    """
    symbols = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_SYMBOLS))
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(_stretched(symbols, salt)).encrypt(nonce, key, _ABOUT)
    file, content = recovery_path(folder), _Wrapped(version=1, salt=salt.hex(), nonce=nonce.hex(), sealed=sealed.hex())
    try:
        write_whole(file, msgspec.json.encode(content))
    except OSError as error:
        raise MachineError(
            f"The recovery code could not be put into force: {file} cannot be written ({error.strerror}). Check the "
            "folder's permissions and the disk, then ask for a code again."
        ) from error
    code = symbols + _check_symbol(symbols)
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def unwrap(folder: Path, code: str) -> bytes:
    """Give the key that a code, as a person typed it, opens.

    Raises:
        RefusedError: there is no code for this buffer, it is mistyped, or it is another one.
        MachineError: the file cannot be read.
    """
    symbols = _symbols(code)
    file = recovery_path(folder)
    try:
        wrapped = msgspec.json.decode(file.read_bytes(), type=_Wrapped)
        salt, nonce, sealed = (bytes.fromhex(part) for part in (wrapped.salt, wrapped.nonce, wrapped.sealed))
        if wrapped.version != 1:
            raise MachineError(f"{file} was made by a newer Daybook. Nothing was changed. Install that version again.")
        return AESGCM(_stretched(symbols, salt)).decrypt(nonce, sealed, _ABOUT)
    except FileNotFoundError:
        raise RefusedError(
            f"No recovery code was ever made for the buffer in {file.parent}. Nothing was changed. Use the keyring or "
            "key file it was made with."
        ) from None
    except InvalidTag:
        raise RefusedError(
            "This is not the recovery code of this buffer; a newer one may have voided it. Nothing was changed."
        ) from None
    except (OSError, ValueError) as error:
        raise MachineError(
            f"{file} cannot be read or is damaged ({error}). Nothing was changed. Put a copy of it back from a backup."
        ) from error


def _symbols(code: str) -> str:
    """Read a code as a person typed it.

    Raises:
        RefusedError: it cannot be a code.
    """
    typed = code.upper().translate(_LIKENESSES)
    symbols, check = typed[:-1], typed[-1:]
    if len(symbols) != _RANDOM_SYMBOLS or set(symbols) - set(_ALPHABET) or check != _check_symbol(symbols):
        raise RefusedError(
            "The recovery code is mistyped: it has seven groups of four letters and digits. Nothing was changed. Look "
            "at each group and try again."
        )
    return symbols


def _check_symbol(symbols: str) -> str:
    number = 0
    for symbol in symbols:
        number = (number * 32 + _ALPHABET.index(symbol)) % 37
    return _CHECKS[number]


def _stretched(symbols: str, salt: bytes) -> bytes:
    return hashlib.scrypt(symbols.encode("ascii"), salt=salt, **_SCRYPT)
