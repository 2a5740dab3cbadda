"""Reads everything that a buffer holds of the work, sealed or not, and looks whether it stands by its own rules."""

from dataclasses import dataclass, replace
from uuid import UUID

from tests.simulation.comparison import WrongError
from tests.tracker.sync.scripted import DEVICE, Rules
from tracker.domain.segment import segment_start_ms
from tracker.store.buffer import Buffer
from wire import canonical, chain
from wire.diary import Segment
from wire.words import SEGMENT_MS, Kind


@dataclass(frozen=True, slots=True)
class Recorded:
    """Work without a break, in UTC milliseconds."""

    contract: UUID
    start_ms: int
    end_ms: int
    kind: Kind
    memo: str
    label: str | None
    is_provisional: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a buffer holds: the work in order, and the keys counted."""

    work: tuple[Recorded, ...]
    sealed_starts_ms: tuple[int, ...]
    sealed_worked_ms: tuple[int, ...]
    keys: int


def read(buffer: Buffer, rules: Rules) -> Ledger:
    """Read a buffer; what has been removed after its time is taken from the marketplace, which has acknowledged it.

    Raises:
        WrongError: the chain, a content, a sum, the grid or a picture is wrong.
    """
    rows = buffer.database.rows
    spans = [
        Recorded(UUID(contract), start_ms, end_ms, Kind(kind), memo, label, bool(is_provisional))
        for contract, start_ms, end_ms, kind, memo, label, is_provisional in rows(
            "SELECT contract, start_ms, end_ms, kind, memo, label, is_provisional FROM worked"
        )
    ]
    for one in spans:
        if one.end_ms <= one.start_ms or one.end_ms > segment_start_ms(one.start_ms) + SEGMENT_MS:
            raise WrongError(f"a journal row crosses the grid or is empty: {one}")
    keys = int(rows("SELECT ifnull(sum(keys), 0) FROM activity")[0][0])
    standing = _chain(buffer, rules)
    for segment in standing:
        start_ms = segment.start_s * 1000
        spans += [
            Recorded(segment.contract, start_ms + one.start_ms, start_ms + one.end_ms, one.kind, one.memo, one.label)
            for one in segment.intervals
        ]
        keys += sum(minute.keys for minute in segment.activity.minutes)
    _check_pictures(buffer)
    return Ledger(
        tuple(_joined(spans)),
        tuple(segment.start_s * 1000 for segment in standing),
        tuple(segment.worked_ms for segment in standing),
        keys,
    )


def _chain(buffer: Buffer, rules: Rules) -> list[Segment]:
    """Follow the chain from its beginning, and give the newest revision of each segment."""
    head, newest = chain.genesis(DEVICE), dict[tuple[UUID, int], Segment]()
    query = "SELECT link, link_hash, digest, salt, content, worked_ms, state FROM revision ORDER BY link"
    for link, link_hash, digest, salt, content, worked_ms, state in buffer.database.rows(query):
        head = chain.extend(head, (digest,))
        if head.length != link + 1 or head.hash != link_hash:
            raise WrongError(f"the chain breaks at link {link}")
        if state == "accepted" and (link >= len(rules.links) or link not in rules.contents):
            raise WrongError(f"link {link} counts as acknowledged and the marketplace lacks it")
        if link < len(rules.links) and rules.links[link] != digest.hex():
            raise WrongError(f"link {link} is another one at the marketplace")
        if content is not None and chain.digest(salt, content) != digest:
            raise WrongError(f"link {link} is not its content's")
        segment = canonical.decode(rules.contents[link] if content is None else content, Segment)
        if segment.worked_ms != worked_ms or sum(one.end_ms - one.start_ms for one in segment.intervals) != worked_ms:
            raise WrongError(f"link {link} does not add up: {worked_ms} ms, {segment.intervals}")
        newest[segment.contract, segment.start_s] = segment
    if len(rules.links) > head.length:
        raise WrongError(f"the marketplace has {len(rules.links)} links, the buffer {head.length}")
    return list(newest.values())


def _check_pictures(buffer: Buffer) -> None:
    """Every picture that a row names has its file."""
    rows = buffer.database.rows(
        "SELECT sha256 FROM picture UNION SELECT thumbnail_sha256 FROM picture UNION SELECT sha256 FROM upload"
    )
    lacking = {str(row[0]) for row in rows} - buffer.pictures.names()
    if lacking:
        raise WrongError(f"{len(lacking)} pictures have a row and no file")


def check_no_orphans(buffer: Buffer) -> None:
    """Every picture's file has a row, once what is to be destroyed is.

    Raises:
        WrongError: one has none.
    """
    rows = buffer.database.rows(
        "SELECT sha256 FROM picture UNION SELECT thumbnail_sha256 FROM picture UNION SELECT sha256 FROM upload"
    )
    orphans = buffer.pictures.names() - {str(row[0]) for row in rows}
    if orphans:
        raise WrongError(f"{len(orphans)} pictures have a file and no row")


def _joined(spans: list[Recorded]) -> list[Recorded]:
    """Join what follows on; nobody works twice at once.

    Provisional time may overlap what is certain until it is corrected, so overlaps are the caller's to judge.
    """
    joined: list[Recorded] = []
    for one in sorted(spans, key=lambda span: (span.memo, span.kind, span.start_ms)):
        last = joined[-1] if joined else None
        if last is not None and last.end_ms == one.start_ms and _who(last) == _who(one):
            joined[-1] = replace(last, end_ms=one.end_ms)
        else:
            joined.append(one)
    return joined


def _who(one: Recorded) -> tuple[UUID, Kind, str, str | None, bool]:
    return one.contract, one.kind, one.memo, one.label, one.is_provisional
