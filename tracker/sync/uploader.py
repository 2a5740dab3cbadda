"""Sending what waits: the chain's waiting links in contiguous batches, then their pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tracker.domain.errors import TrackerError
from tracker.store.outbox import Outbox, Revision
from tracker.store.pictures import PictureLostError, Pictures, PictureUnreadableError
from tracker.sync.api import BusyError, Marketplace, ProblemError
from tracker.sync.record import Record
from wire import chain
from wire.leaf import RevisionLeaf
from wire.sync import LINKS_PER_BATCH, Accepted, Batch, BatchAnswer, Duplicate, Link, RetryLater

_PICTURES_PER_QUERY = 200
_FAULTS_OF_THE_PICTURE = frozenset({413, 422})  # HTTP: the very same bytes will never be taken


@dataclass(slots=True)
class Sent:
    """What a round sent; `trouble` says why the last of `failed_pictures` will never arrive."""

    segments: int = 0
    pictures: int = 0
    failed_pictures: int = 0
    trouble: str | None = None


class _LaterError(BusyError):
    """The marketplace could not judge some contents yet."""

    def __init__(self, after_s: int) -> None:
        super().__init__("The marketplace could not judge everything yet. Daybook sends it again by itself.", after_s)


class Uploader:
    """Sends what the outbox holds.

    Args:
        marketplace: where to.
        outbox: what waits, and where the answers go.
        pictures: the pictures' bytes.
        record: holds the answers to the marketplace's log.
        device: this device's id and key.
        progress: called after each batch and picture.
    """

    def __init__(
        self,
        marketplace: Marketplace,
        outbox: Outbox,
        pictures: Pictures,
        record: Record,
        device: tuple[UUID, Ed25519PrivateKey],
        progress: Callable[[], None],
    ) -> None:
        self._marketplace = marketplace
        self._outbox = outbox
        self._pictures = pictures
        self._record = record
        self._device, self._key = device
        self._progress = progress
        self._addresses: dict[tuple[UUID, str], str] = {}  # "" where the marketplace has the picture
        self.sent = Sent()

    def send(self) -> None:
        """Send all that waits: links first, then pictures; `sent` counts what arrived, whatever came after.

        Raises:
            UnreachableError, BusyError, LoggedOutError, ProblemError: not everything arrived; nothing is lost.
        """
        later = None
        while later is None and (revisions := self._outbox.next_batch(LINKS_PER_BATCH)):
            later = self._send_batch(revisions)
            self._progress()
        self._send_pictures()
        if later is not None:
            raise later

    def _send_batch(self, revisions: list[Revision]) -> _LaterError | None:
        """Send one run of links and keep the outcomes; gives the error to raise if one is to be sent again later.

        What was settled earlier only travels along to keep the run whole, so its outcome stands.
        """
        last = revisions[-1]
        batch = Batch(
            device=self._device,
            first=revisions[0].link,
            links=tuple(_link(revision) for revision in revisions),
            signature=chain.sign(self._key, self._device, chain.Head(last.link + 1, last.link_hash)).hex(),
        )
        try:
            answer = self._marketplace.send_batch(batch)
        except ProblemError as error:
            lacking = error.problem.next_link
            if error.problem.code != "chain_gap" or lacking is None or not 0 <= lacking < batch.first:
                raise
            self._outbox.offer_again(lacking)
            return None
        if len(answer.outcomes) != len(revisions):
            raise BusyError(
                f"The marketplace answered {len(answer.outcomes)} outcomes to {len(revisions)} segments. Nothing was "
                "lost; Daybook tries again by itself.",
                None,
            )
        self._hold_to_the_log(revisions, answer)
        waits_s = []
        for revision, outcome in zip(revisions, answer.outcomes, strict=True):
            if revision.state != "waiting":
                continue
            if isinstance(outcome, RetryLater):
                waits_s.append(outcome.after_s)
            else:
                self._outbox.settle(revision.link, outcome)
                self.sent.segments += 1
        contract = revisions[0].contract
        if all(revision.contract == contract for revision in revisions):  # an upload names no contract itself
            self._addresses.update({(contract, upload.sha256): upload.url for upload in answer.missing})
        return _LaterError(max(waits_s)) if waits_s else None

    def _hold_to_the_log(self, revisions: list[Revision], answer: BatchAnswer) -> None:
        """See that what was accepted is in the log; a content that was accepted before answered a lost request."""
        sent = [(one, said) for one, said in zip(revisions, answer.outcomes, strict=True) if _has_content(one)]
        accepted = [_leaf(self._device, one) for one, said in sent if isinstance(said, Accepted)]
        self._record.check(accepted, answer.edge, answer.checkpoint)
        for one, said in sent:
            if isinstance(said, Duplicate):
                self._record.prove(_leaf(self._device, one))

    def _send_pictures(self) -> None:
        """Put the pictures that accepted revisions name and the marketplace lacks.

        One that is lost, or refused for what it is, has failed for good; one that fails otherwise is passed over and
        told at the end. Neither blocks another.
        """
        failed: list[TrackerError] = []
        while waiting := self._outbox.uploads(len(failed) + _PICTURES_PER_QUERY)[len(failed) :]:
            self._ask_addresses(waiting)
            for contract, sha256 in waiting:
                if not self._outbox.is_to_send(contract, sha256):
                    continue
                try:
                    if address := self._addresses[contract, sha256]:
                        self._marketplace.put_picture(address, self._pictures.get(sha256))
                        self.sent.pictures += 1
                except PictureLostError as error:
                    self._give_up(contract, sha256, str(error))
                except ProblemError as error:
                    if error.problem.status in _FAULTS_OF_THE_PICTURE:
                        self._give_up(contract, sha256, f"The marketplace refused a picture: {error}")
                    else:
                        failed.append(error)
                except PictureUnreadableError as error:
                    failed.append(error)
                else:
                    self._outbox.mark_sent(contract, sha256)
                    self._progress()
        if failed:
            raise failed[-1]

    def _give_up(self, contract: UUID, sha256: str, reason: str) -> None:
        """Record that a picture will never arrive; its segment and its time stay as they are."""
        self._outbox.mark_failed(contract, sha256, reason)
        self.sent.failed_pictures += 1
        self.sent.trouble = f"{reason} The time stays recorded; the picture is not sent again."
        self._progress()

    def _ask_addresses(self, waiting: list[tuple[UUID, str]]) -> None:
        """Learn where to put the pictures not yet known; no address means that the marketplace has it."""
        unknown = [one for one in waiting if one not in self._addresses]
        for contract in dict.fromkeys(contract for contract, _ in unknown):
            names = tuple(sha256 for other, sha256 in unknown if other == contract)
            answer = self._marketplace.missing_pictures(self._device, contract, names)
            self._addresses.update({(contract, sha256): "" for sha256 in names})
            self._addresses.update({(contract, upload.sha256): upload.url for upload in answer.missing})


def _has_content(revision: Revision) -> bool:
    """Tell whether the link travels with its content: it is there, and was not judged yet."""
    return revision.content is not None and revision.state == "waiting"


def _leaf(device: UUID, revision: Revision) -> RevisionLeaf:
    return RevisionLeaf(device=device, link=revision.link, digest=revision.digest.hex())


def _link(revision: Revision) -> Link:
    """Give the link to send; a content that was deleted or already judged travels bare."""
    if revision.salt is None or revision.content is None or not _has_content(revision):
        return Link(digest=revision.digest.hex(), salt=None, content=msgspec.Raw(b"null"), is_joined=revision.is_joined)
    return Link(
        digest=revision.digest.hex(),
        salt=revision.salt.hex(),
        content=msgspec.Raw(revision.content),
        is_joined=revision.is_joined,
    )
