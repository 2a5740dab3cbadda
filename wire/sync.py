"""What the tracker and the marketplace say to each other: enrolment, clock, batches, outcomes, uploads, problems."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Raw, Struct

from wire.diary import Sha256
from wire.hex import Hex32, Hex64
from wire.receipt import Edge

LINKS_PER_BATCH = 50


class Person(Struct, frozen=True, kw_only=True):
    """Who the access token belongs to."""

    id: int
    name: str
    email: str


class Enrolment(Struct, frozen=True, kw_only=True):
    """A device's own name and Ed25519 public key."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    public_key: Hex32


class Device(Struct, frozen=True, kw_only=True):
    """An enrolled device; enrolling the same key again gives the same id."""

    id: UUID


class Clock(Struct, frozen=True, kw_only=True):
    """The marketplace's time in milliseconds since the Unix epoch."""

    utc_ms: int


class Link(Struct, frozen=True, kw_only=True):
    """One link of the chain with what it stands for.

    `content` is the canonical JSON of a `wire.diary.Segment`, byte for byte as it was hashed; it is left raw so that
    one bad content cannot spoil a batch. A link whose content was deleted before it was sent travels bare: salt and
    content are null. One that is joined is judged with the link before it, both accepted or neither: time moved between
    contracts leaves the one and arrives at the other, or nothing changes.
    """

    digest: Hex32
    salt: Hex32 | None
    content: Raw
    is_joined: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether only the digest travels."""
        return self.salt is None or bytes(self.content) == b"null"


class Batch(Struct, frozen=True, kw_only=True):
    """A contiguous run of a device's chain.

    `first` is the index of the first link; `signature` is the device's over the head after the last (wire.chain).
    """

    device: UUID
    first: Annotated[int, Meta(ge=0)]
    links: Annotated[tuple[Link, ...], Meta(min_length=1, max_length=LINKS_PER_BATCH)]
    signature: Hex64


class Accepted(Struct, frozen=True, kw_only=True, tag_field="outcome", tag="accepted"):
    """The content is stored; `received_ms` is when, in marketplace time."""

    received_ms: int


class Duplicate(Struct, frozen=True, kw_only=True, tag_field="outcome", tag="duplicate"):
    """This very link was accepted before, at `received_ms`; nothing changed."""

    received_ms: int


class Rejected(Struct, frozen=True, kw_only=True, tag_field="outcome", tag="rejected"):
    """The link is kept, its content refused: a code for programs, a sentence for people."""

    code: str
    sentence: str


class RetryLater(Struct, frozen=True, kw_only=True, tag_field="outcome", tag="retry_later"):
    """The link is kept, its content could not be judged now; send the same link again."""

    after_s: int


Outcome = Accepted | Duplicate | Rejected | RetryLater


class Upload(Struct, frozen=True, kw_only=True):
    """Where to PUT the bytes of a picture or thumbnail that the marketplace lacks."""

    sha256: Sha256
    url: str


class BatchAnswer(Struct, frozen=True, kw_only=True):
    """One outcome a link, in order; the pictures of the accepted ones that are missing.

    The receipt for the accepted contents: `edge` is the log before their leaves were appended in the order of their
    links (None where nothing was), `checkpoint` the signed note after (wire.receipt).
    """

    outcomes: tuple[Outcome, ...]
    missing: tuple[Upload, ...]
    edge: Edge | None
    checkpoint: str


class PictureQuery(Struct, frozen=True, kw_only=True):
    """Ask which of these pictures of a contract the marketplace still lacks."""

    device: UUID
    contract: UUID
    sha256: Annotated[tuple[Sha256, ...], Meta(max_length=500)]


class PictureAnswer(Struct, frozen=True, kw_only=True):
    """The pictures that are missing; those not named are there or belong to no accepted segment."""

    missing: tuple[Upload, ...]


class Problem(Struct, frozen=True, kw_only=True):
    """An error answer (RFC 9457, `application/problem+json`): what happened, why, and what to do.

    `next_link` is the index of the first link that the marketplace lacks, where the chain was the trouble.
    """

    title: str
    status: int
    detail: str
    code: str
    type: str = "about:blank"
    next_link: int | None = None
