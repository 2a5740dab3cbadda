"""The rules that judge one content: pure, so that the same ones can be tested, explained and re-run.

Each rule is written in docs/architecture.md ("The API") and PRODUCT.md ("Offline and sync", "Time").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec

from wire import canonical, chain, diary
from wire.marks import Mark, less

FUTURE_MS = 120_000
LARGEST_PICTURE_BYTES = 20 * 1024 * 1024
MOST_PIXELS = 64 * 1024 * 1024  # a monitor of 8192 by 8192
LAST_REVISION = 1_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract says to a content: when it starts (ms since the epoch) and which policy versions there are."""

    started_ms: int
    policy_versions: frozenset[int]


@dataclass(frozen=True, slots=True)
class Known:
    """A revision that was accepted before, with its exact content; None once that was destroyed."""

    contract: UUID
    device: UUID
    start_s: int
    revision: int
    content: bytes | None
    received_ms: int

    @property
    def natural_key(self) -> tuple[UUID, UUID, int]:
        """The segment that it is a revision of."""
        return self.contract, self.device, self.start_s


@dataclass(frozen=True, slots=True)
class Fresh:
    """The content may be stored."""


@dataclass(frozen=True, slots=True)
class Same:
    """The very same content was accepted before, at `received_ms`."""

    received_ms: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The content is refused: a code for programs, a sentence for people."""

    code: str
    sentence: str


Verdict = Fresh | Same | Refusal

MOVE_REFUSED = Refusal(
    "move_refused",
    "Time moved between contracts is taken whole or not at all, and the other half of this move was refused.",
)
"""What the good half of a move gets whose other half is refused (PRODUCT.md, "Offline and sync")."""


def open_content(digest: bytes, salt: bytes, content: bytes) -> diary.Segment | Refusal:
    """Read a content and hold it to what can be said about it alone."""
    if chain.digest(salt, content) != digest:
        return Refusal("digest_mismatch", "The content is not the one that its link was made of.")
    try:
        segment = canonical.decode(content, diary.Segment)
        diary.check(segment)
    except canonical.NotCanonicalError as error:
        return Refusal("not_canonical", str(error))
    except diary.InvalidSegmentError as error:
        return Refusal("malformed", str(error))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Refusal("malformed", f"The content is no segment: {error}."[:500])
    return _too_large(segment) or segment


def _too_large(segment: diary.Segment) -> Refusal | None:
    if segment.revision > LAST_REVISION:
        return Refusal("malformed", f"A segment has at most {LAST_REVISION} revisions.")
    for picture in segment.pictures():
        if max(picture.size, picture.thumbnail_size) > LARGEST_PICTURE_BYTES:
            return Refusal("malformed", f"A picture is larger than {LARGEST_PICTURE_BYTES} bytes.")
        if picture.width * picture.height > MOST_PIXELS:
            return Refusal("malformed", f"A picture has more than {MOST_PIXELS} pixels.")
    return None


def judge(
    segment: diary.Segment,
    content: bytes,
    *,
    sender: UUID,
    contracts: Mapping[UUID, Terms],
    known: Iterable[Known],
    now_ms: int,
    marks: Iterable[Mark] = (),
) -> Verdict:
    """Judge a content that could be opened.

    Args:
        segment: the content, read.
        content: its bytes.
        sender: the device that sent the batch.
        contracts: the contracts that the sender's person works on.
        known: every revision accepted before from the same person that starts at the same time.
        now_ms: when the batch came in.
        marks: those on the known revisions; time that one takes away stands in nobody's way.
    """
    known = list(known)
    terms = contracts.get(segment.contract)
    if terms is None:
        return Refusal("unknown_contract", "There is no such contract of yours.")
    if segment.device != sender:
        return Refusal("not_this_device", "The segment was recorded by another device than the one that sends it.")
    return (
        _before_the_contract(segment, terms)
        or _in_future(segment, now_ms)
        or _under_no_policy(segment, terms)
        or _out_of_order(segment, content, known)
        or _overlapping(segment, known, list(marks))
        or Fresh()
    )


def _span_ms(segment: diary.Segment) -> tuple[int, int]:
    start_ms = segment.start_s * 1000
    if not segment.intervals:
        return start_ms, start_ms
    return start_ms + segment.intervals[0].start_ms, start_ms + segment.intervals[-1].end_ms


def _before_the_contract(segment: diary.Segment, terms: Terms) -> Refusal | None:
    # Time after a pause or an end stays recorded, unbilled until the client approves it (PRODUCT.md, "Policy").
    first_ms, _ = _span_ms(segment)
    if segment.intervals and first_ms < terms.started_ms:
        return Refusal("before_contract", "The time was worked before the contract started.")
    return None


def _in_future(segment: diary.Segment, now_ms: int) -> Refusal | None:
    if _span_ms(segment)[1] > now_ms + FUTURE_MS:
        return Refusal("in_future", "The time lies in the future by the marketplace's clock.")
    return None


def _under_no_policy(segment: diary.Segment, terms: Terms) -> Refusal | None:
    if segment.policy_version not in terms.policy_versions:
        return Refusal("unknown_policy", f"The contract has no policy version {segment.policy_version}.")
    return None


def _out_of_order(segment: diary.Segment, content: bytes, known: Iterable[Known]) -> Same | Refusal | None:
    earlier = [one for one in known if one.natural_key == (segment.contract, segment.device, segment.start_s)]
    for one in earlier:
        if one.revision == segment.revision:
            if one.content == content:
                return Same(one.received_ms)
            return Refusal("conflict", f"Revision {segment.revision} of this segment was accepted with other content.")
    newest = max((one.revision for one in earlier), default=0)
    if segment.revision < newest:
        return Refusal("revision_gap", f"Revision {newest} of this segment was accepted already; number on from it.")
    return None


def _overlapping(segment: diary.Segment, known: Iterable[Known], marks: Iterable[Mark]) -> Refusal | None:
    newest: dict[tuple[UUID, UUID, int], Known] = {}
    for one in known:
        if one.natural_key not in newest or newest[one.natural_key].revision < one.revision:
            newest[one.natural_key] = one
    newest.pop((segment.contract, segment.device, segment.start_s), None)
    for other in newest.values():
        if other.start_s != segment.start_s or other.content is None:
            continue
        taken = less(msgspec.json.decode(other.content, type=diary.Segment), marks)
        if any(
            mine.start_ms < theirs.end_ms and theirs.start_ms < mine.end_ms
            for mine in segment.intervals
            for theirs in taken.intervals
        ):
            return Refusal("overlap", "Other work of yours was accepted for the same time; nobody works twice at once.")
    return None
