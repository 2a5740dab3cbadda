"""The hash tree of an append-only log, with proofs that it holds a leaf and that it only ever grew (RFC 6962, 2.1).

Hashes are 32 bytes. A tree of `size` leaves is stored as its complete subtrees: `(level, index)` is the one over the
leaves from `index · 2^level` on, `2^level` of them. Such a subtree never changes, so that a log only ever adds rows.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256().digest()

NodeAt = Callable[[int, int], bytes]
"""Looks up a complete subtree by level and index."""


@dataclass(frozen=True, slots=True)
class Node:
    """A complete subtree."""

    level: int
    index: int
    hash: bytes


def leaf_hash(data: bytes) -> bytes:
    """Hash a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into the one above them."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: all that is needed to append to it and to tell its root.

    `peaks` are the hashes of the complete subtrees that the tree of `size` leaves is made of, the largest first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    @property
    def root(self) -> bytes:
        """The tree's root."""
        if not self.peaks:
            return EMPTY_ROOT
        node = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            node = node_hash(peak, node)
        return node

    def grown(self, leaf: bytes) -> tuple["Frontier", list[Node]]:
        """Append a leaf's hash; gives the subtrees that are complete now, too, the leaf itself first."""
        peaks, nodes = list(self.peaks), [Node(0, self.size, leaf)]
        while nodes[-1].index % 2:
            last = nodes[-1]
            nodes.append(Node(last.level + 1, last.index // 2, node_hash(peaks.pop(), last.hash)))
        return Frontier(self.size + 1, (*peaks, nodes[-1].hash)), nodes


def root(size: int, node_at: NodeAt) -> bytes:
    """Give the root of the tree's first `size` leaves."""
    return _subtree(0, size, node_at) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node_at: NodeAt) -> list[bytes]:
    """Prove that the leaf at an index is in the tree of `size` leaves (RFC 6962, 2.1.1).

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_subtree(middle, end, node_at))
            end = middle
        else:
            proof.append(_subtree(start, middle, node_at))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, node_at: NodeAt) -> list[bytes]:
    """Prove that the tree of `old` leaves is the beginning of the one of `new` leaves (RFC 6962, 2.1.2).

    Raises:
        ValueError: the sizes are out of order.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not begin with {old}")
    proof: list[bytes] = []
    start, end = 0, new
    while 0 < old < end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_subtree(middle, end, node_at))
            end = middle
        else:
            proof.append(_subtree(start, middle, node_at))
            start = middle
    if start:  # else the old tree is itself a subtree on the way, whose hash the asker has
        proof.append(_subtree(start, end, node_at))
    return proof[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root_hash: bytes) -> bool:
    """Tell whether a proof shows a leaf's hash at an index of the tree with that root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place % 2 or place == last:
            node = node_hash(sibling, node)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root_hash


def is_consistent(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Tell whether a proof shows that a tree only grew from one root to another (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    old_node = new_node = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            old_node, new_node = node_hash(sibling, old_node), node_hash(sibling, new_node)
            while place % 2 == 0 and place:
                place, last = place >> 1, last >> 1
        else:
            new_node = node_hash(new_node, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old_node == old_root and new_node == new_root


def _split(size: int) -> int:
    """Give the largest power of two below a size of two or more: how many leaves the left subtree has."""
    return 1 << (size - 1).bit_length() - 1


def _subtree(start: int, end: int, node_at: NodeAt) -> bytes:
    """Hash the leaves of a range that begins where a subtree of its size may."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node_at(level, start >> level)
    middle = start + _split(size)
    return node_hash(_subtree(start, middle, node_at), _subtree(middle, end, node_at))
