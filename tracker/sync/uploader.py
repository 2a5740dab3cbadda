"""One round of sync: contact, contracts, the chain's waiting links in contiguous batches, then their pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tracker.store.outbox import Outbox, Revision
from tracker.store.pictures import PictureLostError, Pictures
from tracker.sync.api import Marketplace, ProblemError
from wire import chain
from wire.sync import LINKS_PER_BATCH, Batch, Link, RetryLater

_PICTURES_PER_QUERY = 200


@dataclass(slots=True)
class Sent:
    """What a round sent."""

    segments: int = 0
    pictures: int = 0


class Uploader:
    """Sends what the outbox holds.

    Args:
        marketplace: where to.
        outbox: what waits, and where the answers go.
        pictures: the pictures' bytes.
        device: this device's id and key.
        progress: called after each batch and picture.
    """

    def __init__(
        self,
        marketplace: Marketplace,
        outbox: Outbox,
        pictures: Pictures,
        device: tuple[UUID, Ed25519PrivateKey],
        progress: Callable[[], None],
    ) -> None:
        self._marketplace = marketplace
        self._outbox = outbox
        self._pictures = pictures
        self._device, self._key = device
        self._progress = progress

    def send(self) -> Sent:
        """Send all that waits: links first, then pictures.

        Raises:
            UnreachableError, BusyError, LoggedOutError, ProblemError: the round ended early; nothing is lost.
        """
        sent = Sent()
        addresses: dict[str, str] = {}
        while revisions := self._outbox.next_batch(LINKS_PER_BATCH):
            settled = self._send_batch(revisions, addresses)
            sent.segments += settled
            self._progress()
            if not settled:
                break
        sent.pictures = self._send_pictures(addresses)
        return sent

    def _send_batch(self, revisions: list[Revision], addresses: dict[str, str]) -> int:
        """Send one run of links, keep the outcomes, and give the number settled."""
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
            if error.problem.code != "chain_gap" or lacking is None or lacking >= batch.first:
                raise
            self._outbox.offer_again(lacking)
            return 1
        for revision, outcome in zip(revisions, answer.outcomes, strict=True):
            self._outbox.settle(revision.link, outcome)
        addresses.update({upload.sha256: upload.url for upload in answer.missing})
        return sum(not isinstance(outcome, RetryLater) for outcome in answer.outcomes)

    def _send_pictures(self, addresses: dict[str, str]) -> int:
        """Put the pictures that accepted revisions name and the marketplace lacks; give the number put.

        A picture that is lost or refused is passed over and told at the end, so that it never blocks another.
        """
        count, failed, trouble = 0, 0, None
        while waiting := self._outbox.uploads(failed + _PICTURES_PER_QUERY)[failed:]:
            self._ask_addresses(waiting, addresses)
            for contract, sha256 in waiting:
                try:
                    if address := addresses[sha256]:
                        self._marketplace.put_picture(address, self._pictures.get(sha256))
                        count += 1
                except (PictureLostError, ProblemError) as error:
                    failed, trouble = failed + 1, error
                else:
                    self._outbox.mark_sent(contract, sha256)
                    self._progress()
        if trouble is not None:
            raise trouble
        return count

    def _ask_addresses(self, waiting: list[tuple[UUID, str]], addresses: dict[str, str]) -> None:
        """Learn where to put the pictures not yet known; no address means that the marketplace has it."""
        for contract in {contract for contract, sha256 in waiting if sha256 not in addresses}:
            unknown = tuple(name for other, name in waiting if other == contract and name not in addresses)
            answer = self._marketplace.missing_pictures(self._device, contract, unknown)
            addresses.update(dict.fromkeys(unknown, ""))
            addresses.update({upload.sha256: upload.url for upload in answer.missing})


def _link(revision: Revision) -> Link:
    """Give the link to send; a content that was deleted or already judged travels bare."""
    if revision.salt is None or revision.content is None or revision.state != "waiting":
        return Link(digest=revision.digest.hex(), salt=None, content=msgspec.Raw(b"null"))
    return Link(digest=revision.digest.hex(), salt=revision.salt.hex(), content=msgspec.Raw(revision.content))
