"""The log's hash tree: the published roots, every proof up to a size, and no proof for anything else."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import merkle

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/merkle.json").read_text(encoding="utf-8"))
MOST = 256


class Tree:
    """A log in memory."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._nodes: dict[tuple[int, int], bytes] = {}
        self.frontiers = [merkle.Frontier()]
        for leaf in leaves:
            frontier, nodes = self.frontiers[-1].grown(merkle.leaf_hash(leaf))
            self.frontiers.append(frontier)
            for node in nodes:
                assert (node.level, node.index) not in self._nodes, "a complete subtree never changes"
                self._nodes[node.level, node.index] = node.hash

    def at(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]


LEAVES = [number.to_bytes(2, "big") for number in range(MOST)]
TREE = Tree(LEAVES)
ROOTS = [merkle.root(size, TREE.at) for size in range(MOST + 1)]


def _by_definition(leaves: list[bytes]) -> bytes:
    """The tree hash word by word as RFC 6962, 2.1, defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return hashlib.sha256(b"\x01" + _by_definition(leaves[:left]) + _by_definition(leaves[left:])).digest()


def test_the_published_roots() -> None:
    leaves = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
    tree = Tree(leaves)
    roots = [merkle.root(size, tree.at).hex() for size in range(len(leaves) + 1)]
    assert roots == VECTORS["roots_by_size"]


def test_every_root_is_the_definitions() -> None:
    assert [_by_definition(LEAVES[:size]) for size in range(MOST + 1)] == ROOTS
    assert [frontier.root for frontier in TREE.frontiers] == ROOTS
    assert [frontier.size for frontier in TREE.frontiers] == list(range(MOST + 1))


@pytest.mark.parametrize("part", range(4))
def test_every_leaf_of_every_size_is_proven(part: int) -> None:
    for size in range(1 + part, MOST + 1, 4):
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, TREE.at)
            leaf = merkle.leaf_hash(LEAVES[index])
            assert merkle.is_included(leaf, index, size, proof, ROOTS[size]), (index, size)
            assert not merkle.is_included(leaf, index, size, proof, ROOTS[size - 1]), (index, size)


@pytest.mark.parametrize("part", range(4))
def test_all_pairs_of_sizes_are_consistent(part: int) -> None:
    for new in range(part, MOST + 1, 4):
        for old in range(new + 1):
            proof = merkle.consistency_proof(old, new, TREE.at)
            assert merkle.is_consistent(old, new, proof, ROOTS[old], ROOTS[new]), (old, new)
            if 0 < old < new:
                forged = hashlib.sha256(ROOTS[old]).digest()
                assert not merkle.is_consistent(old, new, proof, forged, ROOTS[new]), (old, new)
                assert not merkle.is_consistent(old, new, proof, ROOTS[old], forged), (old, new)


def test_a_proof_is_as_short_as_the_tree_is_high() -> None:
    assert all(len(merkle.inclusion_proof(index, MOST, TREE.at)) == 8 for index in range(MOST))
    assert all(len(merkle.consistency_proof(old, MOST, TREE.at)) <= 9 for old in range(MOST))


@given(st.integers(1, MOST), st.data())
def test_a_tampered_proof_proves_nothing(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(index, size, TREE.at)
    leaf = merkle.leaf_hash(LEAVES[index])
    tampered = data.draw(st.sampled_from(_tampered(proof)))
    assert not merkle.is_included(leaf, index, size, tampered, ROOTS[size])
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index)) if size > 1 else size
    assert not merkle.is_included(leaf, other, size, proof, ROOTS[size])


@given(st.integers(2, MOST), st.data())
def test_a_fork_is_not_consistent(new: int, data: st.DataObject) -> None:
    """Another history of the same sizes: no proof of it, and none of the honest log, joins the two."""
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    fork = Tree([*LEAVES[:changed], b"another", *LEAVES[changed + 1 : new]])
    forked = merkle.root(new, fork.at)
    assert not merkle.is_consistent(old, new, merkle.consistency_proof(old, new, fork.at), ROOTS[old], forked)
    assert not merkle.is_consistent(old, new, merkle.consistency_proof(old, new, TREE.at), ROOTS[old], forked)
    for tampered in _tampered(merkle.consistency_proof(old, new, TREE.at)):
        assert not merkle.is_consistent(old, new, tampered, ROOTS[old], ROOTS[new])


def _tampered(proof: list[bytes]) -> list[list[bytes]]:
    """A hash changed, one too many, one too few."""
    changed = [[*proof[:at], bytes([one[0] ^ 1]) + one[1:], *proof[at + 1 :]] for at, one in enumerate(proof)]
    return [*changed, [*proof, bytes(32)], *([proof[:-1]] if proof else [])]


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_proof(index, size, TREE.at)
    assert not merkle.is_included(bytes(32), index, size, [], bytes(32))


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (4, 3)])
def test_a_log_never_shrinks(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="does not begin"):
        merkle.consistency_proof(old, new, TREE.at)
    assert not merkle.is_consistent(old, new, [], bytes(32), bytes(32))
