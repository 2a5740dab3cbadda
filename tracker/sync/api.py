"""The marketplace's API as typed calls; every failure is one of four errors with a sentence for the person."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit
from uuid import UUID

import msgspec

from tracker.domain.errors import MachineError, RefusedError
from wire.contract import Contract
from wire.marks import MarkList
from wire.receipt import Log, Proof, Receipt
from wire.sync import Batch, BatchAnswer, Clock, Device, Enrolment, Person, PictureAnswer, PictureQuery, Problem

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60

_AnswerT = TypeVar("_AnswerT")


class UnreachableError(MachineError):
    """The marketplace did not answer."""


class BusyError(MachineError):
    """The marketplace asks to come back later; `after_s` says when, None leaves it to us."""

    def __init__(self, sentence: str, after_s: float | None) -> None:
        super().__init__(sentence)
        self.after_s = after_s


class LoggedOutError(RefusedError):
    """There is no valid log-in."""


class ProblemError(RefusedError):
    """The marketplace refused a call and said why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.title} {problem.detail}".strip())
        self.problem = problem


class _RawContracts(msgspec.Struct):
    """The contracts' list, each still to be read."""

    contracts: tuple[msgspec.Raw, ...]


class _NamedContract(msgspec.Struct):
    """What a contract must say to be spoken of."""

    id: UUID


@dataclass(frozen=True, slots=True)
class ToldContracts:
    """The contracts that were told, those that cannot be read by their id with what is wrong, and the list's ETag."""

    contracts: tuple[Contract, ...]
    unreadable: dict[UUID, str]
    etag: str | None


class Marketplace:
    """One marketplace, spoken to by one person.

    Args:
        server: its address, without a slash at the end.
        access_token: gives a fresh access token; raises LoggedOutError. Called with the token that was refused, if any.
    """

    def __init__(self, server: str, access_token: Callable[[str | None], str]) -> None:
        self.server = server
        self._access_token = access_token
        self._local = threading.local()

    def clock(self) -> Clock:
        """Ask for the marketplace's time; needs no log-in."""
        return self._decoded(self._send("GET", "/api/v1/clock", token=None), Clock)

    def person(self) -> Person:
        """Ask whose log-in this is."""
        return self._decoded(self._call("GET", "/api/v1/me"), Person)

    def enrol(self, enrolment: Enrolment) -> Device:
        """Enrol this device's key."""
        return self._decoded(self._call("POST", "/api/v1/devices", enrolment), Device)

    def contracts(self, etag: str | None) -> "ToldContracts | None":
        """Fetch the contracts and their ETag; None if they are still those of the given ETag.

        One that cannot be read, as with a policy out of range, is told beside the others and spoils none of them.
        """
        headers = {} if etag is None else {"If-None-Match": etag}
        response = self._call("GET", "/api/v1/contracts", headers=headers)
        if response.status_code == 304:
            return None
        readable, unreadable = list[Contract](), dict[UUID, str]()
        for one in self._decoded(response, _RawContracts).contracts:
            try:
                readable.append(msgspec.json.decode(one, type=Contract))
            except (msgspec.ValidationError, RecursionError) as error:
                unreadable[self._name(one)] = str(error)
        return ToldContracts(tuple(readable), unreadable, response.headers.get("ETag"))

    def marks(self, after: int) -> MarkList:
        """Fetch the person's marks after a number.

        Raises:
            BusyError: they are not in order, so that asking on would never end.
        """
        told = self._decoded(self._call("GET", f"/api/v1/marks?after={after}"), MarkList)
        numbers = [after, *(mark.number for mark in told.marks)]
        if numbers != sorted(set(numbers)):
            raise self._not_a_marketplace()
        return told

    def send_batch(self, batch: Batch) -> BatchAnswer:
        """Send a run of the chain."""
        return self._decoded(self._call("POST", "/api/v1/segments", batch), BatchAnswer)

    def log(self) -> Log:
        """Ask where the marketplace's log stands; needs no log-in."""
        return self._decoded(self._send("GET", "/api/v1/log", token=None), Log)

    def consistency(self, origin: str, old: int, new: int) -> Proof:
        """Ask for the proof that a log only grew between two sizes; needs no log-in."""
        query = urlencode({"origin": origin, "old": old, "new": new})
        return self._decoded(self._send("GET", f"/api/v1/log/consistency?{query}", token=None), Proof)

    def receipt(self, device: UUID, link: int) -> Receipt:
        """Ask for the proof that an accepted revision is in the log."""
        return self._decoded(self._call("GET", f"/api/v1/log/receipts/{device}/{link}"), Receipt)

    def missing_pictures(self, device: UUID, contract: UUID, names: tuple[str, ...]) -> PictureAnswer:
        """Ask which pictures the marketplace lacks."""
        query = PictureQuery(device=device, contract=contract, sha256=names)
        return self._decoded(self._call("POST", "/api/v1/pictures/missing", query), PictureAnswer)

    def put_picture(self, url: str, content: bytes) -> None:
        """Upload a picture's bytes to where the marketplace wants them; the log-in is shown to itself alone."""
        headers = {"Content-Type": "image/jpeg"}
        if _origin(self.server) == _origin(urljoin(f"{self.server}/", url)):
            self._call("PUT", url, content, headers)
        elif url.startswith("https://"):
            self._send("PUT", url, content, headers, token=None)
        else:
            raise self._not_a_marketplace()

    def _call(
        self, method: str, path: str, body: msgspec.Struct | bytes | None = None, headers: dict[str, str] | None = None
    ) -> "requests.Response":
        """Make an authorised call; one refused for its access token is made again with a fresh one."""
        token = self._access_token(None)
        try:
            return self._send(method, path, body, headers, token=token)
        except LoggedOutError:
            return self._send(method, path, body, headers, token=self._access_token(token))

    def _send(
        self,
        method: str,
        path: str,
        body: msgspec.Struct | bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        token: str | None,
    ) -> "requests.Response":
        import requests  # noqa: PLC0415 (18 MB, needed only once there is something to say)
        import urllib3.exceptions  # noqa: PLC0415 (which requests lets through where a name cannot be one)

        headers = {"Accept": "application/json", **(headers or {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if isinstance(body, msgspec.Struct):
            headers["Content-Type"] = "application/json"
            body = msgspec.json.encode(body)
        url = f"{self.server}{path}" if path.startswith("/") else path
        try:
            response = self._session().request(
                method, url, data=body, headers=headers, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                allow_redirects=False, auth=as_given,
            )  # fmt: skip
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise UnreachableError(
                f"The marketplace {self.server} cannot be reached. Check the network; Daybook tries again by itself."
            ) from error
        if response.status_code < 300 or response.status_code == 304:
            return response
        raise self._error(response)

    def _session(self) -> "requests.Session":
        import requests  # noqa: PLC0415 (as above)

        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        session: requests.Session = self._local.session
        return session

    def _error(self, response: "requests.Response") -> Exception:
        if response.status_code == 401:
            return LoggedOutError("You are logged out. Log in again; what waits is safe on this computer.")
        if response.status_code in {429, 503}:
            after = response.headers.get("Retry-After", "")
            return BusyError(
                f"The marketplace {self.server} is busy. Daybook tries again by itself.",
                float(after) if after.isdecimal() else None,
            )
        try:
            problem = ProblemError(msgspec.json.decode(response.content, type=Problem))
            return problem if response.status_code < 500 else BusyError(str(problem), None)
        except (ValueError, RecursionError):
            return BusyError(
                f"The marketplace {self.server} answered with an error ({response.status_code}). Daybook tries again "
                "by itself; if it lasts, tell the marketplace.",
                None,
            )

    def _decoded(self, response: "requests.Response", answer: type[_AnswerT]) -> _AnswerT:
        try:
            return msgspec.json.decode(response.content, type=answer)
        except (ValueError, RecursionError) as error:
            raise self._not_a_marketplace() from error

    def _name(self, contract: msgspec.Raw) -> UUID:
        """Give the id of a contract that cannot be read otherwise."""
        try:
            return msgspec.json.decode(contract, type=_NamedContract).id
        except (msgspec.ValidationError, RecursionError) as error:
            raise self._not_a_marketplace() from error

    def _not_a_marketplace(self) -> BusyError:
        return BusyError(
            f"What {self.server} answered is not a Daybook marketplace's answer. Check the address; nothing was lost.",
            None,
        )


def as_given(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
    """Authorise a request as it is: without this, requests puts a password of ~/.netrc in place of our token."""
    return request


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
