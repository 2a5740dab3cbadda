import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.fakes.terms import contract
from tests.tracker.sync.scripted import CUT, NOW_MS, PERSON, FakeMarketplace, Said, Server, problem
from tracker.sync.api import BusyError, LoggedOutError, Marketplace, ProblemError, UnreachableError
from wire.sync import Clock

TOKEN = "secret-token"
TIME = Clock(utc_ms=NOW_MS)
DEEP = b'{"utc_ms": 1, "x": ' + b"[" * 100_000


@pytest.fixture
def api(server: Server) -> Marketplace:
    return Marketplace(server.url, lambda _: TOKEN)


def test_calls_carry_the_token_and_the_clock_needs_none(server: Server, api: Marketplace) -> None:
    server.say("GET", "/api/v1/clock", TIME)
    server.say("GET", "/api/v1/me", PERSON)
    assert api.clock() == TIME
    assert api.person() == PERSON
    assert [seen.headers.get("authorization") for seen in server.seen] == [None, f"Bearer {TOKEN}"]


def test_a_password_in_netrc_does_not_take_the_tokens_place(
    server: Server, api: Marketplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login robin password private\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.say("GET", "/api/v1/clock", TIME)
    server.say("GET", "/api/v1/me", PERSON)
    api.clock()
    api.person()
    assert [seen.headers.get("authorization") for seen in server.seen] == [None, f"Bearer {TOKEN}"]


def test_contracts_are_fetched_once_until_they_change(marketplace: FakeMarketplace) -> None:
    api = Marketplace(marketplace.url, lambda _: "good")
    fetched = api.contracts(None)
    assert fetched is not None
    assert (fetched.contracts, fetched.unreadable, fetched.etag) == ((contract(),), {}, "one")
    assert api.contracts("one") is None
    assert api.contracts("older") is not None


def test_a_refused_token_is_renewed_once(server: Server) -> None:
    asked: list[str | None] = []

    def access_token(refused: str | None) -> str:
        asked.append(refused)
        return "old" if refused is None else "new"

    server.say("GET", "/api/v1/me", problem(401, "unauthorised"), PERSON)
    assert Marketplace(server.url, access_token).person() == PERSON
    assert asked == [None, "old"]
    assert [seen.token for seen in server.seen] == ["old", "new"]

    server.say("GET", "/api/v1/me", problem(401, "unauthorised"))
    with pytest.raises(LoggedOutError, match="Log in again"):
        Marketplace(server.url, access_token).person()
    assert len(server.seen) == 4


def test_nobody_listening_is_told() -> None:
    with pytest.raises(UnreachableError, match=r"http://127.0.0.1:9 cannot be reached"):
        Marketplace("http://127.0.0.1:9", lambda _: TOKEN).clock()


@pytest.mark.parametrize(
    "address", ["https://no-such-host.invalid", "http://127.0.0.1:99999", f"http://{'a' * 70}.example", "http://a..b",
                "http://[::1", "http://*.example"],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_told(address: str) -> None:
    with pytest.raises(UnreachableError, match="cannot be reached"):
        Marketplace(address, lambda _: TOKEN).clock()


def test_an_answer_cut_off_is_told(server: Server, api: Marketplace) -> None:
    server.say("GET", "/api/v1/clock", CUT)
    with pytest.raises(UnreachableError):
        api.clock()


def test_an_answer_cut_in_the_middle_is_told(server: Server, api: Marketplace) -> None:
    server.say("GET", "/api/v1/clock", Said(body=TIME, cut=True))
    with pytest.raises(UnreachableError):
        api.clock()


def test_redirects_are_not_followed(server: Server, api: Marketplace) -> None:
    server.say("GET", "/elsewhere", PERSON)
    for status in (301, 302, 303, 307, 308):
        server.say("GET", "/api/v1/me", Said(status, headers={"Location": f"{server.url}/elsewhere"}))
        with pytest.raises(BusyError, match=str(status)):
            api.person()
    assert server.asked("/elsewhere") == []


@pytest.mark.parametrize(
    "body", [b"", b"<html>Wi-Fi log-in</html>", b"null", b"[]", b"{}", b'{"utc_ms": "1"}', b'{"utc_ms": 1.5}', b"\xff",
             b'{"\xff": 1}', b'{"utc_ms":', DEEP],
)  # fmt: skip
def test_what_is_no_marketplace_is_told(server: Server, api: Marketplace, body: bytes) -> None:
    server.say("GET", "/api/v1/clock", Said(body=body))
    with pytest.raises(BusyError, match="not a Daybook marketplace's answer"):
        api.clock()


@pytest.mark.parametrize("body", [b"", b"<h1>Oh</h1>", b"{}", b"\xff", DEEP, b'{"title": "\xff"}'])
@pytest.mark.parametrize("status", [400, 404, 413, 500, 502])
def test_an_error_that_says_nothing_is_told_by_its_number(
    server: Server, api: Marketplace, status: int, body: bytes
) -> None:
    server.say("GET", "/api/v1/clock", Said(status, body))
    with pytest.raises(BusyError, match=str(status)) as caught:
        api.clock()
    assert caught.value.after_s is None


@pytest.mark.parametrize(
    ("status", "said", "after_s"),
    [(429, "7", 7.0), (503, "120", 120.0), (503, "", None), (429, "Mon, 23 Nov 2026 12:00:00 GMT", None),
     (503, "-5", None), (503, "1.5", None), (503, "²", None), (503, "soon", None)],
)  # fmt: skip
def test_busy_says_when_to_come_back(
    server: Server, api: Marketplace, status: int, said: str, after_s: float | None
) -> None:
    server.say("GET", "/api/v1/clock", Said(status, headers={"Retry-After": said}))
    with pytest.raises(BusyError, match="busy") as caught:
        api.clock()
    assert caught.value.after_s == after_s


def test_a_refusal_carries_the_marketplaces_own_words(server: Server, api: Marketplace) -> None:
    server.say("GET", "/api/v1/me", problem(409, "chain_gap", next_link=4))
    with pytest.raises(ProblemError, match=r"^It is refused. Because.$") as caught:
        api.person()
    assert (caught.value.problem.code, caught.value.problem.next_link) == ("chain_gap", 4)
    server.say("GET", "/api/v1/me", problem(500, "broken"))
    with pytest.raises(BusyError, match=r"^It is refused. Because.$"):
        api.person()


FAILURES: list[Said] = [
    CUT, Said(302, headers={"Location": "/x"}), problem(400, "malformed"), Said(401), Said(403), Said(404), Said(429),
    problem(500, "broken"), Said(502), Said(503),
]  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES, ids=lambda said: f"{said.status}-{len(said.content())}")
@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/api/v1/me", lambda api: api.person()),
        ("/api/v1/contracts", lambda api: api.contracts("etag")),
        ("/api/v1/pictures/missing", lambda api: api.missing_pictures(UUID(int=1), UUID(int=2), ("a" * 64,))),
        ("/api/v1/pictures/x", lambda api: api.put_picture(f"{api.server}/api/v1/pictures/x", b"jpeg")),
    ],
    ids=["person", "contracts", "missing", "put"],
)
def test_every_failure_is_one_of_four_with_a_sentence_and_without_the_token(
    server: Server, api: Marketplace, path: str, call: Callable[[Marketplace], object], failure: Said
) -> None:
    for method in ("GET", "POST", "PUT"):
        server.say(method, path, failure)
    with pytest.raises((UnreachableError, BusyError, LoggedOutError, ProblemError), match=r"\.$") as caught:
        call(api)
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


@pytest.fixture
def other() -> Iterator[Server]:
    other = Server()
    yield other
    other.close()


@pytest.mark.parametrize(
    "address", ["{other}/x", "ftp://example.com/x", "@127.0.0.1/x", "//127.0.0.1:{port}/x", "http://example.com/x", ""]
)
def test_the_token_goes_to_the_marketplace_alone(server: Server, api: Marketplace, other: Server, address: str) -> None:
    url = address.format(other=other.url, port=other.url.rpartition(":")[2])
    with pytest.raises((BusyError, UnreachableError)):
        api.put_picture(url, b"jpeg")
    assert all(seen.token is None for seen in other.seen)
    assert TOKEN not in "".join(seen.path for seen in other.seen)
    assert server.asked("/x") == []


def test_pictures_may_go_to_a_place_given_as_a_path(server: Server, api: Marketplace) -> None:
    server.say("PUT", "/api/v1/pictures/x", Said(204))
    api.put_picture("/api/v1/pictures/x", b"jpeg")
    assert (server.seen[0].body, server.seen[0].token) == (b"jpeg", TOKEN)
    assert server.seen[0].headers["content-type"] == "image/jpeg"


def test_threads_may_share_one(server: Server, api: Marketplace) -> None:
    server.say("GET", "/api/v1/me", PERSON)
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(api.person())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [PERSON] * 8
