"""What the uploader owes: everything arrives exactly once, in order, whatever breaks."""

import hashlib
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.tracker.sync.conftest import Seal
from tests.tracker.sync.scripted import CUT, DEVICE, STORED_MS, FakeMarketplace, Said, Seen, problem
from tracker.domain.clock import Moment
from tracker.domain.editing import Withhold
from tracker.store.buffer import Buffer
from tracker.store.outbox import Sealing
from tracker.store.pictures import PictureUnreadableError
from tracker.sync.api import BusyError, LoggedOutError, Marketplace, ProblemError, UnreachableError
from tracker.sync.record import Record
from tracker.sync.uploader import Sent, Uploader
from wire.sync import LINKS_PER_BATCH, Accepted, BatchAnswer, Outcome, Rejected, RetryLater


class Sender:
    """Sends the buffer to the marketplace, each time with a fresh uploader as the service does."""

    def __init__(self, marketplace: FakeMarketplace, buffer: Buffer, key: Ed25519PrivateKey) -> None:
        self._api = Marketplace(marketplace.url, lambda _: "good")
        self._buffer = buffer
        self._key = key
        self.progress = 0
        self.sent = Sent()

    def send(self) -> Sent:
        record = Record(self._api, self._buffer.settings)
        uploader = Uploader(
            self._api, self._buffer.outbox, self._buffer.pictures, record, (DEVICE, self._key), self._count
        )
        self.sent = uploader.sent
        uploader.send()
        return uploader.sent

    def _count(self) -> None:
        self.progress += 1


@pytest.fixture
def sender(marketplace: FakeMarketplace, buffer: Buffer, key: Ed25519PrivateKey) -> Sender:
    return Sender(marketplace, buffer, key)


def states(buffer: Buffer) -> list[str]:
    return [one.state for one in sorted(buffer.outbox.between(0, 10**12), key=lambda one: one.link)]


def numbers(marketplace: FakeMarketplace) -> list[int]:
    """The contents that the marketplace holds, in the chain's order."""
    return [int(content[10:-1]) for _, content in sorted(marketplace.contents.items())]


def name(picture: bytes) -> str:
    return hashlib.sha256(picture).hexdigest()


def test_sends_contiguous_batches_of_at_most_fifty(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    seal(*range(2 * LINKS_PER_BATCH + 7))
    assert sender.send() == Sent(segments=107)
    assert [(batch.first, len(batch.links)) for batch in marketplace.batches] == [(0, 50), (50, 50), (100, 7)]
    assert numbers(marketplace) == list(range(107))
    assert states(buffer) == ["accepted"] * 107
    assert sender.progress == 3
    assert sender.send() == Sent()
    assert len(marketplace.batches) == 3


def test_goes_on_where_it_broke(marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender) -> None:
    seal(*range(120))
    answers = iter([None, CUT, problem(500, "broken"), Said(401), None, None])
    marketplace.interfere = lambda seen, said: (next(answers) or said) if seen.path.endswith("segments") else said
    with pytest.raises(UnreachableError):
        sender.send()
    assert sender.sent == Sent(segments=50)  # what arrived before is told
    assert states(buffer) == ["accepted"] * 50 + ["waiting"] * 70
    with pytest.raises(BusyError):
        sender.send()
    marketplace.interfere = lambda _, said: said
    marketplace.valid = set()
    with pytest.raises(LoggedOutError):
        sender.send()
    marketplace.valid = {"good"}
    sender.send()
    assert numbers(marketplace) == list(range(120))
    assert states(buffer) == ["accepted"] * 120


def test_a_lost_answer_doubles_nothing(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    """The marketplace has taken the batch in and the answer never came."""
    seal(1, 2, 3, pictures=(b"picture",))
    marketplace.interfere = lambda seen, said: CUT if seen.path.endswith("segments") else said
    with pytest.raises(UnreachableError):
        sender.send()
    assert numbers(marketplace) == [1, 2, 3]
    assert states(buffer) == ["waiting"] * 3
    marketplace.interfere = lambda _, said: said
    assert sender.send() == Sent(segments=3, pictures=1)
    assert numbers(marketplace) == [1, 2, 3]
    assert marketplace.links == [one.digest.hex() for one in buffer.outbox.between(0, 10**12)]
    assert states(buffer) == ["accepted"] * 3


def test_a_refused_row_is_kept_and_blocks_nothing(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    refusal = Rejected(code="overlap", sentence="Another segment stands there.")
    marketplace.judge = lambda index, _: refusal if index == 1 else Accepted(received_ms=STORED_MS)
    seal(1, 2, 3)
    assert sender.send() == Sent(segments=3)
    assert states(buffer) == ["accepted", "rejected", "accepted"]
    kept = buffer.outbox.between(2 * 600_000, 3 * 600_000)[0]
    assert (kept.sentence, kept.content) == ("Another segment stands there.", b'{"number":2}')
    seal(4)
    assert sender.send() == Sent(segments=1)
    assert [len(batch.links) for batch in marketplace.batches] == [3, 1]


def test_retry_later_is_told_and_sent_again_without_a_hurry(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    later: dict[int, Outcome] = {0: RetryLater(after_s=30), 2: RetryLater(after_s=90)}
    marketplace.judge = lambda index, _: later.get(index, Accepted(received_ms=STORED_MS))
    seal(1, 2, 3, 4)
    buffer.outbox.settle(3, Rejected(code="x", sentence="Judged before."))
    with pytest.raises(BusyError) as caught:
        sender.send()
    assert caught.value.after_s == 90
    assert sender.sent == Sent(segments=1)
    assert len(marketplace.batches) == 1
    assert states(buffer) == ["waiting", "accepted", "waiting", "rejected"]
    with pytest.raises(BusyError):
        sender.send()
    assert sender.sent == Sent()
    again = marketplace.batches[-1]
    assert [link.is_bare for link in again.links] == [False, True, False, True]
    later.clear()
    assert sender.send() == Sent(segments=2)
    assert numbers(marketplace) == [1, 2, 3]
    assert states(buffer) == ["accepted", "accepted", "accepted", "rejected"]


def test_pictures_of_what_was_accepted_do_not_wait_for_what_could_not_be_judged(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    marketplace.judge = lambda index, _: RetryLater(after_s=5) if index else Accepted(received_ms=STORED_MS)
    seal(1, pictures=(b"first",))
    seal(2, pictures=(b"second",))
    with pytest.raises(BusyError):
        sender.send()
    assert list(marketplace.pictures.values()) == [b"first"]
    assert buffer.outbox.waiting().pictures == 1


def test_links_that_the_marketplace_lost_are_offered_again(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    seal(*range(60), pictures=(b"picture",))
    sender.send()
    marketplace.lose(5)
    marketplace.pictures.clear()
    seal(60)
    assert sender.send() == Sent(segments=56, pictures=1)
    assert numbers(marketplace) == list(range(61))
    assert states(buffer) == ["accepted"] * 61
    assert len(marketplace.links) == 61


@pytest.mark.parametrize("next_link", [None, -1, 0, 1, 7])
def test_a_gap_that_makes_no_sense_ends_the_round(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender, next_link: int | None
) -> None:
    seal(1)
    marketplace.say("POST", "/api/v1/segments", problem(409, "chain_gap", next_link=next_link))
    with pytest.raises(ProblemError):
        sender.send()
    assert len(marketplace.asked("/api/v1/segments")) == 1
    assert states(buffer) == ["waiting"]


@pytest.mark.parametrize("code", ["chain_forked", "bad_signature", "unknown_device", "malformed"])
def test_a_batch_that_is_refused_whole_is_told_and_kept(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender, code: str
) -> None:
    seal(1)
    marketplace.say("POST", "/api/v1/segments", problem(409, code, next_link=0))
    with pytest.raises(ProblemError, match="Because"):
        sender.send()
    assert states(buffer) == ["waiting"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_wrong_number_of_outcomes_settles_nothing(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender, count: int
) -> None:
    seal(1, 2)
    outcomes = (Accepted(received_ms=STORED_MS),) * count
    marketplace.say("POST", "/api/v1/segments", BatchAnswer(outcomes=outcomes, missing=(), edge=None, checkpoint=""))
    with pytest.raises(BusyError, match=f"{count} outcomes to 2"):
        sender.send()
    assert states(buffer) == ["waiting"] * 2


def test_pictures_go_once(marketplace: FakeMarketplace, seal: Seal, sender: Sender) -> None:
    seal(1, pictures=(b"one", b"two"))
    seal(2, pictures=(b"two", b"three"))
    assert sender.send() == Sent(segments=2, pictures=3)
    seal(3, pictures=(b"three",))
    assert sender.send() == Sent(segments=1)
    puts = [seen.body for seen in marketplace.seen if seen.method == "PUT"]
    assert sorted(puts) == [b"one", b"three", b"two"]
    assert len(marketplace.asked("/api/v1/pictures/missing")) == 1


def test_a_picture_that_is_there_already_is_not_sent(marketplace: FakeMarketplace, seal: Seal, sender: Sender) -> None:
    marketplace.pictures[str(UUID(int=1)), name(b"one")] = b"one"
    seal(1, pictures=(b"one", b"two"))
    assert sender.send() == Sent(segments=1, pictures=1)
    assert [seen.body for seen in marketplace.seen if seen.method == "PUT"] == [b"two"]


def test_one_picture_of_two_contracts_reaches_both(marketplace: FakeMarketplace, seal: Seal, sender: Sender) -> None:
    seal(1, contract=1, pictures=(b"a screen that stood still",))
    seal(2, contract=2, pictures=(b"a screen that stood still",))
    assert sender.send() == Sent(segments=2, pictures=2)
    assert set(marketplace.pictures) == {
        (str(UUID(int=number)), name(b"a screen that stood still")) for number in (1, 2)
    }


def test_addresses_of_the_batchs_answer_spare_the_question(
    marketplace: FakeMarketplace, seal: Seal, sender: Sender
) -> None:
    seal(1, pictures=(b"one",))
    one = {"sha256": name(b"one"), "url": f"{marketplace.url}/api/v1/pictures/{UUID(int=1)}/{name(b'one')}"}
    accepted = {"outcome": "accepted", "received_ms": STORED_MS}
    marketplace.say(
        "POST",
        "/api/v1/segments",
        Said(body={"outcomes": [accepted], "missing": [one], "edge": None, "checkpoint": ""}),
    )
    assert sender.send() == Sent(segments=1, pictures=1)
    assert marketplace.asked("/api/v1/pictures/missing") == []


def test_a_picture_that_an_edit_withholds_meanwhile_does_not_leave(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    """It was listed to be sent before; while the edit can be taken back it waits, and goes once it is."""
    seal(1, pictures=(b"one", b"two"))

    def withhold(seen: Seen, said: Said) -> Said:
        if seen.method == "PUT":
            buffer.edits.keep(Withhold(UUID(int=1), 600_000, 1_200_000), Moment(0, 0, 0, 0, is_provisional=False))
        return said

    marketplace.interfere = withhold
    assert sender.send() == Sent(segments=1, pictures=1)
    assert sender.send() == Sent()
    marketplace.interfere = lambda _, said: said
    buffer.edits.drop()
    assert sender.send() == Sent(pictures=1)


def test_joined_links_say_so(marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender) -> None:
    seal(1)
    sealing = Sealing(UUID(int=2), 600_000, 1, 5, 600_005, bytes(32), b"{}", 1_200_000, (), is_joined=True)
    buffer.outbox.append(DEVICE, sealing)
    sender.send()
    assert [link.is_joined for link in marketplace.batches[0].links] == [False, True]


def test_a_lost_or_refused_picture_blocks_no_other(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    pictures = tuple(b"picture %d" % number for number in range(5))
    seal(1, pictures=pictures)
    buffer.pictures.destroy(name(pictures[1]))
    marketplace.refused_pictures = {name(pictures[3])}
    sent = sender.send()
    assert (sent.segments, sent.pictures, sent.failed_pictures) == (1, 3, 2)
    assert "not sent again" in (sent.trouble or "")
    assert set(marketplace.pictures.values()) == {pictures[0], pictures[2], pictures[4]}
    waiting = buffer.outbox.waiting()
    assert (waiting.pictures, waiting.failed_pictures) == (0, 2)
    told = buffer.outbox.picture_failures(0, 10**12)
    assert [len(sentences) for sentences in told.values()] == [2]
    assert any("missing or damaged" in one for one in told[0])
    assert any("The marketplace refused a picture: " in one for one in told[0])


def test_what_failed_for_good_is_not_tried_again(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    seal(1, pictures=(b"one", b"two"))
    marketplace.refused_pictures = {name(b"two")}
    sender.send()
    marketplace.refused_pictures = set()
    puts = len([seen for seen in marketplace.seen if seen.method == "PUT"])
    assert sender.send() == Sent()
    seal(2, pictures=(b"two", b"three"))  # named again, it is as it was
    assert sender.send() == Sent(segments=1, pictures=1)
    assert len([seen for seen in marketplace.seen if seen.method == "PUT"]) == puts + 1
    assert buffer.outbox.waiting().failed_pictures == 1


def test_what_a_restored_marketplace_lacks_is_offered_again_after_a_refusal_too(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    seal(1, pictures=(b"one",))
    marketplace.refused_pictures = {name(b"one")}
    sender.send()
    marketplace.refused_pictures = set()
    buffer.outbox.offer_again(0)
    assert buffer.outbox.waiting().failed_pictures == 0
    assert sender.send() == Sent(segments=1, pictures=1)


def test_a_picture_that_cannot_be_put_or_read_now_is_tried_again(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal(1, pictures=(b"one", b"two"))
    marketplace.interfere = lambda seen, said: problem(404, "unknown_picture") if seen.method == "PUT" else said
    with pytest.raises(ProblemError):
        sender.send()
    marketplace.interfere = lambda _, said: said
    marketplace.pictures.clear()  # it had not kept what it answered so
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", _unreadable)
        with pytest.raises(PictureUnreadableError, match="cannot be read"):
            sender.send()
    waiting = buffer.outbox.waiting()
    assert (waiting.pictures, waiting.failed_pictures) == (2, 0)
    assert sender.send() == Sent(pictures=2)


def _unreadable(_: Path) -> bytes:
    raise PermissionError(13, "Permission denied")


def test_hundreds_of_pictures_go_in_several_questions(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    pictures = tuple(b"%d" % number for number in range(420))
    seal(1, pictures=pictures)
    marketplace.refused_pictures = {name(pictures[number]) for number in range(0, 420, 100)}
    assert sender.send().failed_pictures == 5
    assert set(marketplace.pictures.values()) == {one for n, one in enumerate(pictures) if n % 100}
    assert buffer.outbox.waiting().pictures == 0


def test_pictures_go_on_where_the_network_broke(
    marketplace: FakeMarketplace, buffer: Buffer, seal: Seal, sender: Sender
) -> None:
    """The picture whose answer was lost is there already and is not sent twice."""
    seal(1, pictures=(b"one", b"two", b"three"))
    puts: list[Seen] = []

    def cut_second(seen: Seen, said: Said) -> Said:
        if seen.method != "PUT":
            return said
        puts.append(seen)
        return CUT if len(puts) == 2 else said

    marketplace.interfere = cut_second
    with pytest.raises(UnreachableError):
        sender.send()
    assert sender.sent == Sent(segments=1, pictures=1)
    sender.send()
    assert len(puts) == 3
    assert set(marketplace.pictures.values()) == {b"one", b"two", b"three"}
    assert buffer.outbox.waiting().pictures == 0
