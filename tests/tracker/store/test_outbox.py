"""The chain, what of it waits, and what counts."""

from uuid import UUID

import pytest

from tests.fakes.clock import NOON_MS
from tracker.store.buffer import Buffer
from tracker.store.outbox import Sealing, Waiting
from wire import chain
from wire.sync import Accepted, Duplicate, Outcome, Rejected, RetryLater
from wire.words import SEGMENT_MS

DEVICE, ONE, TWO = UUID(int=9), UUID(int=1), UUID(int=2)
ACCEPTED = Accepted(received_ms=NOON_MS)
REFUSED = Rejected(code="overlap", sentence="Nobody works twice at once.")
A, B, C = "a" * 64, "b" * 64, "c" * 64


def _append(
    buffer: Buffer, number: int = 0, *, contract: UUID = ONE, worked_ms: int = 1000, pictures: tuple[str, ...] = ()
) -> int:
    """Append the next revision of a contract's segment of a number; gives its link."""
    start_ms = NOON_MS + number * SEGMENT_MS
    link = buffer.outbox.head(DEVICE).length
    revision = buffer.outbox.last_revision(contract, start_ms) + 1
    content = f"{contract} {number} {revision}".encode()
    end_ms = start_ms + worked_ms
    sealing = Sealing(
        contract, start_ms, revision, worked_ms, end_ms, bytes([link % 256] * 32), content, NOON_MS + link, pictures
    )
    buffer.outbox.append(DEVICE, sealing)
    return link


def _waiting(buffer: Buffer, limit: int = 50) -> list[int]:
    return [one.link for one in buffer.outbox.next_batch(limit)]


# The chain


def test_every_link_continues_the_one_before(buffer: Buffer) -> None:
    assert buffer.outbox.head(DEVICE) == chain.genesis(DEVICE)
    for number in range(5):
        _append(buffer, number)
    revisions = buffer.outbox.next_batch(50)
    head = chain.genesis(DEVICE)
    for one in revisions:
        assert one.salt is not None
        assert one.content is not None
        assert one.digest == chain.digest(one.salt, one.content)
        head = chain.extend(head, (one.digest,))
        assert (one.link, one.link_hash) == (head.length - 1, head.hash)
    assert buffer.outbox.head(DEVICE) == head
    assert [one.link for one in revisions] == [0, 1, 2, 3, 4]


def test_one_revision_of_a_segment_stands_once(buffer: Buffer) -> None:
    """The natural key: the same revision again is an error and leaves the chain as it was."""
    _append(buffer)
    head = buffer.outbox.head(DEVICE)
    sealing = Sealing(ONE, NOON_MS, 1, 5, NOON_MS + 5, b"s" * 32, b"other", NOON_MS, (A,))
    with pytest.raises(Exception, match="UNIQUE"):
        buffer.outbox.append(DEVICE, sealing)
    assert buffer.outbox.head(DEVICE) == head
    assert buffer.outbox.waiting().pictures == 0


# What waits


def test_a_batch_begins_with_the_first_that_waits_and_has_no_hole(buffer: Buffer) -> None:
    for number in range(6):
        _append(buffer, number)
    for link in (0, 1, 3):
        buffer.outbox.settle(link, ACCEPTED)
    assert _waiting(buffer) == [2, 3, 4, 5]
    assert _waiting(buffer, 2) == [2, 3]
    for link in (2, 4, 5):
        buffer.outbox.settle(link, REFUSED)
    assert _waiting(buffer) == []


def test_answers_are_kept(buffer: Buffer) -> None:
    for number in range(4):
        _append(buffer, number)
    outcomes: tuple[Outcome, ...] = (ACCEPTED, Duplicate(received_ms=5), REFUSED, RetryLater(after_s=5))
    for link, outcome in enumerate(outcomes):
        buffer.outbox.settle(link, outcome)
    rows = buffer.database.rows("SELECT state, code, sentence, received_ms FROM revision ORDER BY link")
    assert rows == [
        ("accepted", None, None, NOON_MS),
        ("accepted", None, None, 5),
        ("rejected", "overlap", REFUSED.sentence, None),
        ("waiting", None, None, None),
    ]
    assert _waiting(buffer) == [3]


def test_what_waits_is_told_with_since_when(buffer: Buffer) -> None:
    assert buffer.outbox.waiting() == Waiting(0, 0, None, 0)
    for number, pictures in enumerate(((A, B), (B, C), ())):
        _append(buffer, number, pictures=pictures)
    assert buffer.outbox.waiting() == Waiting(3, 3, NOON_MS, 0, first_ms=NOON_MS)
    buffer.outbox.settle(0, ACCEPTED)
    buffer.outbox.mark_sent(ONE, A)
    assert buffer.outbox.waiting() == Waiting(2, 2, NOON_MS + 1, 0, first_ms=NOON_MS + SEGMENT_MS)
    buffer.outbox.settle(1, REFUSED)
    buffer.outbox.settle(2, ACCEPTED)
    buffer.outbox.mark_sent(ONE, B)
    assert buffer.outbox.waiting() == Waiting(0, 0, None, 1)


def test_offering_again_offers_every_link_and_picture_from_there_on(buffer: Buffer) -> None:
    for number, name in enumerate((A, B, C)):
        _append(buffer, number, pictures=(name,))
        buffer.outbox.settle(number, ACCEPTED)
        buffer.outbox.mark_sent(ONE, name)
    buffer.outbox.offer_again(1)
    assert _waiting(buffer) == [1, 2]
    assert buffer.outbox.uploads(10) == []
    buffer.outbox.settle(1, ACCEPTED)
    buffer.outbox.settle(2, ACCEPTED)
    assert buffer.outbox.uploads(10) == [(ONE, B), (ONE, C)]


# Pictures


def test_pictures_go_once_an_accepted_revision_names_them(buffer: Buffer) -> None:
    _append(buffer, 0, pictures=(B,))
    _append(buffer, 1, pictures=(A,))
    _append(buffer, 0, contract=TWO, pictures=(A,))
    assert buffer.outbox.uploads(10) == []
    for link in range(3):
        buffer.outbox.settle(link, ACCEPTED)
    assert buffer.outbox.uploads(10) == [(ONE, B), (ONE, A), (TWO, A)]
    assert buffer.outbox.uploads(2) == [(ONE, B), (ONE, A)]
    buffer.outbox.mark_sent(ONE, A)
    assert buffer.outbox.uploads(10) == [(ONE, B), (TWO, A)]


def test_a_refused_continuation_keeps_no_picture_of_the_accepted_one_back(buffer: Buffer) -> None:
    _append(buffer, pictures=(A,))
    buffer.outbox.settle(0, ACCEPTED)
    _append(buffer, pictures=(A, B))
    buffer.outbox.settle(1, REFUSED)
    assert buffer.outbox.uploads(10) == [(ONE, A)]
    buffer.outbox.mark_sent(ONE, A)
    assert buffer.outbox.uploads(10) == []
    assert buffer.outbox.waiting().pictures == 0


def test_a_continuation_sends_no_picture_twice(buffer: Buffer) -> None:
    _append(buffer, pictures=(A,))
    buffer.outbox.settle(0, ACCEPTED)
    buffer.outbox.mark_sent(ONE, A)
    _append(buffer, pictures=(A, B))
    buffer.outbox.settle(1, ACCEPTED)
    assert buffer.outbox.uploads(10) == [(ONE, B)]


# What counts


def test_the_newest_revision_that_was_not_refused_stands(buffer: Buffer) -> None:
    assert buffer.outbox.standing(ONE, NOON_MS) is None
    for worked_ms in (1000, 2000, 3000):
        _append(buffer, worked_ms=worked_ms)
    _append(buffer, 1, worked_ms=50)
    _append(buffer, 0, contract=TWO, worked_ms=7)

    def counts() -> tuple[int, dict[UUID, int]]:
        standing = buffer.outbox.standing(ONE, NOON_MS)
        return (0 if standing is None else standing.revision), buffer.outbox.worked_ms(
            NOON_MS, NOON_MS + 10 * SEGMENT_MS
        )

    assert counts() == (3, {ONE: 3050, TWO: 7})
    buffer.outbox.settle(2, REFUSED)
    assert counts() == (2, {ONE: 2050, TWO: 7})
    buffer.outbox.settle(1, ACCEPTED)
    buffer.outbox.settle(0, REFUSED)
    assert counts() == (2, {ONE: 2050, TWO: 7})
    buffer.outbox.settle(1, REFUSED)
    assert counts() == (0, {ONE: 50, TWO: 7})
    assert buffer.outbox.last_revision(ONE, NOON_MS) == 3


def test_worked_time_is_of_the_segments_that_start_in_the_range(buffer: Buffer) -> None:
    for number in range(3):
        _append(buffer, number, worked_ms=10**number)
    assert buffer.outbox.worked_ms(NOON_MS, NOON_MS + SEGMENT_MS) == {ONE: 1}
    assert buffer.outbox.worked_ms(NOON_MS + 1, NOON_MS + 2 * SEGMENT_MS) == {ONE: 10}


def test_between_shows_the_newest_of_each_refused_or_not(buffer: Buffer) -> None:
    _append(buffer, 1)
    _append(buffer, 0)
    _append(buffer, 0)
    _append(buffer, 5)
    buffer.outbox.settle(2, REFUSED)
    found = buffer.outbox.between(NOON_MS, NOON_MS + 5 * SEGMENT_MS)
    assert [(one.link, one.state, one.sentence) for one in found] == [
        (2, "rejected", REFUSED.sentence),
        (0, "waiting", None),
    ]
