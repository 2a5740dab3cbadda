"""Logging in: OAuth 2.0 for native apps (RFC 8252, PKCE by RFC 7636) or the device grant (RFC 8628), and refreshing."""

import base64
import hashlib
import http.server
import secrets
import threading
import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from tracker.clock import Clock
from tracker.domain.errors import MachineError, RefusedError
from tracker.sync.api import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, BusyError, LoggedOutError, UnreachableError
from tracker.sync.credentials import Tokens, Vault

if TYPE_CHECKING:
    import requests

CLIENT_ID = "daybook-tracker"
SCOPE = "tracker"
BROWSER_TIMEOUT_S = 600.0
_TOKENS = "tokens"
_EARLY_MS = 30_000  # refresh this long before the access token ends
_FINISH_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Daybook</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;display:grid;place-content:center;height:90vh;color-scheme:light dark}}
</style><h1>{title}</h1><p>{text}</p></html>"""


class Session:
    """One person's log-in at one marketplace: hands out access tokens and keeps the refresh token in the vault.

    Args:
        server: the marketplace's address, without a slash at the end.
        vault: where the tokens are kept.
        clock: for when a token ends.
    """

    def __init__(self, server: str, vault: Vault, clock: Clock) -> None:
        self._server = server
        self._vault = vault
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None

    def access_token(self, refused: str | None) -> str:
        """Give an access token, refreshed if it is about to end or is the one that was refused.

        Raises:
            LoggedOutError: there is no log-in, or it has ended.
            UnreachableError: the marketplace did not answer.
        """
        with self._lock:
            tokens = self._tokens or self._read()
            if tokens.access == refused or tokens.expires_ms - _EARLY_MS <= self._clock.read().system_utc_ms:
                answer = _post(self._server, "/o/token/", grant_type="refresh_token", refresh_token=tokens.refresh)
                if "error" in answer:
                    raise LoggedOutError("Your log-in has ended. Log in again; what waits is safe on this computer.")
                tokens = tokens_from(answer, self._clock)
                self.keep(tokens)
            self._tokens = tokens
            return tokens.access

    def is_logged_in(self) -> bool:
        """Tell whether there are tokens at all."""
        return self._tokens is not None or self._vault.get(_TOKENS) is not None

    def keep(self, tokens: Tokens) -> None:
        """Keep a new log-in's tokens."""
        self._vault.put(_TOKENS, msgspec.json.encode(tokens).decode())
        self._tokens = tokens

    def _read(self) -> Tokens:
        kept = self._vault.get(_TOKENS)
        if kept is None:
            raise LoggedOutError("You are not logged in. Log in with: daybook login")
        return msgspec.json.decode(kept, type=Tokens)


def tokens_from(answer: dict[str, Any], clock: Clock) -> Tokens:
    """Read what the token endpoint answered."""
    return Tokens(
        access=str(answer["access_token"]),
        refresh=str(answer["refresh_token"]),
        expires_ms=clock.read().system_utc_ms + int(answer["expires_in"]) * 1000,
    )


def with_browser(server: str, open_browser: Callable[[str], bool], cancelled: threading.Event) -> dict[str, Any]:
    """Log in through the system's browser and give the token endpoint's answer.

    Args:
        server: the marketplace's address.
        open_browser: opens an address, False if it cannot.
        cancelled: set to give up waiting.

    Raises:
        RefusedError: the person refused, gave up, or took too long.
        MachineError: no browser, or no marketplace.
    """
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with _Loopback(state) as loopback:
        query = urllib.parse.urlencode(
            {
                "response_type": "code",
                "client_id": CLIENT_ID,
                "redirect_uri": loopback.address,
                "scope": SCOPE,
                "state": state,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        _get(server, "/api/v1/clock")  # a wrong address is told here rather than by a browser's error page
        if not open_browser(f"{server}/o/authorize/?{query}"):
            raise MachineError("No browser could be opened. Log in on another device with: daybook login --device")
        code = loopback.wait(cancelled)
        answer = _post(
            server, "/o/token/", grant_type="authorization_code", code=code, redirect_uri=loopback.address,
            code_verifier=verifier,
        )  # fmt: skip
    if "error" in answer:
        raise RefusedError(f"The marketplace did not accept the log-in ({answer['error']}). Try again.")
    return answer


def with_device_code(server: str, show: Callable[[str, str], None], wait: Callable[[float], bool]) -> dict[str, Any]:
    """Log in with a code typed into a browser elsewhere and give the token endpoint's answer.

    Args:
        server: the marketplace's address.
        show: gets the address to open and the code to type.
        wait: waits so many seconds; True to give up.

    Raises:
        RefusedError: the person refused, gave up, or took too long.
        MachineError: no marketplace.
    """
    started = _post(server, "/o/device-authorization/", scope=SCOPE)
    if "device_code" not in started:
        raise RefusedError(f"{server} does not offer log-in by code. Log in with a browser: daybook login")
    show(str(started["verification_uri"]), str(started["user_code"]))
    pause_s = float(started.get("interval", 5))
    while not wait(pause_s):
        answer = _post(
            server, "/o/token/", grant_type="urn:ietf:params:oauth:grant-type:device_code",
            device_code=str(started["device_code"]),
        )  # fmt: skip
        match answer.get("error"):
            case None:
                return answer
            case "authorization_pending":
                continue
            case "slow_down":
                pause_s += 5
            case "expired_token":
                raise RefusedError("The code has expired. Start again with: daybook login --device")
            case error:
                raise RefusedError(f"The log-in was refused ({error}). Start again with: daybook login --device")
    raise RefusedError("The log-in was cancelled.")


class _Loopback:
    """The one-shot web server on 127.0.0.1 that the browser comes back to (RFC 8252, section 7.3)."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._done = threading.Event()
        self._code: str | None = None
        self._error = "no answer"
        self._server = http.server.HTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}/callback"

    def __enter__(self) -> "_Loopback":
        threading.Thread(target=self._server.serve_forever, name="log-in", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, cancelled: threading.Event) -> str:
        """Wait for the browser and give the authorisation code."""
        waited_s = 0.0
        while not self._done.wait(0.1):
            waited_s += 0.1
            if cancelled.is_set():
                raise RefusedError("The log-in was cancelled.")
            if waited_s >= BROWSER_TIMEOUT_S:
                raise RefusedError("Nobody logged in within ten minutes. Start again with: daybook login")
        if self._code is None:
            raise RefusedError(f"The log-in was refused ({self._error}). Start again with: daybook login")
        return self._code

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        loopback = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Takes the one redirect; anything without our state is not it."""

            def do_GET(self) -> None:
                url = urllib.parse.urlsplit(self.path)
                answer = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
                if url.path != "/callback" or not secrets.compare_digest(answer.get("state", ""), loopback._state):
                    self.send_error(404)
                    return
                loopback._code, loopback._error = answer.get("code"), answer.get("error", "no code")
                page = _FINISH_PAGE.format(
                    title="You are logged in" if loopback._code else "You are not logged in",
                    text="You can close this page and return to Daybook.",
                )
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(page.encode())
                loopback._done.set()

            def log_message(self, *_: object) -> None:
                """Log nothing: the address holds the authorisation code."""

        return Handler


def _get(server: str, path: str) -> "requests.Response":
    return _request("GET", server, path, None)


def _post(server: str, path: str, **fields: str) -> dict[str, Any]:
    """Post a form to an OAuth endpoint; its own errors (4xx with `error`) are answers."""
    response = _request("POST", server, path, {"client_id": CLIENT_ID, **fields})
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BusyError(
            f"The marketplace {server} did not answer the log-in as expected ({response.status_code}). Check the "
            "address and try again.",
            None,
        ) from error


def _request(method: str, server: str, path: str, fields: dict[str, str] | None) -> "requests.Response":
    import requests  # noqa: PLC0415 (18 MB, needed only once there is something to say)

    try:
        return requests.request(
            method, server + path, data=fields, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S), allow_redirects=False
        )
    except requests.RequestException as error:
        raise UnreachableError(
            f"The marketplace {server} cannot be reached. Check its address and the network, then try again."
        ) from error
