"""POST segments: the chain is held whole, each content judged alone, and nothing lands that should not."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.accounts.models import Device
from marketplace.clock import now_ms
from marketplace.contracts.models import Contract
from marketplace.diary.models import Link, Picture, Revision
from tests.marketplace.conftest import (
    WEEK_MS,
    Api,
    People,
    Recorder,
    interval,
    past_start_s,
    picture_of,
    problem_of,
    said_of,
    snapshot_of,
    token_of,
)
from wire import canonical, chain, sync
from wire.words import Kind


def nothing_landed() -> bool:
    return not Link.objects.exists() and not Revision.objects.exists() and not Picture.objects.exists()


def codes(outcomes: tuple[sync.Outcome, ...]) -> list[str]:
    return [one.code if isinstance(one, sync.Rejected) else type(one).__name__.lower() for one in outcomes]


def test_accepts_what_was_recorded_byte_for_byte(recorder: Recorder, contract: Contract) -> None:
    segment = recorder.segment(contract)
    link = recorder.seal(segment)
    before = now_ms()
    (outcome,) = recorder.outcomes()
    assert isinstance(outcome, sync.Accepted)
    assert before <= outcome.received_ms <= now_ms()
    row = Revision.objects.get()
    assert bytes(row.content or b"") == canonical.encode(segment)
    assert bytes(row.salt or b"").hex() == link.salt
    assert row.worked_ms == 600_000
    stored = Link.objects.get()
    assert (stored.index, stored.outcome, bytes(stored.hash)) == (0, "accepted", recorder.heads[1].hash)


def test_a_resent_batch_changes_nothing_and_keeps_its_time(recorder: Recorder, contract: Contract) -> None:
    recorder.seal(recorder.segment(contract))
    (first,) = recorder.outcomes()
    (again,) = recorder.outcomes()
    assert isinstance(first, sync.Accepted)
    assert again == sync.Duplicate(received_ms=first.received_ms)
    assert (Link.objects.count(), Revision.objects.count()) == (1, 1)


def test_a_batch_may_overlap_what_is_stored(recorder: Recorder, contract: Contract) -> None:
    start_s = past_start_s(20)
    for number in range(4):
        recorder.seal(recorder.segment(contract, start_s + 600 * number))
    recorder.outcomes(0, 2)
    assert codes(recorder.outcomes(1, 4)) == ["duplicate", "accepted", "accepted"]
    assert [link.index for link in Link.objects.order_by("index")] == [0, 1, 2, 3]


def test_a_bad_row_never_blocks_the_next(recorder: Recorder, contract: Contract) -> None:
    start_s = past_start_s(20)
    recorder.seal(recorder.segment(contract, start_s))
    recorder.seal(b'{"no": "segment"}')
    recorder.seal(recorder.segment(contract, start_s + 600), digest=b"x" * 32)
    recorder.seal(recorder.segment(contract, start_s + 1200))
    assert codes(recorder.outcomes()) == ["accepted", "malformed", "digest_mismatch", "accepted"]
    assert Link.objects.count() == 4
    assert Revision.objects.count() == 2
    rejected = recorder.outcomes()
    assert codes(rejected) == ["duplicate", "malformed", "digest_mismatch", "duplicate"]


def test_a_bare_link_is_kept_and_may_be_filled_later(recorder: Recorder, contract: Contract) -> None:
    link = recorder.seal(recorder.segment(contract))
    recorder.links[0] = sync.Link(digest=link.digest, salt=None, content=msgspec.Raw(b"null"))
    assert codes(recorder.outcomes()) == ["accepted"]
    assert codes(recorder.outcomes()) == ["duplicate"]
    assert not Revision.objects.exists()
    recorder.links[0] = link
    assert codes(recorder.outcomes()) == ["accepted"]
    assert Revision.objects.count() == 1


def test_a_gap_is_refused_with_the_next_link(recorder: Recorder, contract: Contract) -> None:
    for number in range(3):
        recorder.seal(recorder.segment(contract, past_start_s(20 - number)))
    recorder.outcomes(0, 1)
    problem = problem_of(recorder.send(2))
    assert (problem.status, problem.code, problem.next_link) == (409, "chain_gap", 1)
    assert Link.objects.count() == 1


def test_a_fork_is_refused_with_the_next_link(recorder: Recorder, contract: Contract) -> None:
    for number in range(2):
        recorder.seal(recorder.segment(contract, past_start_s(20 - number)))
    recorder.outcomes()
    recorder.links, recorder.heads = recorder.links[:1], recorder.heads[:2]
    recorder.seal(recorder.segment(contract, past_start_s(10)))
    recorder.seal(recorder.segment(contract, past_start_s(9)))
    problem = problem_of(recorder.send())
    assert (problem.status, problem.code, problem.next_link) == (409, "chain_forked", 2)
    assert Link.objects.count() == 2
    assert Revision.objects.count() == 2


@pytest.mark.parametrize("forge", ["another key", "another head", "tampered digest"])
def test_a_bad_signature_stores_nothing(recorder: Recorder, contract: Contract, forge: str) -> None:
    recorder.seal(recorder.segment(contract))
    batch = _forged(recorder, forge)
    problem = problem_of(recorder.api.post("segments", batch))
    assert (problem.status, problem.code) == (422, "bad_signature")
    assert nothing_landed()


@pytest.mark.parametrize("forge", ["another key", "another head"])
def test_without_the_signature_check_the_forgery_would_land(
    recorder: Recorder, contract: Contract, forge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.seal(recorder.segment(contract))
    batch = _forged(recorder, forge)
    monkeypatch.setattr(chain, "is_signed", lambda *_: True)
    assert recorder.api.post("segments", batch).status_code == 200
    assert Revision.objects.count() == 1


def _forged(recorder: Recorder, forge: str) -> sync.Batch:
    if forge == "another key":
        return recorder.batch(key=Ed25519PrivateKey.generate())
    batch = recorder.batch()
    if forge == "another head":
        signature = chain.sign(recorder.key, recorder.id, chain.Head(1, b"y" * 32))
        return msgspec.structs.replace(batch, signature=signature.hex())
    (link,) = batch.links
    return msgspec.structs.replace(batch, links=(msgspec.structs.replace(link, digest="00" * 32),))


def test_another_persons_device_is_unknown(recorder: Recorder, contract: Contract, people: People) -> None:
    recorder.seal(recorder.segment(contract))
    for person in (people.stranger, people.client):
        problem = problem_of(Api(token_of(person)).post("segments", recorder.batch()))
        assert (problem.status, problem.code) == (404, "unknown_device")
    assert nothing_landed()


def test_without_a_token_nothing_lands(recorder: Recorder, contract: Contract) -> None:
    recorder.seal(recorder.segment(contract))
    response = Api(None).post("segments", recorder.batch())
    assert problem_of(response).status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert nothing_landed()


def test_another_device_of_the_same_person_cannot_be_spoken_for(recorder: Recorder, contract: Contract) -> None:
    other = Recorder(recorder.user, "desktop")
    recorder.seal(other.segment(contract))
    assert codes(recorder.outcomes()) == ["not_this_device"]
    assert not Revision.objects.exists()


def test_foreign_and_unknown_contracts_cannot_be_told_apart(recorder: Recorder, foreign_contract: Contract) -> None:
    recorder.seal(recorder.segment(foreign_contract))
    recorder.seal(recorder.segment(uuid4(), past_start_s(9)))
    foreign, unknown = recorder.outcomes()
    assert foreign == unknown
    assert codes((foreign,)) == ["unknown_contract"]
    assert not Revision.objects.exists()


def test_the_client_cannot_record_on_the_contract(contract: Contract, people: People) -> None:
    recorder = Recorder(people.client)
    recorder.seal(recorder.segment(contract))
    assert codes(recorder.outcomes()) == ["unknown_contract"]
    assert not Revision.objects.exists()


def test_other_content_under_the_same_key_is_a_conflict(recorder: Recorder, contract: Contract) -> None:
    segment = recorder.segment(contract)
    recorder.seal(segment)
    recorder.seal(msgspec.structs.replace(segment, intervals=(interval(0, 1000),)))
    recorder.seal(segment)
    assert codes(recorder.outcomes()) == ["accepted", "conflict", "duplicate"]
    assert bytes(Revision.objects.get().content or b"") == canonical.encode(segment)


def test_revisions_number_on(recorder: Recorder, contract: Contract) -> None:
    segment = recorder.segment(contract)
    recorder.seal(msgspec.structs.replace(segment, revision=2))
    recorder.seal(msgspec.structs.replace(segment, revision=1))
    recorder.seal(msgspec.structs.replace(segment, revision=3, intervals=(interval(0, 1000),)))
    assert codes(recorder.outcomes()) == ["accepted", "revision_gap", "accepted"]


def test_nobody_works_twice_at_once(recorder: Recorder, contract: Contract, second_contract: Contract) -> None:
    start_s = past_start_s()
    recorder.seal(recorder.segment(contract, start_s, intervals=(interval(0, 300_000),)))
    recorder.seal(recorder.segment(second_contract, start_s, intervals=(interval(299_999, 600_000),)))
    recorder.seal(recorder.segment(second_contract, start_s, intervals=(interval(300_000, 600_000),)))
    assert codes(recorder.outcomes()) == ["accepted", "overlap", "accepted"]
    desktop = Recorder(recorder.user, "desktop")
    desktop.seal(desktop.segment(contract, start_s, intervals=(interval(100_000, 100_001),)))
    assert codes(desktop.outcomes()) == ["overlap"]
    assert Revision.objects.count() == 2


def test_a_newer_revision_frees_the_time_it_gives_up(
    recorder: Recorder, contract: Contract, second_contract: Contract
) -> None:
    start_s = past_start_s()
    recorder.seal(recorder.segment(contract, start_s))
    recorder.seal(recorder.segment(contract, start_s, revision=2, intervals=(interval(0, 200_000),)))
    recorder.seal(recorder.segment(second_contract, start_s, intervals=(interval(200_000, 600_000),)))
    assert codes(recorder.outcomes()) == ["accepted", "accepted", "accepted"]


def test_another_freelancers_time_is_no_overlap(
    recorder: Recorder, contract: Contract, foreign_contract: Contract, people: People
) -> None:
    theirs = Recorder(people.stranger)
    theirs.seal(theirs.segment(foreign_contract))
    recorder.seal(recorder.segment(contract))
    assert codes(theirs.outcomes() + recorder.outcomes()) == ["accepted", "accepted"]


Change = Callable[[Contract], dict[str, Any]]
REFUSED: dict[str, tuple[str, Change]] = {
    "future": ("in_future", lambda _: {"start_s": past_start_s(-2)}),
    "far future": ("in_future", lambda _: {"start_s": 600 * 10**18}),
    "before": ("before_contract", lambda one: {"start_s": one.started_ms // 1000 // 600 * 600 - 600}),
    "policy": ("unknown_policy", lambda _: {"policy_version": 7}),
    "intervals": ("malformed", lambda _: {"intervals": (interval(0, 2000), interval(1000, 3000))}),
    "revision": ("malformed", lambda _: {"revision": 2**63}),
    "picture": (
        "malformed",
        lambda _: {"snapshots": (snapshot_of(said_of(b"x", b"y", width=32_768, height=32_768)),)},
    ),
    "large picture": ("malformed", lambda _: {"snapshots": (snapshot_of(said_of(b"x", b"y", size=2**62)),)}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_a_code_and_keeps_the_link(recorder: Recorder, contract: Contract, name: str) -> None:
    code, change = REFUSED[name]
    recorder.seal(recorder.segment(contract, **change(contract)))
    (outcome,) = recorder.outcomes()
    assert isinstance(outcome, sync.Rejected)
    assert outcome.code == code
    assert outcome.sentence.endswith(".")
    assert not Revision.objects.exists()
    assert Link.objects.get().outcome == "rejected"


def test_time_worked_before_the_tracker_learnt_of_the_end_is_kept(recorder: Recorder, contract: Contract) -> None:
    ended_ms = (past_start_s(10) + 600) * 1000
    Contract.objects.filter(pk=contract.pk).update(status="ended", ended_ms=ended_ms)
    recorder.seal(recorder.segment(contract, past_start_s(10)))
    recorder.seal(recorder.segment(contract, past_start_s(9)))
    assert codes(recorder.outcomes()) == ["accepted", "accepted"]


def test_time_on_a_paused_contract_is_kept(recorder: Recorder, contract: Contract) -> None:
    Contract.objects.filter(pk=contract.pk).update(status="paused")
    recorder.seal(recorder.segment(contract))
    assert codes(recorder.outcomes()) == ["accepted"]


def test_content_in_another_form_than_the_canonical_is_refused(recorder: Recorder, contract: Contract) -> None:
    recorder.seal(canonical.encode(recorder.segment(contract)).replace(b",", b", "))
    assert codes(recorder.outcomes()) == ["not_canonical"]
    assert not Revision.objects.exists()


@pytest.mark.parametrize("content", [b"[]", b"7", b'"text"', b"{}", b"[" * 5000 + b"]" * 5000, b'{"a":"\\ud800"}'])
def test_any_json_may_stand_in_a_link(recorder: Recorder, contract: Contract, content: bytes) -> None:
    recorder.seal(content)
    recorder.seal(recorder.segment(contract))
    response = recorder.send()
    if response.status_code == 200:
        assert codes(recorder.outcomes()) == ["malformed", "duplicate"]
    else:
        assert problem_of(response).code == "malformed"
        assert nothing_landed()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b" ", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 422),
        (b'{"links":' + b"[" * 100_000, 422),
        (b'{"other":' + b"[" * 100_000, 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"device":"x","first":0,"links":[],"signature":"00"}', 422),
        (b'{"device":"' + str(uuid4()).encode() + b'","first":-1,"links":[],"signature":""}', 422),
    ],
)
def test_a_malformed_batch_stores_nothing(recorder: Recorder, body: bytes, status: int) -> None:
    problem = problem_of(recorder.api.post("segments", body))
    assert (problem.status, problem.code) == (status, "malformed")
    assert nothing_landed()


def test_too_many_links_are_refused(recorder: Recorder, contract: Contract) -> None:
    for number in range(sync.LINKS_PER_BATCH + 1):
        recorder.seal(recorder.segment(contract, past_start_s(60 + number)))
    assert problem_of(recorder.send()).status == 422
    assert nothing_landed()


def test_another_content_type_and_too_large_a_body_are_refused(recorder: Recorder, contract: Contract) -> None:
    recorder.seal(recorder.segment(contract))
    body = msgspec.json.encode(recorder.batch())
    assert problem_of(recorder.api.post("segments", body, content_type="text/plain")).status == 415
    assert problem_of(recorder.api.post("segments", b" " * (16 * 1024 * 1024 + 1))).status == 413
    assert nothing_landed()


def test_pictures_of_accepted_contents_alone_are_asked_for(recorder: Recorder, contract: Contract) -> None:
    full, thumbnail = picture_of(), picture_of(16, 12)
    shot = snapshot_of(said_of(full, thumbnail))
    recorder.seal(recorder.segment(contract, snapshots=(shot,)))
    other = snapshot_of(said_of(b"never", b"asked"))
    recorder.seal(recorder.segment(contract, past_start_s(-5), snapshots=(other,)))
    asked = {upload.sha256 for upload in recorder.missing()}
    assert asked == {said_of(full, thumbnail).sha256, said_of(full, thumbnail).thumbnail_sha256}
    assert {upload.sha256 for upload in recorder.missing()} == asked


def test_a_device_that_changes_hands_is_two_devices(people: People) -> None:
    recorder = Recorder(people.freelancer)
    enrolment = sync.Enrolment(name="stolen", public_key=recorder.key.public_key().public_bytes_raw().hex())
    answer = Api(token_of(people.stranger)).post("devices", enrolment)
    assert UUID(answer.json()["id"]) != recorder.id
    assert Device.objects.count() == 2


def test_manual_and_old_time_is_kept(recorder: Recorder, contract: Contract) -> None:
    start_s = (now_ms() - 5 * WEEK_MS) // 1000 // 600 * 600
    recorder.seal(recorder.segment(contract, start_s, intervals=(interval(kind=Kind.MANUAL),)))
    assert codes(recorder.outcomes()) == ["accepted"]
