"""Logging in: OAuth 2.0 for native apps (RFC 8252, PKCE by RFC 7636) or the device grant (RFC 8628), and refreshing."""

import base64
import contextlib
import hashlib
import http.server
import logging
import secrets
import sys
import threading
import urllib.parse
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from tracker.clock import Clock
from tracker.domain.errors import MachineError, RefusedError
from tracker.sync.api import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    BusyError,
    LoggedOutError,
    Marketplace,
    UnreachableError,
    as_given,
)
from tracker.sync.credentials import Tokens, Vault

CLIENT_ID = "daybook-tracker"
SCOPE = "tracker"
BROWSER_TIMEOUT_S = 600.0
_TOKENS = "tokens"
_ENDED = "Your log-in has ended. Log in again; what waits is safe on this computer."
_AnswerT = TypeVar("_AnswerT")
_log = logging.getLogger(__name__)
_EARLY_MS = 30_000  # refresh this long before the access token ends
_FINISH_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Daybook</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;display:grid;place-content:center;height:90vh;color-scheme:light dark}}
</style><h1>{title}</h1><p>{text}</p></html>"""


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """The token endpoint's answer (RFC 6749, section 5.1); a refresh may leave the refresh token as it is."""

    access_token: str
    refresh_token: str | None = None
    expires_in: Annotated[int, msgspec.Meta(ge=0)] = 600

    def tokens(self, clock: Clock, *, refresh: str = "") -> Tokens:
        """Give the tokens, with the refresh token that was used where no new one came."""
        return Tokens(
            access=self.access_token,
            refresh=self.refresh_token or refresh,
            expires_ms=clock.read().system_utc_ms + self.expires_in * 1000,
        )


class _Failed(msgspec.Struct, frozen=True, kw_only=True):
    """What an OAuth endpoint answers instead (RFC 6749, section 5.2)."""

    error: str


class _Code(msgspec.Struct, frozen=True, kw_only=True):
    """The device authorisation endpoint's answer (RFC 8628, section 3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: Annotated[int, msgspec.Meta(gt=0)]
    interval: Annotated[float, msgspec.Meta(gt=0)] = 5.0


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
                fields = {"grant_type": "refresh_token", "refresh_token": tokens.refresh}
                answer = _post(self._server, "/o/token/", Granted, **fields)
                if isinstance(answer, _Failed):
                    raise LoggedOutError(_ENDED)
                tokens = answer.tokens(self._clock, refresh=tokens.refresh)
                self.keep(tokens)
            self._tokens = tokens
            return tokens.access

    def is_logged_in(self) -> bool:
        """Tell whether there are tokens at all."""
        return self._tokens is not None or self._vault.get(_TOKENS) is not None

    def keep(self, tokens: Tokens) -> None:
        """Keep a new log-in's tokens; in memory even if the vault fails, for those before are dead."""
        self._tokens = tokens
        self._vault.put(_TOKENS, msgspec.json.encode(tokens).decode())

    def _read(self) -> Tokens:
        kept = self._vault.get(_TOKENS)
        if kept is None:
            raise LoggedOutError("You are not logged in. Log in with: daybook login")
        try:
            return msgspec.json.decode(kept, type=Tokens)
        except (ValueError, RecursionError) as error:
            raise LoggedOutError(_ENDED) from error


def with_browser(
    server: str,
    open_browser: Callable[[str], bool],
    cancelled: threading.Event,
    *,
    within_s: float = BROWSER_TIMEOUT_S,
) -> Granted:
    """Log in through the system's browser and give the token endpoint's answer.

    Args:
        server: the marketplace's address.
        open_browser: opens an address, False if it cannot.
        cancelled: set to give up waiting.
        within_s: how long the person may take.

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
        _check_address(server)
        if not open_browser(f"{server}/o/authorize/?{query}"):
            raise MachineError("No browser could be opened. Log in on another device with: daybook login --device")
        code = loopback.wait(cancelled, within_s)
        answer = _post(
            server, "/o/token/", Granted, grant_type="authorization_code", code=code, redirect_uri=loopback.address,
            code_verifier=verifier,
        )  # fmt: skip
    if isinstance(answer, _Failed):
        raise RefusedError(f"The marketplace did not accept the log-in ({answer.error}). Try again.")
    return answer


def with_device_code(server: str, show: Callable[[str, str], None], wait: Callable[[float], bool]) -> Granted:
    """Log in with a code typed into a browser elsewhere and give the token endpoint's answer.

    A marketplace that cannot be reached for a while is asked less often (RFC 8628, section 3.5), as long as the code
    is good.

    Args:
        server: the marketplace's address.
        show: gets the address to open and the code to type.
        wait: waits so many seconds; True to give up.

    Raises:
        RefusedError: the person refused, gave up, or took too long.
        MachineError: no marketplace.
    """
    started = _post(server, "/o/device-authorization/", _Code, scope=SCOPE)
    if isinstance(started, _Failed):
        raise RefusedError(f"{server} does not offer log-in by code. Log in with a browser: daybook login")
    show(started.verification_uri, started.user_code)
    pause_s, left_s = max(1.0, started.interval), float(started.expires_in)
    while left_s > 0:
        if wait(pause_s):
            raise RefusedError("The log-in was cancelled.")
        left_s -= pause_s
        try:
            answer = _post(
                server, "/o/token/", Granted, grant_type="urn:ietf:params:oauth:grant-type:device_code",
                device_code=started.device_code,
            )  # fmt: skip
        except (UnreachableError, BusyError):
            pause_s *= 2
            continue
        if isinstance(answer, Granted):
            return answer
        match answer.error:
            case "authorization_pending":
                continue
            case "slow_down":
                pause_s += 5
            case "expired_token":
                break
            case error:
                raise RefusedError(f"The log-in was refused ({error}). Start again with: daybook login --device")
    raise RefusedError("The code has expired. Start again with: daybook login --device")


class _Quiet(http.server.ThreadingHTTPServer):
    """A web server that tells nothing of browsers that go away: theirs is the connection, and no traceback is."""

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 (the base class's words)
        """Log what is our own mistake."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            _log.exception("The page that ends a log-in failed.")


class _Loopback:
    """The one-shot web server on 127.0.0.1 that the browser comes back to (RFC 8252, section 7.3)."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._is_answered = False
        self._code: str | None = None
        self._error = "no answer"
        # Browsers open connections ahead and leave them silent, so each has its own thread.
        self._server = _Quiet(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}/callback"

    def __enter__(self) -> "_Loopback":
        serving = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="log-in", daemon=True)
        serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, cancelled: threading.Event, within_s: float) -> str:
        """Wait for the browser and give the authorisation code."""
        waited_s = 0.0
        while not self._done.wait(0.1):
            waited_s += 0.1
            if cancelled.is_set():
                raise RefusedError("The log-in was cancelled.")
            if waited_s >= within_s:
                raise RefusedError("Nobody logged in within ten minutes. Start again with: daybook login")
        if self._code is None:
            raise RefusedError(f"The log-in was refused ({self._error}). Start again with: daybook login")
        return self._code

    def _take(self, answer: dict[str, str]) -> None:
        """Take the first answer; the same page loaded again changes nothing."""
        with self._lock:
            if not self._is_answered:
                self._is_answered = True
                self._code, self._error = answer.get("code"), answer.get("error", "no code")

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        loopback = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Takes the one redirect; anything without our state is not it."""

            def do_GET(self) -> None:
                url = urllib.parse.urlsplit(self.path)
                answer = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
                state = answer.get("state", "").encode()
                if url.path != "/callback" or not secrets.compare_digest(state, loopback._state.encode()):
                    self.send_error(404)
                    return
                loopback._take(answer)
                page = _FINISH_PAGE.format(
                    title="You are logged in" if loopback._code else "You are not logged in",
                    text="You can close this page and return to Daybook.",
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                with contextlib.suppress(OSError):  # the browser may have gone; its answer counts all the same
                    self.end_headers()
                    self.wfile.write(page)
                    self.wfile.flush()
                loopback._done.set()

            def log_message(self, *_: object) -> None:
                """Log nothing: the address holds the authorisation code."""

        return Handler


def _check_address(server: str) -> None:
    """Tell a wrong address here rather than by a browser's error page."""
    Marketplace(server, lambda _: "").clock()


def _post(server: str, path: str, kind: type[_AnswerT], **fields: str) -> _AnswerT | _Failed:
    """Post a form to an OAuth endpoint; its own errors (4xx with `error`) are answers."""
    import requests  # noqa: PLC0415 (18 MB, needed only once there is something to say)
    import urllib3.exceptions  # noqa: PLC0415 (which requests lets through where a name cannot be one)

    try:
        response = requests.post(
            server + path, data={"client_id": CLIENT_ID, **fields}, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            allow_redirects=False, auth=as_given,
        )  # fmt: skip
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise UnreachableError(
            f"The marketplace {server} cannot be reached. Check its address and the network, then try again."
        ) from error
    try:
        if response.status_code in {400, 401, 403}:
            return msgspec.json.decode(response.content, type=_Failed)
        if response.ok:
            return msgspec.json.decode(response.content, type=kind)
    except (ValueError, RecursionError):
        pass
    raise BusyError(
        f"The marketplace {server} did not answer the log-in as expected ({response.status_code}). Check the address "
        "and try again.",
        None,
    )
