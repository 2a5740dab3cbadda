"""Watching the marketplace's log: its newest checkpoint is kept, and one that does not follow from it is refused.

PRODUCT.md, "The record": once acknowledged, a change is found by anyone who kept a checkpoint. The first key is taken
on trust, like the marketplace itself; every later answer is held to it. Sending goes on all the same: what the
marketplace did is told and kept as evidence, and the hours still have to arrive before the lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tracker.store.settings import Settings
from tracker.sync.api import Marketplace, ProblemError
from wire import merkle
from wire.leaf import Leaf, RevisionLeaf, encode
from wire.note import InvalidNoteError, Note, Verifier
from wire.receipt import Checkpoint, Edge, is_grown, is_proven

_KEY: Final = "log_key"
_CHECKPOINT: Final = "log_checkpoint"
_TROUBLE: Final = "log_trouble"
_EVIDENCE: Final = "log_evidence"
_RESTORED: Final = "log_restored"
_NOT_LOGGED: Final = "The marketplace accepted work of yours without putting it into its log."


class _BrokenError(Exception):
    """The record does not hold; the text says how, for the person."""


@dataclass(frozen=True, slots=True)
class _Signed:
    """A checkpoint with the note that signs it."""

    stated: Checkpoint
    note: str


class Record:
    """Holds one marketplace to its log.

    Args:
        marketplace: whose log it is.
        settings: where the key, the newest checkpoint and what was found wrong are kept.
    """

    def __init__(self, marketplace: Marketplace, settings: Settings) -> None:
        self._marketplace = marketplace
        self._settings = settings

    def look(self) -> int:
        """See where the log stands, and that it only grew since the last look.

        Returns how many of the newest entries a marketplace lacks that was restored from a backup since.

        Raises:
            UnreachableError, BusyError: the marketplace did not answer.
        """
        log = self._marketplace.log()
        try:
            key = self._pinned(log.key)
            newest = _signed(log.checkpoint, key)
            kept = self._kept()
            if kept is not None and kept.stated.origin != newest.stated.origin:
                return self._follow_epoch(kept, key, log.follows, newest)
            self._follow(kept, newest)
        except (_BrokenError, InvalidNoteError) as error:
            self._tell(error, log.checkpoint)
        return 0

    def check(self, leaves: Sequence[Leaf], edge: Edge | None, note: str) -> None:
        """Hold a batch's answer to the leaves of what it accepted, in order.

        Raises:
            UnreachableError, BusyError: the marketplace did not answer.
        """
        kept, known = self._kept(), self._settings.get_text(_KEY)
        if kept is None or known is None:
            return  # the next look begins
        try:
            newest = _signed(note, Verifier.parse(known))
            _require(not leaves or (edge is not None and is_grown(edge, leaves, newest.stated)), _NOT_LOGGED)
            if kept.stated.origin == newest.stated.origin:
                self._follow(kept, newest)
        except (_BrokenError, InvalidNoteError) as error:
            self._tell(error, note)

    def prove(self, leaf: RevisionLeaf) -> None:
        """See that a revision is in the log whose first answer was lost on the way.

        Raises:
            UnreachableError, BusyError: the marketplace did not answer.
        """
        known = self._settings.get_text(_KEY)
        if known is None:
            return
        note = ""
        try:
            receipt = self._marketplace.receipt(leaf.device, leaf.link)
            note = receipt.checkpoint
            is_its = receipt.leaf == encode(leaf).decode()
            _require(is_its and is_proven(receipt, _checkpoint(note, known)), _NOT_LOGGED)
        except ProblemError:
            self._tell(_BrokenError(_NOT_LOGGED), note)
        except (_BrokenError, InvalidNoteError) as error:
            self._tell(error, note)

    def _pinned(self, said: str) -> Verifier:
        """Give the log's key as it is named now; it must be the very key that was known first."""
        key, known = Verifier.parse(said), self._settings.get_text(_KEY)
        is_known = known is None or Verifier.parse(known).public == key.public
        _require(is_known, "The marketplace signs its log with another key than before.")
        if known != said:
            self._settings.put(_KEY, said)
        return key

    def _kept(self) -> _Signed | None:
        note = self._settings.get_text(_CHECKPOINT)
        return None if note is None else _Signed(Checkpoint.parse(Note.parse(note).text), note)

    def _follow(self, kept: _Signed | None, newest: _Signed) -> None:
        """Keep a checkpoint that the log grew to from the one that is kept."""
        if kept is None:
            self._settings.put(_CHECKPOINT, newest.note)
            return
        _require(newest.stated.size >= kept.stated.size, "The marketplace's log is shorter than it was.")
        has_grown = self._has_grown(kept.stated, newest.stated)
        _require(has_grown, "The marketplace's log is not the one that it showed before.")
        if newest.stated != kept.stated:
            self._settings.put(_CHECKPOINT, newest.note)

    def _has_grown(self, old: Checkpoint, new: Checkpoint) -> bool:
        if old.size == new.size:
            return old.root == new.root
        try:
            proof = self._marketplace.consistency(old.origin, old.size, new.size)
        except ProblemError:
            return False  # it denies what it signed
        return merkle.is_consistent(old.size, new.size, proof.raw(), old.root, new.root)

    def _follow_epoch(self, kept: _Signed, key: Verifier, follows: str | None, newest: _Signed) -> int:
        """Go on with a new epoch of the log: the marketplace was restored, and must name where it went on from."""
        if follows is None:
            raise _BrokenError("The marketplace began another log without naming the one before.")
        before = _signed(follows, Verifier(kept.stated.origin, key.algorithm, key.public)).stated
        goes_on = before.size < kept.stated.size or self._has_grown(kept.stated, before)
        _require(goes_on, "The marketplace's new log does not go on from the one that it showed before.")
        missing = max(0, kept.stated.size - before.size)
        self._settings.put(_RESTORED, str(missing))
        self._settings.put(_CHECKPOINT, newest.note)
        return missing

    def _tell(self, error: _BrokenError | InvalidNoteError, note: str) -> None:
        """Keep what was found wrong, and the two notes that show it, the first time."""
        sentence = str(error) if isinstance(error, _BrokenError) else f"The marketplace's log cannot be read. {error}"
        if self._settings.get_text(_TROUBLE) is None:
            self._settings.put(_TROUBLE, sentence)
            self._settings.put(_EVIDENCE, f"{self._settings.get_text(_CHECKPOINT) or ''}\n{note}")


def trouble_of(settings: Settings) -> str | None:
    """Say what the person must know of the marketplace's record, None where all is well."""
    broken = settings.get_text(_TROUBLE)
    if broken is not None:
        return (
            f"{broken} Your time is recorded and sent all the same; both statements that it signed are kept on this "
            "computer as evidence. Tell your client and the marketplace."
        )
    missing = settings.get_text(_RESTORED)
    if missing is None:
        return None
    if missing == "0":
        return (
            "The marketplace was restored from a backup and began a new log. It names the old one; nothing is missing."
        )
    return (
        f"The marketplace was restored from a backup that lacks the newest {missing} entries of its log. What this "
        "device still has of them is offered again."
    )


def forget_restoration(settings: Settings) -> None:
    """The person was told of a restored marketplace; what was found broken stays."""
    if settings.get_text(_RESTORED) is not None:
        settings.delete(_RESTORED)


def _checkpoint(note: str, known: str) -> Checkpoint:
    """Read a checkpoint of any epoch that the known key signed."""
    key, stated = Verifier.parse(known), Checkpoint.parse(Note.parse(note).text)
    return _signed(note, Verifier(stated.origin, key.algorithm, key.public)).stated


def _require(holds: bool, sentence: str) -> None:  # noqa: FBT001 (it is the subject)
    if not holds:
        raise _BrokenError(sentence)


def _signed(note: str, key: Verifier) -> _Signed:
    read = Note.parse(note)
    stated = Checkpoint.parse(read.text)
    is_its_own = stated.origin == key.name and read.is_signed_by(key)
    _require(is_its_own, "The marketplace's log is not signed by its own key.")
    return _Signed(stated, note)
