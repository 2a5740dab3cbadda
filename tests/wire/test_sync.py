"""Batches and answers on the wire."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given

from tests.wire.strategies import SEGMENTS
from wire import canonical, chain
from wire.diary import Segment
from wire.receipt import Edge
from wire.sync import Accepted, Batch, BatchAnswer, Duplicate, Link, Rejected, RetryLater


def _link(content: bytes, salt: bytes | None = b"s" * 32) -> Link:
    salted = chain.digest(salt or b"", content)
    return Link(digest=salted.hex(), salt=None if salt is None else salt.hex(), content=msgspec.Raw(content))


def _travelled(*links: Link) -> tuple[Link, ...]:
    batch = Batch(device=UUID(int=1), first=0, links=links, signature="0" * 128)
    return msgspec.json.decode(msgspec.json.encode(batch), type=Batch).links


@given(SEGMENTS)
def test_a_content_arrives_byte_for_byte(one: Segment) -> None:
    content = canonical.encode(one)
    (link,) = _travelled(_link(content))
    assert bytes(link.content) == content
    assert chain.digest(bytes.fromhex(link.salt or ""), bytes(link.content)).hex() == link.digest


def test_a_link_stands_alone_unless_it_says_that_it_is_joined() -> None:
    plain = _link(b"{}")
    joined = msgspec.structs.replace(plain, is_joined=True)
    assert [link.is_joined for link in _travelled(plain, joined)] == [False, True]
    said = b'{"digest":"%s","salt":null,"content":null}' % (b"0" * 64)
    assert not msgspec.json.decode(said, type=Link).is_joined


@pytest.mark.parametrize("content", [b'{ "b" : 1,\n "a":2 }', b'"\\u00e9"', b"[1.0,1e3]", b"{}"])
def test_a_bad_content_spoils_no_batch(content: bytes) -> None:
    """What is in it is judged later and alone, so it must arrive as it is, with its hash."""
    good, bad = _travelled(_link(b"{}"), _link(content))
    assert bytes(bad.content) == content
    assert bytes(good.content) == b"{}"


def test_a_bare_link_says_so() -> None:
    bare, full, unsalted = _travelled(_link(b"null"), _link(b"{}"), _link(b"{}", None))
    assert (bare.is_bare, full.is_bare, unsalted.is_bare) == (True, False, True)


@pytest.mark.parametrize(
    "change",
    [
        {"first": -1},
        {"links": ()},
        {"links": (_link(b"{}"),) * 51},
        {"signature": "0" * 127},
        {"signature": "G" * 128},
        {"links": (msgspec.structs.replace(_link(b"{}"), digest="A" * 64),)},
        {"links": (msgspec.structs.replace(_link(b"{}"), salt="0" * 62),)},
    ],
)
def test_a_malformed_batch_is_refused(change: dict[str, object]) -> None:
    batch = Batch(device=UUID(int=1), first=0, links=(_link(b"{}"),), signature="0" * 128)
    msgspec.json.decode(msgspec.json.encode(batch), type=Batch)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(batch, **change)), type=Batch)


def test_outcomes_keep_their_kind() -> None:
    answer = BatchAnswer(
        outcomes=(
            Accepted(received_ms=1),
            Duplicate(received_ms=1),
            Rejected(code="overlap", sentence="No."),
            RetryLater(after_s=3),
        ),
        missing=(),
        edge=Edge(size=3, peaks=("0" * 64, "1" * 64)),
        checkpoint="note",
    )
    assert msgspec.json.decode(msgspec.json.encode(answer), type=BatchAnswer) == answer
