"""What the marketplace's log holds: a leaf for each accepted revision, each mark and each device key.

PRODUCT.md, "The record": a leaf holds nothing of a content but SHA-256(salt ‖ canonical content), so that the content
can be destroyed and the bare leaf stays. A leaf's bytes are its canonical JSON (wire.canonical).
"""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from wire import canonical
from wire.hex import Hex32


class RevisionLeaf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="leaf", tag="revision"):
    """A revision that was accepted: the device's link and the digest that the link was made of."""

    device: UUID
    link: Annotated[int, Meta(ge=0)]
    digest: Hex32


class MarkLeaf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="leaf", tag="mark"):
    """A mark that was made: the digest of its salted canonical message (wire.marks)."""

    contract: UUID
    number: Annotated[int, Meta(ge=0)]
    digest: Hex32


class KeyLeaf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="leaf", tag="key"):
    """A device's Ed25519 public key that was enrolled."""

    device: UUID
    public_key: Hex32


class EpochLeaf(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="leaf", tag="epoch"):
    """The first leaf of every epoch but the first: a restored marketplace names the last checkpoint it still has."""

    follows: str


Leaf = RevisionLeaf | MarkLeaf | KeyLeaf | EpochLeaf


def encode(leaf: Leaf) -> bytes:
    """Give the bytes that are hashed into the log."""
    return canonical.encode(leaf)


def decode(data: bytes) -> Leaf:
    """Read a leaf.

    Raises:
        msgspec.ValidationError: it is none.
        msgspec.DecodeError: it is not JSON.
    """
    leaf: Leaf = msgspec.json.decode(data, type=Leaf)
    return leaf
