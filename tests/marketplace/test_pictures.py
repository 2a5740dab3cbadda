"""PUT pictures: only what an accepted segment names, only when it is that picture; nothing is stored otherwise."""

import errno
import hashlib
import io
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import obstore
import pytest
from django.conf import settings
from PIL import Image

from marketplace.contracts.models import Contract
from marketplace.diary import pictures
from marketplace.diary.models import StoredPicture
from tests.marketplace.conftest import (
    Api,
    People,
    Recorder,
    logged_in,
    past_start_s,
    picture_of,
    problem_of,
    said_of,
    snapshot_of,
    token_of,
)
from wire import sync

FULL, THUMBNAIL = picture_of(), picture_of(16, 12)
SHA, SHA_THUMBNAIL = hashlib.sha256(FULL).hexdigest(), hashlib.sha256(THUMBNAIL).hexdigest()


def files() -> list[Path]:
    return [one for one in Path(settings.PICTURES).rglob("*") if one.is_file()]


def nothing_stored() -> bool:
    return not StoredPicture.objects.exists() and not files()


def announce(recorder: Recorder, contract: Contract, full: bytes = FULL, **changed: Any) -> str:
    said = said_of(full, THUMBNAIL, **changed)
    recorder.seal(recorder.segment(contract, snapshots=(snapshot_of(said),)))
    assert recorder.send().status_code == 200
    return f"pictures/{contract.pk}/{said.sha256}"


def test_stores_picture_and_thumbnail_once(recorder: Recorder, contract: Contract) -> None:
    path = announce(recorder, contract)
    assert {one.sha256 for one in recorder.missing()} == {SHA, SHA_THUMBNAIL}
    for _ in range(2):
        response = recorder.api.put(path, FULL)
        assert (response.status_code, response.content) == (204, b"")
    assert recorder.api.put(f"pictures/{contract.pk}/{SHA_THUMBNAIL}", THUMBNAIL).status_code == 204
    assert recorder.missing() == ()
    assert sorted(one.read_bytes() for one in files()) == sorted([FULL, THUMBNAIL])


def test_nobody_else_puts_it(recorder: Recorder, contract: Contract, people: People) -> None:
    path = announce(recorder, contract)
    for person in (people.client, people.stranger, people.other_client):
        assert problem_of(Api(token_of(person)).put(path, FULL)).code == "unknown_picture"
    assert problem_of(Api(None).put(path, FULL)).status == 401
    assert nothing_stored()


def test_only_a_picture_that_is_named(recorder: Recorder, contract: Contract, second_contract: Contract) -> None:
    announce(recorder, contract)
    for contract_id in (second_contract.pk, uuid4()):
        assert problem_of(recorder.api.put(f"pictures/{contract_id}/{SHA}", FULL)).status == 404
    assert problem_of(recorder.api.put(f"pictures/{contract.pk}/{'0' * 64}", FULL)).status == 404
    assert problem_of(recorder.api.put(f"pictures/{contract.pk}/short", FULL)).status == 404
    assert nothing_stored()


def test_a_rejected_segment_names_nothing(recorder: Recorder, contract: Contract) -> None:
    shot = snapshot_of(said_of(FULL, THUMBNAIL))
    recorder.seal(recorder.segment(contract, policy_version=9, snapshots=(shot,)))
    assert recorder.missing() == ()
    assert problem_of(recorder.api.put(f"pictures/{contract.pk}/{SHA}", FULL)).status == 404
    assert nothing_stored()


def test_a_picture_that_a_newer_revision_withdrew_is_taken_no_more(recorder: Recorder, contract: Contract) -> None:
    path = announce(recorder, contract)
    recorder.seal(recorder.segment(contract, revision=2))
    recorder.outcomes()
    assert problem_of(recorder.api.put(path, FULL)).status == 404
    assert nothing_stored()


def test_other_bytes_are_refused(recorder: Recorder, contract: Contract) -> None:
    path = announce(recorder, contract)
    assert problem_of(recorder.api.put(path, picture_of(colour=(1, 2, 3)))).code == "wrong_hash"
    assert nothing_stored()


def test_another_size_than_announced_is_refused(recorder: Recorder, contract: Contract) -> None:
    path = announce(recorder, contract, size=len(FULL) + 1)
    assert problem_of(recorder.api.put(path, FULL)).code == "wrong_size"
    assert nothing_stored()


def test_other_dimensions_than_announced_are_refused(recorder: Recorder, contract: Contract) -> None:
    path = announce(recorder, contract, width=640)
    assert problem_of(recorder.api.put(path, FULL)).code == "wrong_dimensions"
    assert nothing_stored()


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "PNG")
    return out.getvalue()


def _huge() -> bytes:
    """A JPEG whose header says 65,500 by 65,500 pixels."""
    position = FULL.index(b"\xff\xc0") + 5
    return FULL[:position] + (65_500).to_bytes(2, "big") * 2 + FULL[position + 4 :]


@pytest.mark.parametrize("name", ["text", "empty jpeg", "cut", "png", "bomb"])
def test_what_is_no_picture_is_refused(recorder: Recorder, contract: Contract, name: str) -> None:
    big = picture_of(640, 480)
    body = {"text": b"GIF89a no", "empty jpeg": b"\xff\xd8\xff\xd9", "cut": big[:-200], "png": _png(), "bomb": _huge()}[
        name
    ]
    path = announce(recorder, contract, body)
    assert problem_of(recorder.api.put(path, body)).code == "not_a_picture"
    assert nothing_stored()


def test_without_decoding_a_text_would_be_stored(
    recorder: Recorder, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = announce(recorder, contract, b"no picture")
    monkeypatch.setattr(pictures, "_measure", lambda _: (64, 48))
    assert recorder.api.put(path, b"no picture").status_code == 204
    assert not nothing_stored()


def test_too_large_and_of_another_type(recorder: Recorder, contract: Contract) -> None:
    path = announce(recorder, contract)
    assert problem_of(recorder.api.put(path, b"x" * (20 * 1024 * 1024 + 1))).status == 413
    assert problem_of(recorder.api.put(path, FULL, content_type="image/png")).status == 415
    assert nothing_stored()


@pytest.mark.parametrize("fails_in", ["store", "fsync"])
def test_a_full_disk_is_told_and_leaves_nothing(
    recorder: Recorder, contract: Contract, monkeypatch: pytest.MonkeyPatch, fails_in: str
) -> None:
    path = announce(recorder, contract)

    def full_store(*_: object) -> None:
        raise obstore.exceptions.GenericError("Unable to copy data to file: No space left on device (os error 28)")

    def full_disk(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if fails_in == "store":
        monkeypatch.setattr(obstore, "put", full_store)
    else:
        monkeypatch.setattr(os, "fsync", full_disk)
    problem = problem_of(recorder.api.put(path, FULL))
    assert (problem.status, problem.code) == (507, "disk_full")
    assert not StoredPicture.objects.exists()
    monkeypatch.undo()
    assert recorder.api.put(path, FULL).status_code == 204


def test_missing_pictures_are_told_to_their_freelancer_alone(
    recorder: Recorder, contract: Contract, people: People
) -> None:
    announce(recorder, contract)
    query = sync.PictureQuery(device=recorder.id, contract=contract.pk, sha256=(SHA, "0" * 64))

    def asked(api: Api) -> list[str]:
        answer = msgspec.json.decode(api.post("pictures/missing", query).content, type=sync.PictureAnswer)
        return [one.sha256 for one in answer.missing]

    assert asked(recorder.api) == [SHA]
    assert asked(Api(token_of(people.client))) == []
    assert asked(Api(token_of(people.stranger))) == []
    recorder.api.put(f"pictures/{contract.pk}/{SHA}", FULL)
    assert asked(recorder.api) == []


def test_the_page_gives_it_to_the_parties_alone(recorder: Recorder, contract: Contract, people: People) -> None:
    path = announce(recorder, contract)
    address = f"/contracts/{contract.pk}/pictures/{SHA}/"
    assert logged_in(people.client).get(address).status_code == 404
    recorder.api.put(path, FULL)
    for person in (people.client, people.freelancer):
        response = logged_in(person).get(address)
        assert (response.status_code, response.content) == (200, FULL)
        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.headers["Cache-Control"] == "private, no-cache"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        again = logged_in(person).get(address, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    for person in (people.stranger, people.other_client):
        assert logged_in(person).get(address).status_code == 404


def test_a_withdrawn_picture_is_hidden_at_once(recorder: Recorder, contract: Contract, people: People) -> None:
    recorder.api.put(announce(recorder, contract), FULL)
    recorder.seal(recorder.segment(contract, revision=2))
    recorder.outcomes()
    address = f"/contracts/{contract.pk}/pictures/{SHA}/"
    assert logged_in(people.client).get(address).status_code == 404


def test_one_contracts_picture_is_not_anothers(
    recorder: Recorder, contract: Contract, second_contract: Contract, people: People
) -> None:
    recorder.api.put(announce(recorder, contract), FULL)
    shot = snapshot_of(said_of(FULL, THUMBNAIL))
    recorder.seal(recorder.segment(second_contract, past_start_s(30), snapshots=(shot,)))
    recorder.outcomes()
    address = f"/contracts/{second_contract.pk}/pictures/{SHA}/"
    assert logged_in(people.other_client).get(address).status_code == 404
