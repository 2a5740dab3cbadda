"""The tracker's log-in: authorization code with PKCE, refresh rotation, the device grant."""

import base64
import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest
from django.test import Client
from oauth2_provider.models import AccessToken, Application, DeviceGrant, Grant, RefreshToken

from marketplace.accounts.models import Device, User
from tests.marketplace.conftest import PASSWORD, Api, People, logged_in, problem_of, token_of

REDIRECT = "http://127.0.0.1:53123/callback"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def asked(verifier: str, **changed: str) -> dict[str, str]:
    said = {
        "response_type": "code",
        "client_id": "daybook-tracker",
        "redirect_uri": REDIRECT,
        "scope": "tracker",
        "state": "state-1",
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    return {key: value for key, value in {**said, **changed}.items() if value}


def code_for(person: User, verifier: str) -> str:
    response = logged_in(person).post("/o/authorize/", {**asked(verifier), "allow": "true"})
    assert response.status_code == 302, response.content
    target = urlsplit(response.headers["Location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == REDIRECT
    said = parse_qs(target.query)
    assert said["state"] == ["state-1"]
    return said["code"][0]


def token(client: Client, **said: str) -> Any:
    return client.post("/o/token/", {"client_id": "daybook-tracker", **said})


def tokens_of(person: User, browser: Client) -> dict[str, Any]:
    verifier = secrets.token_urlsafe(48)
    code = code_for(person, verifier)
    response = token(browser, grant_type="authorization_code", code=code, redirect_uri=REDIRECT, code_verifier=verifier)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.usefixtures("db")
def test_the_client_is_public_and_bound_to_loopback() -> None:
    client = Application.objects.get(client_id="daybook-tracker")
    assert client.client_type == "public"
    assert not client.skip_authorization
    assert client.redirect_uri_allowed("http://127.0.0.1:1/callback")
    assert client.redirect_uri_allowed("http://127.0.0.1:65535/callback")
    for other in ("http://example.org/callback", "https://127.0.0.1/callback", "http://127.0.0.1:5/other"):
        assert not client.redirect_uri_allowed(other)


def test_the_whole_flow(people: People, browser: Client) -> None:
    verifier = secrets.token_urlsafe(48)
    start = browser.get("/o/authorize/", asked(verifier))
    assert start.status_code == 302
    assert start.headers["Location"].startswith("/accounts/login/?next=")
    login = browser.get(start.headers["Location"])
    assert login.status_code == 200
    entered = browser.post(
        start.headers["Location"],
        {"login": people.freelancer.email.upper(), "password": PASSWORD, "next": start.wsgi_request.get_full_path()},
    )
    assert entered.status_code == 302
    consent = browser.get(entered.headers["Location"])
    assert b'name="allow"' in consent.content
    assert "form-action 'self' http://127.0.0.1:*" in consent.headers["Content-Security-Policy"]
    answer = browser.post("/o/authorize/", {**asked(verifier), "allow": "true"})
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    given = token(
        browser, grant_type="authorization_code", code=code, redirect_uri=REDIRECT, code_verifier=verifier
    ).json()
    assert given["expires_in"] == 900
    assert Api(given["access_token"]).get("me").json() == {
        "id": people.freelancer.pk,
        "name": "Ana Silva",
        "email": "ana@example.org",
    }
    assert not AccessToken.objects.filter(token=given["access_token"]).exists()  # stored as a checksum alone


def test_refusing_gives_no_code(people: People) -> None:
    response = logged_in(people.freelancer).post("/o/authorize/", asked("v" * 43))
    assert parse_qs(urlsplit(response.headers["Location"]).query)["error"] == ["access_denied"]
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": "", "code_challenge_method": ""},
        {"code_challenge_method": "plain"},
        {"redirect_uri": "http://evil.example/callback"},
        {"client_id": "another"},
        {"scope": "everything"},
        {"response_type": "token"},
    ],
)
def test_a_request_without_its_protections_gives_no_code(people: People, changed: dict[str, str]) -> None:
    person = logged_in(people.freelancer)
    response = person.get("/o/authorize/", asked("v" * 43, **changed))
    assert response.status_code < 500
    assert "evil.example" not in response.headers.get("Location", "")
    person.post("/o/authorize/", {**asked("v" * 43, **changed), "allow": "true"})
    assert not Grant.objects.exists()


def test_another_verifier_gets_no_token(people: People, browser: Client) -> None:
    code = code_for(people.freelancer, "v" * 43)
    said = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    assert token(browser, **said, code_verifier="w" * 43).status_code == 400
    assert token(browser, **said).status_code == 400
    assert not AccessToken.objects.exists()


def test_a_code_works_once(people: People, browser: Client) -> None:
    code = code_for(people.freelancer, "v" * 43)
    said = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": "v" * 43}
    assert token(browser, **said).status_code == 200
    assert token(browser, **said).status_code == 400


def refreshed(browser: Client, tokens: dict[str, Any]) -> Any:
    return token(browser, grant_type="refresh_token", refresh_token=tokens["refresh_token"])


def test_refresh_rotates_and_a_replay_ends_the_family(people: People, browser: Client) -> None:
    first = tokens_of(people.freelancer, browser)
    second = refreshed(browser, first).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert Api(second["access_token"]).get("me").status_code == 200
    RefreshToken.objects.filter(revoked__isnull=False).update(revoked=datetime.now(UTC) - timedelta(seconds=600))
    assert refreshed(browser, first).status_code == 400
    assert refreshed(browser, second).status_code == 400
    assert not RefreshToken.objects.filter(revoked__isnull=True).exists()
    assert Api(second["access_token"]).get("me").status_code == 401


def test_a_refresh_whose_answer_was_lost_can_be_asked_again_for_a_while(people: People, browser: Client) -> None:
    """The lost pair dies as the next is given; whoever shows it afterwards ends the family."""
    first = tokens_of(people.freelancer, browser)
    lost = refreshed(browser, first).json()
    again = refreshed(browser, first).json()
    assert Api(again["access_token"]).get("me").status_code == 200
    assert Api(lost["access_token"]).get("me").status_code == 401
    assert RefreshToken.objects.filter(revoked__isnull=True).count() == 1
    third = refreshed(browser, again).json()
    assert Api(third["access_token"]).get("me").status_code == 200
    assert refreshed(browser, first).status_code == 400  # two generations back
    assert refreshed(browser, third).status_code == 400
    assert not RefreshToken.objects.filter(revoked__isnull=True).exists()


@pytest.mark.parametrize("what", ["expired", "another scope", "unknown", "inactive", "scheme", "query"])
def test_a_token_that_does_not_hold_is_refused(people: People, what: str) -> None:
    good = token_of(people.freelancer)
    assert Api(good).get("me").status_code == 200
    match what:
        case "expired":
            response = Api(token_of(people.freelancer, lives_s=-1)).get("me")
        case "another scope":
            response = Api(token_of(people.freelancer, scope="other")).get("me")
        case "unknown":
            response = Api("nonsense").get("me")
        case "inactive":
            User.objects.filter(pk=people.freelancer.pk).update(is_active=False)
            response = Api(good).get("me")
        case "scheme":
            response = Api(None).get("me", Authorization=f"Basic {good}")
        case _:
            response = Api(None).get(f"me?access_token={good}")
    problem = problem_of(response)
    assert (problem.status, problem.code) == (401, "unauthorised")
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_browser_session_is_no_token(people: People) -> None:
    response = logged_in(people.freelancer).get("/api/v1/contracts")
    assert problem_of(response).status == 401


def device_asked(browser: Client) -> dict[str, Any]:
    body = urlencode({"client_id": "daybook-tracker", "scope": "tracker"})
    response = browser.post("/o/device-authorization/", body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def redeemed(browser: Client, said: dict[str, Any]) -> Any:
    return token(browser, grant_type=DEVICE_CODE, device_code=said["device_code"])


def decide(person: User, said: dict[str, Any], action: str) -> Any:
    client = logged_in(person)
    typed = f" {said['user_code'][:4].lower()}-{said['user_code'][4:].lower()} "
    confirm = client.post("/o/device", {"user_code": typed})
    assert confirm.status_code == 302, confirm.content
    assert client.get(confirm.headers["Location"]).status_code == 200
    done = client.post(confirm.headers["Location"], {"action": action})
    assert done.status_code == 302
    return client.get(done.headers["Location"])


def test_the_device_grant(people: People, browser: Client) -> None:
    said = device_asked(browser)
    assert said["verification_uri"] == "http://127.0.0.1:8000/o/device"
    assert said["verification_uri_complete"].endswith(f"?user_code={said['user_code']}")
    assert browser.get("/o/device").status_code == 302  # to the log-in page
    waiting = redeemed(browser, said)
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")
    assert b"return to Daybook" in decide(people.freelancer, said, "accept").content
    given = redeemed(browser, said)
    assert given.status_code == 200, given.content
    assert Api(given.json()["access_token"]).get("me").json()["email"] == "ana@example.org"
    refreshed = token(browser, grant_type="refresh_token", refresh_token=given.json()["refresh_token"])
    assert refreshed.status_code == 200


def test_a_device_code_works_once(people: People, browser: Client) -> None:
    said = device_asked(browser)
    decide(people.freelancer, said, "accept")
    assert redeemed(browser, said).status_code == 200
    assert redeemed(browser, said).status_code == 400
    assert AccessToken.objects.count() == 1


def test_a_denied_device_gets_nothing(people: People, browser: Client) -> None:
    said = device_asked(browser)
    assert b"not let in" in decide(people.freelancer, said, "deny").content
    assert redeemed(browser, said).json()["error"] == "access_denied"
    assert not AccessToken.objects.exists()


def test_an_expired_device_code_gets_nothing(people: People, browser: Client) -> None:
    said = device_asked(browser)
    decide(people.freelancer, said, "accept")
    DeviceGrant.objects.update(expires=datetime.now(UTC) - timedelta(seconds=1))
    assert redeemed(browser, said).json()["error"] == "expired_token"
    assert not AccessToken.objects.exists()


@pytest.mark.usefixtures("db")
def test_unknown_device_codes_are_no_bug_of_ours(browser: Client) -> None:
    assert redeemed(browser, {"device_code": "nonsense"}).status_code == 400
    assert token(browser, grant_type=DEVICE_CODE).status_code == 400


def test_a_wrong_user_code_says_so(people: People) -> None:
    response = logged_in(people.freelancer).post("/o/device", {"user_code": "NOPE"})
    assert response.status_code == 200
    assert b"Incorrect user code" in response.content


def test_a_wrong_password_says_so_and_lets_nobody_in(people: People, browser: Client) -> None:
    response = browser.post("/accounts/login/", {"login": people.client.email, "password": "wrong"})
    assert response.status_code == 200
    assert b'role="alert"' in response.content
    assert browser.get("/").status_code == 302


def test_enrolling_a_device(people: People) -> None:
    api = Api(token_of(people.freelancer))
    body = {"name": "laptop", "public_key": "ab" * 32}
    first = api.post("devices", msgspec.json.encode(body)).json()
    assert api.post("devices", msgspec.json.encode(body)).json() == first
    assert Device.objects.count() == 1
    for wrong in ({**body, "public_key": "zz" * 32}, {**body, "name": ""}, {"name": "x"}):
        assert problem_of(api.post("devices", msgspec.json.encode(wrong))).status == 422
    assert problem_of(Api(None).post("devices", msgspec.json.encode(body))).status == 401
    assert Device.objects.count() == 1
