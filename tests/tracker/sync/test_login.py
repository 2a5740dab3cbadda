"""Logging in against a scripted OAuth provider that holds us to RFC 6749, 7636, 8252 and 8628."""

import base64
import hashlib
import http.client
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.fakes.clock import FakeClock
from tests.tracker.sync.conftest import MemoryVault
from tests.tracker.sync.scripted import CUT, NOW_MS, Said, Seen, Server
from tracker.domain.errors import MachineError, RefusedError
from tracker.sync.api import BusyError, LoggedOutError, UnreachableError
from tracker.sync.credentials import Tokens
from tracker.sync.login import CLIENT_ID, SCOPE, Session, with_browser, with_device_code
from wire.sync import Clock

GRANT = {"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 900, "token_type": "Bearer"}
OLD = Tokens(access="old-access", refresh="old-refresh", expires_ms=NOW_MS + 3_600_000)
NEVER = threading.Event()


class Provider:
    """The marketplace's side of the browser flow; its code is good for one exchange with the right verifier."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.challenge = ""
        self.redirect = ""
        server.say("GET", "/api/v1/clock", Clock(utc_ms=NOW_MS))
        server.routes["POST", "/o/token/"] = self._token

    def authorise(self, address: str) -> Callable[..., str]:
        """Check what the browser is sent with, and give what builds the addresses that it may come back to."""
        url = urlsplit(address)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        assert address.startswith(f"{self.server.url}/o/authorize/?")
        assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT_ID, SCOPE)
        assert asked["code_challenge_method"] == "S256"
        self.challenge, self.redirect = asked["code_challenge"], asked["redirect_uri"]
        redirect = urlsplit(self.redirect)
        assert (redirect.scheme, redirect.hostname, redirect.path) == ("http", "127.0.0.1", "/callback")
        return lambda **said: f"{self.redirect}?{urlencode({'state': asked['state'], **said})}"

    def _token(self, seen: Seen) -> Said:
        verifier = seen.form["code_verifier"]
        assert len(verifier) >= 43
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        assert (seen.form["redirect_uri"], seen.form["client_id"]) == (self.redirect, CLIENT_ID)
        if challenge != self.challenge or seen.form["code"] != "the-code":
            return Said(400, {"error": "invalid_grant"})
        return Said(body=GRANT)


@pytest.fixture
def provider(server: Server) -> Provider:
    return Provider(server)


def get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 (our own loopback address)
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def browse(*steps: Callable[[Callable[..., str]], Any], provider: Provider) -> Callable[[str], bool]:
    """A browser that does these steps with the addresses it may come back to."""

    def open_browser(address: str) -> bool:
        back = provider.authorise(address)
        for step in steps:
            step(back)
        return True

    return open_browser


def test_browser_flow(provider: Provider) -> None:
    pages: list[tuple[int, str]] = []
    browser = browse(lambda back: pages.append(get(back(code="the-code"))), provider=provider)
    granted = with_browser(provider.server.url, browser, NEVER)
    assert (granted.access_token, granted.refresh_token, granted.expires_in) == ("new-access", "new-refresh", 900)
    assert pages[0][0] == 200
    assert "You are logged in" in pages[0][1]
    assert "the-code" not in pages[0][1]
    with pytest.raises(urllib.error.URLError):  # the loopback server is gone
        get(provider.redirect)


def test_each_log_in_has_its_own_secrets(provider: Provider) -> None:
    seen = set()
    for _ in range(2):
        with_browser(provider.server.url, browse(lambda back: get(back(code="the-code")), provider=provider), NEVER)
        seen.add(provider.challenge)
    assert len(seen) == 2


def test_what_does_not_carry_our_state_is_ignored(provider: Provider) -> None:
    pages: list[tuple[int, str]] = []

    def strangers(back: Callable[..., str]) -> None:
        addresses = (
            provider.redirect,
            f"{provider.redirect}?code=evil",
            back(code="evil", state="guess"),
            back(code="evil", state="é"),
            f"{provider.redirect}?code=evil&state=%E9%FF",
            f"{provider.redirect}?error=access_denied&state=",
            back(code="evil").replace("/callback", "/favicon.ico"),
        )
        pages.extend(get(address) for address in addresses)

    browser = browse(strangers, lambda back: get(back(code="the-code")), provider=provider)
    assert with_browser(provider.server.url, browser, NEVER).access_token == "new-access"
    assert [status for status, _ in pages] == [404] * 7
    assert [seen.form["code"] for seen in provider.server.asked("/o/token/")] == ["the-code"]


def test_the_first_answer_counts_and_a_page_loaded_again_changes_nothing(provider: Provider) -> None:
    browser = browse(
        lambda back: get(back(code="the-code")),
        lambda back: get(back(code="another")),
        lambda back: get(back(error="access_denied")),
        provider=provider,
    )
    assert with_browser(provider.server.url, browser, NEVER).access_token == "new-access"


def test_a_browser_that_connects_ahead_or_goes_away_blocks_nothing(
    provider: Provider, capfd: pytest.CaptureFixture[str]
) -> None:
    silent: list[socket.socket] = []

    def connect_ahead(_back: Callable[..., str]) -> None:
        redirect = urlsplit(provider.redirect)
        silent.append(socket.create_connection(("127.0.0.1", redirect.port or 0)))
        with socket.create_connection(("127.0.0.1", redirect.port or 0)) as half:
            half.sendall(b"GET /call")
            time.sleep(0.1)  # until a real thread reads on
            half.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def leave(back: Callable[..., str]) -> None:
        url = urlsplit(back(code="the-code"))
        with socket.create_connection(("127.0.0.1", url.port or 0)) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not closed
            gone.sendall(f"GET {url.path}?{url.query} HTTP/1.0\r\n\r\n".encode())
            gone.recv(1)

    browser = browse(connect_ahead, leave, provider=provider)
    assert with_browser(provider.server.url, browser, NEVER).access_token == "new-access"
    assert capfd.readouterr().err == ""
    for one in silent:
        one.close()


def test_refusing_in_the_browser(provider: Provider) -> None:
    pages: list[tuple[int, str]] = []
    browser = browse(lambda back: pages.append(get(back(error="access_denied"))), provider=provider)
    with pytest.raises(RefusedError, match=r"refused \(access_denied\)"):
        with_browser(provider.server.url, browser, NEVER)
    assert "You are not logged in" in pages[0][1]
    assert provider.server.asked("/o/token/") == []


def test_a_code_that_is_not_accepted(provider: Provider) -> None:
    with pytest.raises(RefusedError, match="invalid_grant"):
        with_browser(provider.server.url, browse(lambda back: get(back(code="stale")), provider=provider), NEVER)


def test_giving_up(provider: Provider) -> None:
    cancelled = threading.Event()
    browser = browse(lambda _: cancelled.set(), provider=provider)
    with pytest.raises(RefusedError, match="cancelled"):
        with_browser(provider.server.url, browser, cancelled)
    with pytest.raises((urllib.error.URLError, http.client.HTTPException)):
        get(provider.redirect)


def test_nobody_comes_back(provider: Provider) -> None:
    with pytest.raises(RefusedError, match="Nobody logged in within ten minutes"):
        with_browser(provider.server.url, browse(provider=provider), NEVER, within_s=0.1)


def test_no_browser(provider: Provider) -> None:
    with pytest.raises(MachineError, match="--device"):
        with_browser(provider.server.url, lambda _: False, NEVER)


@pytest.mark.parametrize("said", [Said(404, b"<h1>Not here</h1>"), Said(body=b"<h1>Welcome</h1>"), Said(301)])
def test_a_wrong_address_is_told_before_a_browser_opens(server: Server, said: Said) -> None:
    server.say("GET", "/api/v1/clock", said)
    with pytest.raises(BusyError, match=server.url):
        with_browser(server.url, never_opened, NEVER)
    with pytest.raises(BusyError, match=server.url):
        with_device_code(server.url, lambda *_: pytest.fail("a code was shown"), lambda _: True)


def never_opened(address: str) -> bool:
    pytest.fail(f"{address} was opened")


@pytest.mark.parametrize(
    "said", [Said(body=b"<html>"), Said(body={"token": "x"}), Said(body={"access_token": 5}), Said(500, b"{}"),
             Said(500, {"error": "server_error"}), Said(302, headers={"Location": "/"}), Said(400, b"?"),
             Said(body={**GRANT, "expires_in": "soon"}), Said(body={**GRANT, "expires_in": -1}), Said(400, b'"\xff"')],
)  # fmt: skip
def test_a_token_endpoint_that_answers_nonsense(provider: Provider, said: Said) -> None:
    provider.server.say("POST", "/o/token/", said)
    browser = browse(lambda back: get(back(code="the-code")), provider=provider)
    with pytest.raises(BusyError, match="did not answer the log-in as expected"):
        with_browser(provider.server.url, browser, NEVER)


# The device grant


class Waits:
    """Waits no time and remembers how long it should have; gives up after so many."""

    def __init__(self, until: int = 1000) -> None:
        self.waited_s: list[float] = []
        self._until = until

    def __call__(self, wait_s: float) -> bool:
        self.waited_s.append(wait_s)
        return len(self.waited_s) > self._until


CODE: dict[str, Any] = {
    "device_code": "device-code", "user_code": "ABCD-EFGH", "verification_uri": "https://market.example/o/device",
    "expires_in": 600, "interval": 5,
}  # fmt: skip


def error(name: str) -> Said:
    return Said(400, {"error": name})


@pytest.fixture
def device(server: Server) -> Iterator[Callable[..., Waits]]:
    """A log-in by code whose token endpoint gives these answers in turn."""
    waits = Waits()
    shown: list[tuple[str, str]] = []
    server.say("GET", "/api/v1/clock", Clock(utc_ms=NOW_MS))

    def log_in(*answers: Said, **code: object) -> Waits:
        server.say("POST", "/o/device-authorization/", Said(body={**CODE, **code}))
        server.say("POST", "/o/token/", *answers)
        granted = with_device_code(server.url, lambda *said: shown.append(said), waits)
        assert (granted.access_token, granted.refresh_token) == ("new-access", "new-refresh")
        return waits

    yield log_in
    assert shown == [("https://market.example/o/device", "ABCD-EFGH")]
    assert server.asked("/o/device-authorization/")[0].form == {"client_id": CLIENT_ID, "scope": SCOPE}
    for seen in server.asked("/o/token/"):
        assert seen.form == {
            "client_id": CLIENT_ID, "device_code": "device-code",
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        }  # fmt: skip


def test_device_grant_waits_as_told(device: Callable[..., Waits]) -> None:
    pending, slow = error("authorization_pending"), error("slow_down")
    assert device(pending, slow, pending, slow, Said(body=GRANT)).waited_s == [5, 5, 10, 10, 15]


def test_device_grant_never_hurries(device: Callable[..., Waits]) -> None:
    assert device(error("authorization_pending"), Said(body=GRANT), interval=0.001).waited_s == [1, 1]


def test_device_grant_rides_out_a_network_that_fails(device: Callable[..., Waits]) -> None:
    waits = device(CUT, Said(502), error("authorization_pending"), Said(body=GRANT))
    assert waits.waited_s == [5, 10, 20, 20]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [(error("expired_token"), "expired"), (error("access_denied"), r"refused \(access_denied\)"),
     (error("authorization_pending"), "expired"), (CUT, "expired")],
)  # fmt: skip
def test_device_grant_ends(device: Callable[..., Waits], answer: Said, sentence: str) -> None:
    with pytest.raises(RefusedError, match=sentence):
        device(answer, expires_in=60)


def test_device_grant_given_up(server: Server) -> None:
    server.say("GET", "/api/v1/clock", Clock(utc_ms=NOW_MS))
    server.say("POST", "/o/device-authorization/", Said(body=CODE))
    with pytest.raises(RefusedError, match="cancelled"):
        with_device_code(server.url, lambda *_: None, lambda _: True)
    assert server.asked("/o/token/") == []


@pytest.mark.parametrize(
    ("said", "kind"),
    [(error("unauthorized_client"), RefusedError), (Said(404), BusyError), (Said(body={}), BusyError),
     (Said(body={**CODE, "interval": "often"}), BusyError), (Said(body={**CODE, "expires_in": 0}), BusyError)],
)  # fmt: skip
def test_device_grant_that_is_not_offered(server: Server, said: Said, kind: type[Exception]) -> None:
    server.say("GET", "/api/v1/clock", Clock(utc_ms=NOW_MS))
    server.say("POST", "/o/device-authorization/", said)
    with pytest.raises(kind):
        with_device_code(server.url, lambda *_: None, lambda _: False)


# The session


@pytest.fixture
def session(server: Server, vault: MemoryVault, clock: FakeClock) -> Session:
    Session(server.url, vault, clock).keep(OLD)
    server.say("POST", "/o/token/", Said(body=GRANT))
    return Session(server.url, vault, clock)


def test_a_good_token_is_given_without_asking(server: Server, session: Session, clock: FakeClock) -> None:
    assert session.access_token(None) == "old-access"
    clock.advance(3_600_000 - 30_001)
    assert session.access_token(None) == "old-access"
    assert session.access_token("one from before") == "old-access"
    assert server.seen == []


def test_a_token_about_to_end_is_renewed(
    server: Server, session: Session, clock: FakeClock, vault: MemoryVault
) -> None:
    clock.advance(3_600_000 - 30_000)
    assert session.access_token(None) == "new-access"
    assert session.access_token(None) == "new-access"
    assert [seen.form for seen in server.seen] == [
        {"client_id": CLIENT_ID, "grant_type": "refresh_token", "refresh_token": "old-refresh"}
    ]
    again = Session(server.url, vault, clock)
    assert again.access_token(None) == "new-access"
    assert again.access_token("new-access") == "new-access"
    assert server.seen[-1].form["refresh_token"] == "new-refresh"


def test_a_refused_token_is_renewed_once_for_all_who_ask(server: Server, session: Session) -> None:
    assert session.access_token("old-access") == "new-access"
    assert session.access_token("old-access") == "new-access"
    assert len(server.seen) == 1


def test_a_refresh_that_keeps_the_refresh_token(server: Server, session: Session) -> None:
    server.say("POST", "/o/token/", Said(body={"access_token": "newer", "expires_in": 900}))
    assert session.access_token("old-access") == "newer"
    session.access_token("newer")
    assert server.seen[-1].form["refresh_token"] == "old-refresh"


def test_a_dead_log_in_is_told_and_its_tokens_stay(server: Server, session: Session, vault: MemoryVault) -> None:
    kept = dict(vault.kept)
    server.say("POST", "/o/token/", error("invalid_grant"))
    with pytest.raises(LoggedOutError, match="Log in again; what waits is safe"):
        session.access_token("old-access")
    assert vault.kept == kept


@pytest.mark.parametrize(
    "said", [CUT, Said(500, {"error": "server_error"}), Said(503), Said(429, {"error": "slow"}), Said(403, b"<html>"),
             Said(body=b"<html>"), Said(body={}), Said(404)],
)  # fmt: skip
def test_a_marketplace_in_trouble_logs_nobody_out(
    server: Server, session: Session, vault: MemoryVault, said: Said
) -> None:
    kept = dict(vault.kept)
    server.say("POST", "/o/token/", said, Said(body=GRANT))
    with pytest.raises((UnreachableError, BusyError)):
        session.access_token("old-access")
    assert vault.kept == kept
    assert session.access_token("old-access") == "new-access"


def test_a_vault_that_fails_costs_no_log_in(server: Server, session: Session, vault: MemoryVault) -> None:
    """The provider has made the old refresh token worthless: the new one must not be dropped."""
    session.access_token(None)
    vault.error = MachineError("The keyring is locked.")
    with pytest.raises(MachineError, match="locked"):
        session.access_token("old-access")
    assert session.access_token(None) == "new-access"
    vault.error = None
    session.access_token("new-access")
    assert server.seen[-1].form["refresh_token"] == "new-refresh"
    assert "new-refresh" in vault.kept["tokens"]


@pytest.mark.parametrize("kept", ["", "{}", "not json", '{"access": 1}'])
def test_tokens_that_are_damaged_ask_for_a_log_in(server: Server, vault: MemoryVault, kept: str) -> None:
    vault.kept["tokens"] = kept
    with pytest.raises(LoggedOutError, match="Log in again"):
        Session(server.url, vault, FakeClock()).access_token(None)


def test_nobody_logged_in(server: Server, vault: MemoryVault) -> None:
    session = Session(server.url, vault, FakeClock())
    assert not session.is_logged_in()
    with pytest.raises(LoggedOutError, match="daybook login"):
        session.access_token(None)
    session.keep(OLD)
    assert session.is_logged_in()
    assert Session(server.url, vault, FakeClock()).is_logged_in()


def test_no_secret_is_logged(
    provider: Provider, session: Session, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        browser = browse(lambda back: get(back(code="the-code")), provider=provider)
        with_browser(provider.server.url, browser, NEVER)
        provider.server.say("POST", "/o/token/", Said(500), Said(body=GRANT))
        with pytest.raises(BusyError) as caught:
            session.access_token("old-access")
        session.access_token("old-access")
    said = f"{caplog.text}{''.join(capfd.readouterr())}{caught.value!r}{caught.value.__cause__!r}"
    for secret in ("the-code", "old-refresh", "new-refresh", "old-access", "new-access"):
        assert secret not in said
