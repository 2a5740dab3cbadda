"""Taking in what devices send: the chain is held whole, each content judged alone (PRODUCT.md, "Offline and sync")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import transaction
from django.db.models import Max

from marketplace.accounts.models import Device, User
from marketplace.contracts.models import Contract
from marketplace.contracts.services import policy_versions, visible_contracts
from marketplace.diary import destruction, reading
from marketplace.diary.models import Destruction, Link, Mark, Picture, Revision
from marketplace.diary.rules import MOVE_REFUSED, Fresh, Known, Refusal, Same, Terms, judge, open_content
from marketplace.errors import refused
from marketplace.record import services as record
from wire import chain, diary, sync
from wire.leaf import RevisionLeaf
from wire.marks import less
from wire.receipt import Edge, Receipt

log = structlog.get_logger(__name__)
LAST_LINK = 2**53  # beyond any chain, within every database's integers


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch: an outcome a link, in order, and the receipt for what was accepted.

    `named` are contract and hash of each picture that the accepted ones name; `edge` is the log before their leaves.
    """

    outcomes: tuple[sync.Outcome, ...]
    named: set[tuple[UUID, str]]
    edge: Edge | None
    checkpoint: str


def ingest(user: User, batch: sync.Batch, *, now_ms: int) -> Ingested:
    """Take in a batch: all of its links or none, then each content by itself.

    Raises:
        RefusedError: 404 for a device that is not the person's, 409 where the chain does not continue (with the next
            link), 422 for a signature that is not the device's; nothing is stored then.
    """
    with transaction.atomic():
        # The person is locked with the device: two devices of theirs must not be judged against the same past.
        device = Device.objects.select_for_update().select_related("user").filter(pk=batch.device, user=user).first()
        if device is None:
            raise refused(404, "unknown_device", "Unknown device", "There is no such device of yours. Enrol it first.")
        links, new = _extend_chain(device, batch, now_ms=now_ms)
        judging = _Judging(user, device, now_ms=now_ms)
        outcomes, named = judging.run(links, batch.links, new)
        edge, checkpoint = judging.log()
    destruction.carry_out(now_ms=now_ms)
    log.info("batch taken in", device=str(device.pk), first=batch.first, links=len(links))
    return Ingested(outcomes, named, edge, checkpoint)


def _extend_chain(device: Device, batch: sync.Batch, *, now_ms: int) -> tuple[list[Link], frozenset[int]]:
    """Check that the batch continues the device's chain and is signed, and store the links that are new.

    Returns the links as they are stored now, and the indexes of the new ones.
    """
    length = _length(device)
    if batch.first > length:
        raise refused(
            409, "chain_gap", "Links are missing", f"The chain has {length} links here; send from there.",
            next_link=length,
        )  # fmt: skip
    around = (batch.first - 1, batch.first + len(batch.links) - 1)
    stored = {one.index: one for one in Link.objects.filter(device=device, index__range=around)}
    head = chain.genesis(device.pk)
    if batch.first:
        head = chain.Head(batch.first, bytes(stored[batch.first - 1].hash))
    links: list[Link] = []
    for sent in batch.links:
        index, digest = head.length, bytes.fromhex(sent.digest)
        head = chain.extend(head, [digest])
        link = stored.get(index)
        if link is None:
            link = Link(
                device=device, index=index, digest=digest, hash=head.hash, received_ms=now_ms, outcome_ms=now_ms
            )
        elif bytes(link.hash) != head.hash:
            raise refused(
                409, "chain_forked", "Another chain",
                f"Link {index} is another one here. The device must enrol a new key and begin a new chain.",
                next_link=length,
            )  # fmt: skip
        links.append(link)
    key = Ed25519PublicKey.from_public_bytes(bytes(device.public_key))
    if not chain.is_signed(key, device.pk, head, bytes.fromhex(batch.signature)):
        raise refused(422, "bad_signature", "Bad signature", "The batch is not signed by the device's key.")
    fresh = [link for link in links if link.pk is None]
    Link.objects.bulk_create(fresh)
    return links, frozenset(link.index for link in fresh)


def _length(device: Device) -> int:
    last = Link.objects.filter(device=device).aggregate(last=Max("index"))["last"]
    return 0 if last is None else last + 1


@dataclass(frozen=True, slots=True)
class _Content:
    """A link's content that is to be judged: as it could be read, its bytes and its salt."""

    link: Link
    opened: diary.Segment | Refusal
    content: bytes
    salt: bytes


class _Judging:
    """One batch's contents, judged in order; what is accepted early is known to the later ones."""

    def __init__(self, user: User, device: Device, *, now_ms: int) -> None:
        self._user = user
        self._device = device
        self._now_ms = now_ms
        self._revisions: list[Revision] = []
        self._pictures: list[Picture] = []
        self._judged: list[Link] = []
        self._emptied: list[Destruction] = []
        self._named: set[tuple[UUID, str]] = set()

    def run(
        self, links: Sequence[Link], sent: Sequence[sync.Link], new: frozenset[int]
    ) -> tuple[tuple[sync.Outcome, ...], set[tuple[UUID, str]]]:
        """Judge what was not judged before, store what is accepted, and give the outcomes."""
        opened = {
            link.index: open_content(bytes(link.digest), bytes.fromhex(one.salt or ""), bytes(one.content))
            for link, one in zip(links, sent, strict=True)
            if link.outcome == Link.Outcome.BARE and not one.is_bare
        }
        self._look_up(one for one in opened.values() if isinstance(one, diary.Segment))
        outcomes: list[sync.Outcome] = []
        for group in _joined(links, sent):
            contents = [
                _Content(link, opened[link.index], bytes(one.content), bytes.fromhex(one.salt or ""))
                for link, one in group
                if link.index in opened
            ]
            judged = self._judge(contents, is_refused=self._is_any_refused(group))
            outcomes += [judged.get(link.index) or _remembered(link, is_new=link.index in new) for link, _ in group]
        Revision.objects.bulk_create(self._revisions)
        Picture.objects.bulk_create(self._pictures)
        Destruction.objects.bulk_create(self._emptied)
        Link.objects.bulk_update(self._judged, ["outcome", "outcome_ms", "code", "sentence"])
        self._name_remembered(links)
        return tuple(outcomes), self._named

    def log(self) -> tuple[Edge | None, str]:
        """Append a leaf for each accepted content, in order; gives the log's edge before, and its checkpoint after."""
        accepted = [one.link for one in self._revisions]
        if not accepted:
            return None, record.state(now_ms=self._now_ms).checkpoint
        appended = record.append(
            [
                RevisionLeaf(device=self._device.pk, link=link.index, digest=bytes(link.digest).hex())
                for link in accepted
            ],
            now_ms=self._now_ms,
        )
        for link, leaf in zip(accepted, appended.rows, strict=True):
            link.leaf = leaf
        Link.objects.bulk_update(accepted, ["leaf"])
        return appended.edge, appended.checkpoint

    def _look_up(self, segments: Iterable[diary.Segment]) -> None:
        segments = list(segments)
        contracts = list(Contract.objects.filter(freelancer=self._user, pk__in={one.contract for one in segments}))
        self._policies = policy_versions(contracts)
        self._terms = {one.pk: Terms(one.started_ms, frozenset(self._policies.get(one.pk, ()))) for one in contracts}
        starts = {one.start_s for one in segments if one.start_s < reading.LARGEST_START_S}
        rows = Revision.objects.filter(contract__freelancer=self._user, start_s__in=starts)
        marks = Mark.objects.filter(contract__freelancer=self._user, start_s__in=starts).order_by("number")
        self._marks = {row: reading.read_mark(row) for row in marks}
        self._known: dict[int, list[Known]] = {}
        for row in rows:
            self._remember(row)

    def _remember(self, row: Revision) -> None:
        content = None if row.content is None else bytes(row.content)
        known = Known(row.contract_id, row.device_id, row.start_s, row.revision, content, row.received_ms)
        self._known.setdefault(row.start_s, []).append(known)

    def _is_any_refused(self, group: Sequence[tuple[Link, sync.Link]]) -> bool:
        """Tell whether one of these joined links, or the one before that the first is joined to, was refused before."""
        first, said = group[0]
        earlier = Link.objects.filter(device=self._device, index=first.index - 1, outcome=Link.Outcome.REJECTED)
        return any(link.outcome == Link.Outcome.REJECTED for link, _ in group) or (said.is_joined and earlier.exists())

    def _judge(self, contents: Sequence["_Content"], *, is_refused: bool) -> dict[int, sync.Outcome]:
        """Judge contents that are joined, in order, each knowing those before it: all of them are taken, or none.

        One by itself is the usual case. `is_refused` where what they are joined to was refused before.
        """
        verdicts, assumed = list[Fresh | Same | Refusal](), list[Known]()
        for one in contents:
            is_lost = is_refused or any(isinstance(verdict, Refusal) for verdict in verdicts)
            verdict = MOVE_REFUSED if is_lost and isinstance(one.opened, diary.Segment) else self._verdict(one)
            if isinstance(verdict, Fresh) and isinstance(one.opened, diary.Segment):
                assumed.append(self._assume(one.opened, one.content))
            verdicts.append(verdict)
        if any(isinstance(verdict, Refusal) for verdict in verdicts):
            for known in assumed:
                self._known[known.start_s].remove(known)
            verdicts = [MOVE_REFUSED if isinstance(verdict, Fresh) else verdict for verdict in verdicts]
        return {one.link.index: self._settle(one, verdict) for one, verdict in zip(contents, verdicts, strict=True)}

    def _verdict(self, one: "_Content") -> Fresh | Same | Refusal:
        if isinstance(one.opened, Refusal):
            return one.opened
        return judge(
            one.opened,
            one.content,
            sender=self._device.pk,
            contracts=self._terms,
            known=self._known.get(one.opened.start_s, []),
            now_ms=self._now_ms,
            marks=self._marks.values(),
        )

    def _assume(self, segment: diary.Segment, content: bytes) -> Known:
        """Let the contents judged after this one know it."""
        known = Known(segment.contract, segment.device, segment.start_s, segment.revision, content, self._now_ms)
        self._known.setdefault(segment.start_s, []).append(known)
        return known

    def _settle(self, one: "_Content", verdict: Fresh | Same | Refusal) -> sync.Outcome:
        link = one.link
        self._judged.append(link)
        link.outcome_ms = self._now_ms
        match verdict:
            case Refusal(code, sentence):
                link.outcome, link.code, link.sentence = Link.Outcome.REJECTED, code, sentence
                return sync.Rejected(code=code, sentence=sentence)
            case Same(received_ms):
                link.outcome, link.outcome_ms = Link.Outcome.ACCEPTED, received_ms
                return sync.Duplicate(received_ms=received_ms)
            case Fresh():
                if not isinstance(one.opened, diary.Segment):
                    raise TypeError("a refusal was judged fresh")
                link.outcome = Link.Outcome.ACCEPTED
                self._accept(link, one.opened, one.content, one.salt)
                return sync.Accepted(received_ms=self._now_ms)

    def _accept(self, link: Link, segment: diary.Segment, content: bytes, salt: bytes) -> None:
        """Store a content; of its time and pictures only what no mark takes away counts."""
        left = less(segment, self._marks.values())
        revision = Revision(
            link=link,
            contract_id=segment.contract,
            device=self._device,
            start_s=segment.start_s,
            revision=segment.revision,
            policy_id=self._policies[segment.contract][segment.policy_version],
            salt=salt,
            content=content,
            worked_ms=left.worked_ms,
            received_ms=self._now_ms,
        )
        self._revisions.append(revision)
        if left.worked_ms < segment.worked_ms:
            mark = next(row for row, said in self._marks.items() if said.is_of(segment))
            self._emptied.append(Destruction(mark=mark, hashes=[], due_ms=destruction.due_ms(self._marks[mark])))
        for snapshot in left.snapshots:
            for one in snapshot.pictures:
                self._pictures += _pictures_of(revision, snapshot.at_ms, one)
                self._named |= {(segment.contract, one.sha256), (segment.contract, one.thumbnail_sha256)}

    def _name_remembered(self, links: Sequence[Link]) -> None:
        """Name the pictures of links that were accepted in an earlier batch, too: an upload may have been lost."""
        known = {link.pk for link in links if link.outcome == Link.Outcome.ACCEPTED} - {
            link.pk for link in self._judged
        }
        if known:
            rows = Picture.objects.filter(revision__link__in=known).values_list("revision__contract_id", "sha256")
            self._named |= set(rows)


def _joined(links: Sequence[Link], sent: Sequence[sync.Link]) -> list[list[tuple[Link, sync.Link]]]:
    """Put each link together with those that are joined to it; most stand alone."""
    groups: list[list[tuple[Link, sync.Link]]] = []
    for link, one in zip(links, sent, strict=True):
        if one.is_joined and groups:
            groups[-1].append((link, one))
        else:
            groups.append([(link, one)])
    return groups


def _remembered(link: Link, *, is_new: bool) -> sync.Outcome:
    match Link.Outcome(link.outcome):
        case Link.Outcome.REJECTED:
            return sync.Rejected(code=link.code, sentence=link.sentence)
        case Link.Outcome.ACCEPTED:
            return sync.Duplicate(received_ms=link.outcome_ms)
        case Link.Outcome.BARE if is_new:
            return sync.Accepted(received_ms=link.outcome_ms)
        case Link.Outcome.BARE:
            return sync.Duplicate(received_ms=link.outcome_ms)


def _pictures_of(revision: Revision, at_ms: int, said: diary.Picture) -> list[Picture]:
    full = Picture(
        revision=revision,
        at_ms=at_ms,
        monitor=said.monitor,
        is_thumbnail=False,
        sha256=said.sha256,
        size=said.size,
        width=said.width,
        height=said.height,
    )
    thumbnail = Picture(
        revision=revision,
        at_ms=at_ms,
        monitor=said.monitor,
        is_thumbnail=True,
        sha256=said.thumbnail_sha256,
        size=said.thumbnail_size,
    )
    return [full, thumbnail]


def receipt(user: User, device_id: UUID, index: int) -> Receipt:
    """Prove that an accepted revision is in the log, to the contract's parties.

    Raises:
        RefusedError: 404 where there is no such revision of a contract that the person is a party of.
    """
    seen = Revision.objects.filter(contract__in=visible_contracts(user).order_by().values("pk"))
    found = seen.filter(link__device=device_id, link__index=min(index, LAST_LINK))
    revision = found.select_related("link__leaf__epoch").first()
    if revision is None or revision.link.leaf is None:
        raise refused(404, "unknown_link", "Unknown link", "There is no such revision of a contract of yours.")
    return record.receipt_of(revision.link.leaf)


def missing_pictures(user: User, contract_id: UUID, hashes: Iterable[str]) -> list[str]:
    """Tell which of these pictures are lacking; those that no accepted segment of the person's names are left out."""
    named = reading.named_pictures(contract_id).filter(revision__contract__freelancer=user, sha256__in=list(hashes))
    wanted = set(named.values_list("sha256", flat=True))
    return sorted(wanted - reading.stored_among(contract_id, wanted))
