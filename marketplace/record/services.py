"""Appending to the log, and what it can prove (PRODUCT.md, "The record")."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import transaction

from marketplace.errors import refused
from marketplace.record import head
from marketplace.record.models import Checkpoint, Epoch, Leaf, Subtree
from wire import leaf as leaves
from wire import merkle, note, receipt

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Appended:
    """The rows of what was appended, in order, with the log's edge before and the signed checkpoint after."""

    rows: tuple[Leaf, ...]
    edge: receipt.Edge
    checkpoint: str


def append(appended: Sequence[leaves.Leaf], *, now_ms: int) -> Appended:
    """Append leaves in the open transaction, and sign a checkpoint over them.

    The epoch's row is locked, the last of all locks that an operation takes: the log has one end, and one writer.
    """
    with transaction.atomic():
        epoch = _locked_epoch(now_ms)
        before = _frontier(epoch)
        rows = _grow(epoch, [leaves.encode(one) for one in appended])
        signed = _sign(epoch, now_ms)
    edge = receipt.Edge(size=before.size, peaks=tuple(one.hex() for one in before.peaks))
    return Appended(rows, edge, signed)


def state(*, now_ms: int) -> receipt.Log:
    """Tell where the log stands: its key, its newest checkpoint, and what its epoch follows."""
    epoch = Epoch.objects.order_by("-pk").first()
    signed = None if epoch is None else epoch.checkpoints.order_by("-size").first()
    if epoch is None or signed is None:
        with transaction.atomic():
            epoch = _locked_epoch(now_ms)
            checkpoint = _sign(epoch, now_ms)
    else:
        checkpoint = signed.note
    return receipt.Log(key=str(_verifier(epoch)), checkpoint=checkpoint, follows=epoch.follows or None)


def consistency(origin: str, old: int, new: int) -> receipt.Proof:
    """Prove that an epoch's tree of `new` leaves began as its tree of `old`.

    Raises:
        RefusedError: 404 for another log, 422 for sizes that it never had.
    """
    epoch = Epoch.objects.filter(origin=origin).first()
    if epoch is None:
        raise refused(404, "unknown_log", "Unknown log", "This marketplace keeps no log of that origin.")
    if not 0 <= old <= new <= epoch.size:
        raise refused(
            422, "unknown_size", "Unknown size", f"The log has {epoch.size} leaves; give an older and a newer size."
        )
    return _proof(merkle.consistency_proof(old, new, _Nodes(epoch)))


def receipt_of(row: Leaf) -> receipt.Receipt:
    """Prove that a leaf is in the log, by the newest checkpoint of its epoch."""
    epoch = row.epoch
    signed = epoch.checkpoints.order_by("-size").first()
    if signed is None:
        raise RuntimeError("a leaf was appended without a checkpoint")
    return receipt.Receipt(
        leaf=bytes(row.data).decode(),
        index=row.index,
        proof=_proof(merkle.inclusion_proof(row.index, signed.size, _Nodes(epoch))),
        checkpoint=signed.note,
    )


def begin_epoch_if_restored(*, now_ms: int) -> bool:
    """Begin a new epoch where the log is shorter than it was: its database was restored from a backup.

    The side file tells (`head`). The new epoch's first leaf names the last checkpoint that the database still has.
    """
    last = head.read(settings.ENVIRONMENT.data)
    if last is None or Epoch.objects.filter(origin=last.origin, size__gte=last.size).exists():
        return False
    begin_epoch(now_ms=now_ms)
    return True


def begin_epoch(*, now_ms: int) -> str:
    """Begin a new epoch that names the last checkpoint there is, and give its origin."""
    with transaction.atomic():
        before = Epoch.objects.select_for_update().order_by("-pk").first()
        signed = None if before is None else before.checkpoints.order_by("-size").first()
        epoch = _new_epoch("" if signed is None else signed.note, now_ms)
        if epoch.follows:
            _grow(epoch, [leaves.encode(leaves.EpochLeaf(follows=epoch.follows))])
        _sign(epoch, now_ms)
    log.warning("log epoch begun", origin=epoch.origin)
    return epoch.origin


def _locked_epoch(now_ms: int) -> Epoch:
    return Epoch.objects.select_for_update().order_by("-pk").first() or _new_epoch("", now_ms)


def _new_epoch(follows: str, now_ms: int) -> Epoch:
    """Make an epoch under a name that no epoch had, not even one that a backup has forgotten."""
    host = urlsplit(settings.ENVIRONMENT.public_url).netloc
    return Epoch.objects.create(origin=f"{host}/log/{now_ms}", begun_ms=now_ms, follows=follows)


def _grow(epoch: Epoch, data: Sequence[bytes]) -> tuple[Leaf, ...]:
    frontier = _frontier(epoch)
    rows, subtrees = list[Leaf](), list[Subtree]()
    for one in data:
        frontier, (first, *above) = frontier.grown(merkle.leaf_hash(one))
        rows.append(Leaf(epoch=epoch, index=first.index, data=one, hash=first.hash))
        subtrees += [Subtree(epoch=epoch, level=node.level, index=node.index, hash=node.hash) for node in above]
    epoch.size, epoch.peaks = frontier.size, b"".join(frontier.peaks)
    epoch.save(update_fields=["size", "peaks"])
    Subtree.objects.bulk_create(subtrees)
    return tuple(Leaf.objects.bulk_create(rows))


def _frontier(epoch: Epoch) -> merkle.Frontier:
    peaks = bytes(epoch.peaks)
    return merkle.Frontier(epoch.size, tuple(peaks[at : at + 32] for at in range(0, len(peaks), 32)))


def _sign(epoch: Epoch, now_ms: int) -> str:
    """Sign the tree as it stands, once a size."""
    signed = epoch.checkpoints.filter(size=epoch.size).first()
    if signed is not None:
        return signed.note
    stated = receipt.Checkpoint(epoch.origin, epoch.size, _frontier(epoch).root)
    signed_note = str(note.Note(str(stated), ()).signed(epoch.origin, _key()))
    Checkpoint.objects.create(epoch=epoch, size=epoch.size, note=signed_note, made_ms=now_ms)
    transaction.on_commit(lambda: head.write(settings.ENVIRONMENT.data, signed_note))
    return signed_note


def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(settings.LOG_KEY)


def _verifier(epoch: Epoch) -> note.Verifier:
    return note.Verifier(epoch.origin, note.Algorithm.ED25519, _key().public_key().public_bytes_raw())


def _proof(hashes: Sequence[bytes]) -> receipt.Proof:
    return receipt.Proof(hashes=tuple(one.hex() for one in hashes))


class _Nodes:
    """Looks up an epoch's complete subtrees, leaves included."""

    def __init__(self, epoch: Epoch) -> None:
        self._epoch = epoch

    def __call__(self, level: int, index: int) -> bytes:
        if level:
            return bytes(Subtree.objects.get(epoch=self._epoch, level=level, index=index).hash)
        return bytes(Leaf.objects.get(epoch=self._epoch, index=index).hash)
