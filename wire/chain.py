"""A device's hash chain of segment revisions, and its signed head.

A link holds only the salted digest of its content (PRODUCT.md, "The record"), so a content can be destroyed
while the chain stays whole:

    digest  = SHA-256(salt ‖ canonical content)
    link 0  follows  SHA-256("daybook chain v1" ‖ device id)
    link i  = SHA-256("daybook link v1" ‖ i as 8 bytes, big end first ‖ link i-1 ‖ digest i)

The head after n links is signed once for a batch with the device's Ed25519 key: a signature costs more than a batch's
hashes together.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many links it has, and the hash of the last (32 bytes)."""

    length: int
    hash: bytes


def new_salt() -> bytes:
    """Draw the salt of a revision."""
    return secrets.token_bytes(SALT_BYTES)


def digest(salt: bytes, content: bytes) -> bytes:
    """Hash a revision's canonical content under its salt (32 bytes)."""
    return hashlib.sha256(salt + content).digest()


def genesis(device: UUID) -> Head:
    """Give the head of a device's empty chain."""
    return Head(0, hashlib.sha256(b"daybook chain v1" + device.bytes).digest())


def extend(head: Head, digests: Iterable[bytes]) -> Head:
    """Append a link for each digest (32 bytes each) and give the new head."""
    length, link = head.length, head.hash
    for one in digests:
        link = hashlib.sha256(b"daybook link v1" + length.to_bytes(8, "big") + link + one).digest()
        length += 1
    return Head(length, link)


def sign(key: Ed25519PrivateKey, device: UUID, head: Head) -> bytes:
    """Sign a head as the device (64 bytes)."""
    return key.sign(_signed_bytes(device, head))


def is_signed(key: Ed25519PublicKey, device: UUID, head: Head, signature: bytes) -> bool:
    """Tell whether the device's key signed this head."""
    try:
        key.verify(signature, _signed_bytes(device, head))
    except InvalidSignature:
        return False
    return True


def _signed_bytes(device: UUID, head: Head) -> bytes:
    return b"daybook head v1" + device.bytes + head.length.to_bytes(8, "big") + head.hash
