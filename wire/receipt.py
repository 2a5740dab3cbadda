"""Checkpoints, in which a log states its size and root, and receipts, which prove a leaf to be in it.

PRODUCT.md, "The record": once acknowledged, a change is found by anyone who kept a checkpoint, a receipt or a witness's
signature. A checkpoint is a signed note (C2SP tlog-checkpoint) of three lines: the log's origin, its number of leaves,
and the base64 of its root.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from wire import merkle
from wire.hex import Hex32
from wire.leaf import Leaf, encode
from wire.note import InvalidNoteError

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: who it is, how many leaves it has, and the root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        """Write the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read the text of a checkpoint's note; who signed it is another question.

        Raises:
            InvalidNoteError: it states no log's size and root, or more than these.
        """
        try:
            origin, size, root, end = text.split("\n")
            decoded = base64.b64decode(root, validate=True)
        except ValueError as error:
            raise InvalidNoteError("This is no checkpoint: origin, size and root are expected.") from error
        if not origin or end or not _SIZE.fullmatch(size) or len(decoded) != 32:
            raise InvalidNoteError("This is no checkpoint: origin, size and root are expected.")
        return cls(origin, int(size), decoded)


class Log(Struct, frozen=True, kw_only=True):
    """Where the marketplace's log stands.

    `key` is the one that signs it (`wire.note.Verifier` in one line), named by the log's origin; `checkpoint` is the
    newest signed note. A restored marketplace begins a new epoch with a new origin; `follows` is then the last
    checkpoint of the epoch before that it still had.
    """

    key: str
    checkpoint: str
    follows: str | None


class Proof(Struct, frozen=True, kw_only=True):
    """That a log holds a leaf (inclusion), or that it only grew (consistency): hashes, the lowest first."""

    hashes: Annotated[tuple[Hex32, ...], Meta(max_length=64)]

    def raw(self) -> list[bytes]:
        """Give the hashes as bytes."""
        return [bytes.fromhex(one) for one in self.hashes]


class Edge(Struct, frozen=True, kw_only=True):
    """The right edge of the log before a batch's leaves were appended: its size, and the hashes of its peaks.

    Who knows the leaves can append them and compare the root with the checkpoint's: one proof for all of them.
    """

    size: Annotated[int, Meta(ge=0)]
    peaks: Annotated[tuple[Hex32, ...], Meta(max_length=64)]


class Receipt(Struct, frozen=True, kw_only=True):
    """What the marketplace gives for an accepted revision, mark or key: where its leaf stands, and the proof.

    `leaf` is the leaf's content as text (wire.leaf), `checkpoint` the signed note that the proof leads to.
    """

    leaf: str
    index: Annotated[int, Meta(ge=0)]
    proof: Proof
    checkpoint: str


def is_grown(edge: Edge, leaves: Iterable[Leaf], checkpoint: Checkpoint) -> bool:
    """Tell whether a log that stood as at the edge and took these leaves, no others, stands as the checkpoint says."""
    frontier = merkle.Frontier(edge.size, tuple(bytes.fromhex(one) for one in edge.peaks))
    if len(frontier.peaks) != frontier.size.bit_count():
        return False
    for leaf in leaves:
        frontier, _ = frontier.grown(merkle.leaf_hash(encode(leaf)))
    return (frontier.size, frontier.root) == (checkpoint.size, checkpoint.root)


def is_proven(receipt: Receipt, checkpoint: Checkpoint) -> bool:
    """Tell whether a receipt's leaf is in the log that a checkpoint states."""
    leaf = merkle.leaf_hash(receipt.leaf.encode())
    return merkle.is_included(leaf, receipt.index, checkpoint.size, receipt.proof.raw(), checkpoint.root)
