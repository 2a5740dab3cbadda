"""Checkpoints and receipts: what they state, read and written, and what proves nothing."""

from uuid import UUID

import msgspec
import pytest

from tests.wire.test_merkle import LEAVES, TREE
from wire import leaf, merkle
from wire.note import InvalidNoteError
from wire.receipt import Checkpoint, Proof, Receipt, is_proven

ROOT = merkle.root(8, TREE.at)
CHECKPOINT = Checkpoint("daybook.example/log", 8, ROOT)
KEY_LEAF = leaf.KeyLeaf(device=UUID(int=7), public_key="00" * 32)


def _receipt(index: int, data: bytes) -> Receipt:
    hashes = tuple(one.hex() for one in merkle.inclusion_proof(index, 8, TREE.at))
    return Receipt(leaf=data.decode("latin-1"), index=index, proof=Proof(hashes=hashes), checkpoint="")


def test_a_checkpoint_is_written_and_read_again() -> None:
    assert Checkpoint.parse(str(CHECKPOINT)) == CHECKPOINT
    assert str(CHECKPOINT).splitlines()[:2] == ["daybook.example/log", "8"]


@pytest.mark.parametrize(
    "text",
    [
        "", "a\n1\n", "a\n1\nAAAA\n", str(CHECKPOINT) + "more\n", str(CHECKPOINT)[:-1],
        str(CHECKPOINT).replace("\n8\n", "\n08\n"), str(CHECKPOINT).replace("\n8\n", "\n-8\n"),
        str(CHECKPOINT).replace("daybook.example/log", ""), "a\n1\n????\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidNoteError, match=r"no checkpoint"):
        Checkpoint.parse(text)


def test_a_receipt_proves_its_leaf_and_no_other() -> None:
    for index in range(8):
        receipt = _receipt(index, LEAVES[index])
        assert is_proven(receipt, CHECKPOINT)
        assert not is_proven(msgspec.structs.replace(receipt, leaf="another"), CHECKPOINT)
        assert not is_proven(msgspec.structs.replace(receipt, index=(index + 1) % 8), CHECKPOINT)
        assert not is_proven(receipt, Checkpoint("daybook.example/log", 7, merkle.root(7, TREE.at)))


@pytest.mark.parametrize(
    "one",
    [
        leaf.RevisionLeaf(device=UUID(int=7), link=3, digest="ab" * 32),
        leaf.MarkLeaf(contract=UUID(int=7), number=3, digest="ab" * 32),
        KEY_LEAF,
    ],
)
def test_a_leaf_is_written_and_read_again(one: leaf.Leaf) -> None:
    assert leaf.decode(leaf.encode(one)) == one


def test_a_leaf_of_another_sort_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        leaf.decode(leaf.encode(KEY_LEAF).replace(b'"key"', b'"keys"'))
