"""Signed notes, the form in which logs and witnesses sign what they say (C2SP signed-note, tlog-cosignature).

A note is a text that ends in a line feed, an empty line, and a line a signature:

    — key name base64(key id, 4 bytes ‖ signature)

The key id is the beginning of SHA-256(name ‖ line feed ‖ algorithm ‖ public key), so that a verifier knows which lines
it can judge; lines of keys that it does not know mean nothing to it. Two algorithms, both Ed25519: a signature of the
text itself, and a witness's cosignature, which covers the time at which it was made, too.
"""

import base64
import enum
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_DASH = "— "
_MOST_BYTES = 1_000_000  # what a verifier reads at most, as the Go implementation
_NAME = re.compile(r"[^\s+]+")
_TIME_BYTES, _SIGNATURE_BYTES = 8, 64


class InvalidNoteError(ValueError):
    """A text is no signed note, or no key; the text is a sentence for people."""


class Algorithm(enum.IntEnum):
    """How a key signs, as the byte that goes into its id."""

    ED25519 = 1
    COSIGNATURE = 4


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with the name and algorithm that it signs under."""

    name: str
    algorithm: Algorithm
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line names it."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """Write it in one line, as people hand it on: name, id and key, joined by plus signs."""
        key = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Read such a line.

        Raises:
            InvalidNoteError: it is none, or its parts do not fit each other.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            key = base64.b64decode(encoded, validate=True)
            verifier = cls(name, Algorithm(key[0]), key[1:])
        except (IndexError, ValueError) as error:
            raise InvalidNoteError("This is no key. A key looks like: name+1a2b3c4d+AbCd…") from error
        if not _NAME.fullmatch(name) or len(verifier.public) != 32 or verifier.key_id.hex() != key_id:
            raise InvalidNoteError("This is no key: its parts do not fit each other. Copy it whole.")
        return verifier


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line, read and not yet judged."""

    name: str
    key_id: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the lines that sign it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        lines = (f"{_DASH}{one.name} {base64.b64encode(one.key_id + one.value).decode()}\n" for one in self.signatures)
        return f"{self.text}\n{''.join(lines)}"

    @classmethod
    def parse(cls, note: str) -> "Note":
        """Read a note.

        Raises:
            InvalidNoteError: it is none.
        """
        text, blank, lines = note.rpartition("\n\n")
        if not blank or len(note) > _MOST_BYTES or not note.endswith("\n") or not lines.strip():
            raise InvalidNoteError("This is no signed note: a text, an empty line and signatures are expected.")
        if any(ord(character) < 0x20 and character != "\n" for character in note):
            raise InvalidNoteError("This is no signed note: it holds characters that none has.")
        return cls(text + "\n", tuple(_signature(line) for line in lines[:-1].split("\n")))

    def signed(self, name: str, key: Ed25519PrivateKey) -> "Note":
        """Add a signature of the text."""
        verifier = Verifier(name, Algorithm.ED25519, key.public_key().public_bytes_raw())
        return self._with(verifier, key.sign(self.text.encode()))

    def cosigned(self, name: str, key: Ed25519PrivateKey, time_s: int) -> "Note":
        """Add a witness's signature, made at `time_s` (seconds since the epoch)."""
        verifier = Verifier(name, Algorithm.COSIGNATURE, key.public_key().public_bytes_raw())
        return self._with(verifier, time_s.to_bytes(_TIME_BYTES, "big") + key.sign(_cosigned_bytes(self.text, time_s)))

    def is_signed_by(self, verifier: Verifier) -> bool:
        """Tell whether one of the lines is this key's and holds."""
        key = Ed25519PublicKey.from_public_bytes(verifier.public)
        return any(
            _holds(key, verifier.algorithm, self.text, one.value)
            for one in self.signatures
            if (one.name, one.key_id) == (verifier.name, verifier.key_id)
        )

    def _with(self, verifier: Verifier, value: bytes) -> "Note":
        return Note(self.text, (*self.signatures, Signature(verifier.name, verifier.key_id, value)))


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        value = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise InvalidNoteError("A signature line of this note is damaged.") from error
    if not line.startswith(_DASH) or not _NAME.fullmatch(name) or len(value) <= 4:
        raise InvalidNoteError("A signature line of this note is damaged.")
    return Signature(name, value[:4], value[4:])


def _cosigned_bytes(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def _holds(key: Ed25519PublicKey, algorithm: Algorithm, text: str, value: bytes) -> bool:
    signed = text.encode()
    if algorithm is Algorithm.COSIGNATURE:
        if len(value) != _TIME_BYTES + _SIGNATURE_BYTES:
            return False
        signed = _cosigned_bytes(text, int.from_bytes(value[:_TIME_BYTES], "big"))
        value = value[_TIME_BYTES:]
    try:
        key.verify(value, signed)
    except InvalidSignature:
        return False
    return True
