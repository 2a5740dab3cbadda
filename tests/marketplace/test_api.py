"""What every call of the API keeps to: problems, OpenAPI, contracts, the clock."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import OperationalError, connection

from marketplace.clock import now_ms
from marketplace.contracts.models import Contract
from marketplace.contracts.services import agree_policy, as_terms, policy_in_force
from marketplace.diary import services
from marketplace.diary.models import Link, Revision
from tests.marketplace.conftest import Api, People, Recorder, interval, past_start_s, problem_of, terms, token_of
from tests.marketplace.test_pages import failing
from wire.contract import ContractList
from wire.sync import Accepted, Clock

CALLS = [
    ("GET", "me"),
    ("POST", "devices"),
    ("GET", "contracts"),
    ("POST", "segments"),
    ("POST", "pictures/missing"),
    ("PUT", f"pictures/{UUID(int=1)}/{'0' * 64}"),
    ("GET", f"log/receipts/{UUID(int=1)}/0"),
]


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_needs_a_token(method: str, path: str) -> None:
    response = Api(None).call(method, path)
    assert problem_of(response).status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_clock_needs_no_token() -> None:
    before = now_ms()
    said = msgspec.json.decode(Api(None).get("clock").content, type=Clock)
    assert before <= said.utc_ms <= now_ms()


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "nothing", 404), ("DELETE", "clock", 405)])
def test_errors_are_problems(method: str, path: str, status: int) -> None:
    response = Api(None).call(method, path)
    assert problem_of(response).status == status
    if status == 405:
        assert response.headers["Allow"] == "GET"


@pytest.mark.usefixtures("contract", "second_contract", "foreign_contract")
def test_contracts_of_the_freelancer_alone(people: People) -> None:
    def titles(api: Api) -> list[str]:
        answer = msgspec.json.decode(api.get("contracts").content, type=ContractList)
        return [one.title for one in answer.contracts]

    assert sorted(titles(Api(token_of(people.freelancer)))) == ["API integration", "Design system"]
    assert titles(Api(token_of(people.stranger))) == ["Secret project"]
    assert titles(Api(token_of(people.client))) == []


def test_contracts_come_with_an_etag(contract: Contract, people: People) -> None:
    api = Api(token_of(people.freelancer))
    first = api.get("contracts")
    etag = first.headers["ETag"]
    for said in (etag, f"W/{etag}", f'"other", {etag}'):
        again = api.get("contracts", **{"If-None-Match": said})
        assert (again.status_code, again.content) == (304, b"")
    held = as_terms(policy_in_force(contract, now_ms=now_ms()))
    changed = msgspec.structs.replace(held, hold_s=5)
    agree_policy(contract, changed, holds_from_ms=now_ms(), agreed_by=people.client, reason="test")
    after = api.get("contracts", **{"If-None-Match": etag})
    assert after.status_code == 200
    policy = msgspec.json.decode(after.content, type=ContractList).contracts[0].policy
    assert (policy.version, policy.hold_s) == (2, 5)


def test_a_policy_holds_from_its_time(contract: Contract, people: People) -> None:
    later_ms = now_ms() + 86_400_000
    agree_policy(contract, terms(rate_minor=5000), holds_from_ms=later_ms, agreed_by=people.client, reason="raise")
    assert policy_in_force(contract, now_ms=now_ms()).rate_minor == 4200
    assert policy_in_force(contract, now_ms=later_ms).rate_minor == 5000


def test_openapi_has_one_definition_of_each_message() -> None:
    said: dict[str, Any] = Api(None).get("openapi.json").json()
    assert said["openapi"] == "3.1.0"
    paths = {path.removeprefix("/api/v1/"): set(methods) for path, methods in said["paths"].items()}
    assert paths == {
        "clock": {"get"},
        "log": {"get"},
        "log/consistency": {"get"},
        "log/receipts/{device}/{link}": {"get"},
        "me": {"get"},
        "devices": {"post"},
        "contracts": {"get"},
        "segments": {"post"},
        "marks": {"get"},
        "pictures/missing": {"post"},
        "pictures/{contract}/{sha256}": {"put"},
    }
    schemas = said["components"]["schemas"]
    assert {"Batch", "BatchAnswer", "Segment", "Accepted", "Rejected", "Problem", "ContractList", "MarkList"} <= set(
        schemas
    )
    references = set(_references(said))
    assert references <= {f"#/components/schemas/{name}" for name in schemas}
    assert said["paths"]["/api/v1/clock"]["get"].get("security") is None
    assert said["paths"]["/api/v1/segments"]["post"]["security"]


def _references(said: Any) -> list[str]:
    if isinstance(said, dict):
        found = [said["$ref"]] if isinstance(said.get("$ref"), str) else []
        return found + [one for value in said.values() for one in _references(value)]
    return [one for value in said for one in _references(value)] if isinstance(said, list) else []


@pytest.mark.parametrize(("code", "status"), [(13, 507), (11, 503), (5, 503), (8, 503)])
def test_a_failing_database_is_told(
    recorder: Recorder, contract: Contract, monkeypatch: pytest.MonkeyPatch, code: int, status: int
) -> None:
    recorder.seal(recorder.segment(contract))
    monkeypatch.setattr(services, "ingest", failing(code))
    assert problem_of(recorder.send()).status == status


def test_a_full_database_takes_a_batch_whole_or_not_at_all(recorder: Recorder, contract: Contract) -> None:
    long = tuple(interval(number, number + 1, memo="x" * 9_000) for number in range(50))
    for number in range(10):
        recorder.seal(recorder.segment(contract, past_start_s(20 + number), intervals=long))
    with connection.cursor() as cursor:
        (pages,) = cursor.execute("PRAGMA page_count").fetchone()
        (most,) = cursor.execute("PRAGMA max_page_count").fetchone()
        cursor.execute(f"PRAGMA max_page_count={pages + 50}")
        try:
            problem = problem_of(recorder.send())
        finally:
            cursor.execute(f"PRAGMA max_page_count={most}")
    assert (problem.status, problem.code) == (507, "disk_full")
    assert not Link.objects.exists()
    assert not Revision.objects.exists()
    assert {type(one) for one in recorder.outcomes()} == {Accepted}


def test_a_bug_of_ours_is_a_problem_without_a_traceback(
    recorder: Recorder, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError("some secret detail")

    recorder.seal(recorder.segment(contract))
    monkeypatch.setattr(services, "ingest", broken)
    response = recorder.send()
    assert problem_of(response).code == "bug"
    assert b"secret" not in response.content
