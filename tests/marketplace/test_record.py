"""The append-only log: every accepted content and key is a leaf, each answer proves it, and nothing is taken back."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.conf import settings
from django.db import DatabaseError, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from marketplace.clock import now_ms
from marketplace.config import environment
from marketplace.contracts.models import Contract
from marketplace.diary import marking
from marketplace.diary.models import Link, Mark
from marketplace.errors import SetupError
from marketplace.record import head, services
from marketplace.record.models import Checkpoint as SignedCheckpoint
from marketplace.record.models import Epoch, Leaf, Subtree
from tests.marketplace.conftest import Api, People, Recorder, interval, past_start_s, problem_of, token_of
from wire import canonical, chain, leaf, merkle
from wire.note import Note, Verifier
from wire.receipt import Checkpoint, Log, Proof, Receipt, is_grown, is_proven
from wire.sync import BatchAnswer


def state() -> Log:
    return msgspec.json.decode(Api(None).get("log").content, type=Log)


def stated(note: str, key: str) -> Checkpoint:
    """Read a checkpoint that the marketplace's key signed."""
    read = Note.parse(note)
    assert read.is_signed_by(Verifier.parse(key))
    return Checkpoint.parse(read.text)


def sent(recorder: Recorder, first: int = 0) -> BatchAnswer:
    return msgspec.json.decode(recorder.send(first).content, type=BatchAnswer)


def leaves() -> list[leaf.Leaf]:
    return [leaf.decode(bytes(row.data)) for row in Leaf.objects.order_by("epoch", "index")]


def fill(recorder: Recorder, contract: Contract, segments: int) -> None:
    for _ in range(segments):
        recorder.seal(recorder.segment(contract, past_start_s(3 + len(recorder.links))))


@pytest.mark.usefixtures("db")
def test_an_empty_log_is_signed_too() -> None:
    log = state()
    checkpoint = stated(log.checkpoint, log.key)
    assert (checkpoint.size, checkpoint.root) == (0, merkle.EMPTY_ROOT)
    assert log.follows is None
    assert state() == log


def test_a_key_that_is_enrolled_is_a_leaf_once(recorder: Recorder) -> None:
    key = recorder.key.public_key().public_bytes_raw().hex()
    assert leaves() == [leaf.KeyLeaf(device=recorder.id, public_key=key)]
    recorder.api.post("devices", b'{"name": "again", "public_key": "%s"}' % key.encode())
    assert len(leaves()) == 1


def test_what_is_accepted_is_a_leaf_and_the_answer_proves_it(recorder: Recorder, contract: Contract) -> None:
    """The proof is one for the whole batch: the log's edge before, and the signed checkpoint after."""
    fill(recorder, contract, 3)
    answer = sent(recorder)
    mine = [leaf.RevisionLeaf(device=recorder.id, link=n, digest=one.digest) for n, one in enumerate(recorder.links)]
    assert leaves()[1:] == mine
    checkpoint = stated(answer.checkpoint, state().key)
    assert answer.edge is not None
    assert is_grown(answer.edge, mine, checkpoint)
    assert not is_grown(answer.edge, mine[:2], checkpoint)
    assert not is_grown(
        answer.edge, [*mine[:2], leaf.RevisionLeaf(device=uuid4(), link=2, digest="0" * 64)], checkpoint
    )


def test_what_is_refused_or_comes_again_is_no_leaf(recorder: Recorder, contract: Contract) -> None:
    recorder.seal(recorder.segment(uuid4()))
    refused = sent(recorder)
    assert refused.edge is None
    fill(recorder, contract, 1)
    accepted = sent(recorder)
    again = sent(recorder)
    assert again.edge is None
    assert again.checkpoint == accepted.checkpoint
    assert [type(one) for one in leaves()] == [leaf.KeyLeaf, leaf.RevisionLeaf]
    assert [link.leaf is not None for link in Link.objects.order_by("index")] == [False, True]


def test_the_log_only_grows_and_proves_it(recorder: Recorder, contract: Contract) -> None:
    log = state()
    checkpoints = [stated(log.checkpoint, log.key)]
    for _ in range(5):
        first = len(recorder.links)
        fill(recorder, contract, 3)
        checkpoints.append(stated(sent(recorder, first).checkpoint, log.key))
    assert [one.size for one in checkpoints] == [1, 4, 7, 10, 13, 16]
    for newer in checkpoints:
        for older in [one for one in checkpoints if one.size <= newer.size]:
            proof = _consistency(older.origin, older.size, newer.size)
            assert merkle.is_consistent(older.size, newer.size, proof.raw(), older.root, newer.root)


def _consistency(origin: str, old: int, new: int) -> Proof:
    answer = Api(None).get(f"log/consistency?origin={origin}&old={old}&new={new}")
    return msgspec.json.decode(answer.content, type=Proof)


@pytest.mark.parametrize(
    ("old", "new", "origin", "status"),
    [(2, 1, None, 422), (-1, 1, None, 422), (0, 2, None, 422), (0, 10**30, None, 422), (0, 1, "another/log", 404)],
)
def test_no_proof_of_what_never_was(recorder: Recorder, old: int, new: int, origin: str | None, status: int) -> None:
    assert recorder.id
    known = stated(state().checkpoint, state().key).origin
    answer = Api(None).get(f"log/consistency?origin={origin or known}&old={old}&new={new}")
    assert problem_of(answer).status == status


@pytest.mark.usefixtures("db")
def test_a_proof_needs_to_say_of_what() -> None:
    assert problem_of(Api(None).get("log/consistency?old=x")).status == 404


# Receipts


def _receipt(api: Api, recorder: Recorder, link: int) -> Any:
    return api.get(f"log/receipts/{recorder.id}/{link}")


def test_a_receipt_proves_one_revision_to_both_parties(recorder: Recorder, contract: Contract, people: People) -> None:
    fill(recorder, contract, 5)
    recorder.send()
    for person in (people.freelancer, people.client):
        for link in range(5):
            said = msgspec.json.decode(_receipt(Api(token_of(person)), recorder, link).content, type=Receipt)
            checkpoint = stated(said.checkpoint, state().key)
            assert is_proven(said, checkpoint)
            assert leaf.decode(said.leaf.encode()) == leaf.RevisionLeaf(
                device=recorder.id, link=link, digest=recorder.links[link].digest
            )


def test_leaves_are_for_the_parties_alone(
    recorder: Recorder, contract: Contract, people: People, second_contract: Contract
) -> None:
    assert second_contract.client != contract.client
    fill(recorder, contract, 1)
    recorder.send()
    for person in (people.stranger, people.other_client):
        assert problem_of(_receipt(Api(token_of(person)), recorder, 0)).status == 404
    assert problem_of(_receipt(Api(None), recorder, 0)).status == 401


@pytest.mark.parametrize("link", [1, 2**53, 2**200])
def test_there_is_no_receipt_for_what_was_not_accepted(recorder: Recorder, contract: Contract, link: int) -> None:
    fill(recorder, contract, 1)
    recorder.seal(recorder.segment(uuid4()))
    recorder.send()
    assert problem_of(_receipt(recorder.api, recorder, link)).status == 404


# Append-only


def test_the_database_refuses_to_change_what_was_logged(recorder: Recorder, contract: Contract) -> None:
    fill(recorder, contract, 3)
    recorder.send()
    rows: list[Any] = [Leaf.objects.all(), Subtree.objects.all(), SignedCheckpoint.objects.all()]
    for query in rows:
        assert query.exists()
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            query.update(epoch=query.first().epoch)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            query._raw_delete(query.db)


def test_a_batch_that_fails_leaves_no_leaf(
    recorder: Recorder, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state()
    fill(recorder, contract, 2)

    def failing(*_: object) -> None:
        raise RuntimeError("cut off")

    monkeypatch.setattr(services, "_sign", failing)
    assert problem_of(recorder.send()).status == 500
    monkeypatch.undo()
    assert state() == before
    assert len(leaves()) == 1


# A restored marketplace


def test_the_newest_checkpoint_is_kept_beside_the_database(
    recorder: Recorder, contract: Contract, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    fill(recorder, contract, 1)
    with django_capture_on_commit_callbacks(execute=True):
        answer = sent(recorder)
    kept = head.read(settings.ENVIRONMENT.data)
    assert kept == stated(answer.checkpoint, state().key)
    assert not services.begin_epoch_if_restored(now_ms=now_ms())


def test_a_restored_database_begins_a_new_epoch_that_names_its_last_checkpoint(
    recorder: Recorder, contract: Contract
) -> None:
    fill(recorder, contract, 1)
    recorder.send()
    before = state()
    newest = stated(before.checkpoint, before.key)
    lost = Checkpoint(newest.origin, newest.size + 1, bytes(32))
    signed = Note(str(lost), ()).signed(newest.origin, services._key())
    head.write(settings.ENVIRONMENT.data, str(signed))
    assert services.begin_epoch_if_restored(now_ms=now_ms() + 1)
    after = state()
    assert after.follows == before.checkpoint
    checkpoint = stated(after.checkpoint, after.key)
    assert checkpoint.origin != newest.origin
    assert checkpoint.size == 1
    assert leaves()[-1] == leaf.EpochLeaf(follows=before.checkpoint)
    head.write(settings.ENVIRONMENT.data, after.checkpoint)
    assert not services.begin_epoch_if_restored(now_ms=now_ms() + 2), "once"
    assert _consistency(newest.origin, 1, newest.size).hashes, "the old epoch proves what it always proved"


def test_an_older_epoch_s_file_is_no_restored_database(recorder: Recorder) -> None:
    assert recorder.id
    head.write(settings.ENVIRONMENT.data, state().checkpoint)
    services.begin_epoch(now_ms=now_ms() + 1)
    assert not services.begin_epoch_if_restored(now_ms=now_ms() + 2)
    assert Epoch.objects.count() == 2


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "log-head").write_text("rubbish")
    with pytest.raises(SetupError, match="new-epoch"):
        head.read(tmp_path)
    assert head.read(tmp_path / "none") is None


# The key


def test_the_log_s_key_is_made_once_and_kept(tmp_path: Path) -> None:
    said = environment.read({environment.DATA: str(tmp_path / "data")})
    assert environment.log_key(said) is None
    environment.prepare(said, {})
    key = environment.log_key(said)
    environment.prepare(said, {})
    assert key is not None
    assert environment.log_key(said) == key
    assert (said.data / "log-key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "zz", "00" * 31])
def test_a_damaged_key_is_told_and_never_replaced(tmp_path: Path, content: str) -> None:
    said = environment.read({environment.DATA: str(tmp_path)})
    environment.prepare(said, {})
    (tmp_path / "log-key").write_text(content)
    with pytest.raises(SetupError, match="backup"):
        environment.prepare(said, {})
    assert (tmp_path / "log-key").read_text() == content


def test_a_mark_is_a_leaf(recorder: Recorder, contract: Contract) -> None:
    recorder.seal(recorder.segment(contract))
    recorder.send()
    key = marking.Key(contract.pk, recorder.id, past_start_s())
    made = marking.delete(recorder.user, key, reason="Lunch", now_ms=now_ms())
    row = Mark.objects.get()
    assert made is not None
    digest = chain.digest(bytes(row.salt), canonical.encode(made)).hex()
    assert leaves()[-1] == leaf.MarkLeaf(contract=contract.pk, number=1, digest=digest)
    assert row.leaf == Leaf.objects.order_by("index").last()


def test_a_segment_of_two_devices_has_two_leaves(recorder: Recorder, contract: Contract) -> None:
    other = Recorder(recorder.user, "desktop")
    start_s = past_start_s()
    recorder.seal(recorder.segment(contract, start_s, intervals=(interval(0, 1000),)))
    other.seal(other.segment(contract, start_s, intervals=(interval(1000, 2000),)))
    recorder.send()
    other.send()
    assert [type(one) for one in leaves()] == [leaf.KeyLeaf, leaf.KeyLeaf, leaf.RevisionLeaf, leaf.RevisionLeaf]
