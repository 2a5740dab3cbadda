"""A web server whose answers a test scripts, and one that keeps a chain as a marketplace does."""

import hashlib
import http.server
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tests.fakes.terms import contract
from wire import chain, merkle
from wire.contract import Contract, ContractList
from wire.leaf import Leaf, RevisionLeaf, decode, encode
from wire.marks import Mark, MarkList
from wire.note import Algorithm, Note, Verifier
from wire.receipt import Checkpoint, Edge, Log, Proof, Receipt
from wire.sync import (
    Accepted,
    Batch,
    BatchAnswer,
    Clock,
    Device,
    Duplicate,
    Enrolment,
    Link,
    Outcome,
    Person,
    PictureAnswer,
    PictureQuery,
    Problem,
    Rejected,
    Upload,
)

DEVICE = UUID(int=77)
_OPEN = {"/api/v1/clock", "/api/v1/log", "/api/v1/log/consistency"}
PERSON = Person(id=7, name="Robin", email="robin@example.net")
NOW_MS = 1_795_435_200_000
STORED_MS = 123


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


@dataclass(frozen=True)
class Said:
    """An answer; `cut` drops the connection before its last byte, as a network that fails once the server has acted."""

    status: int = 200
    body: bytes | msgspec.Struct | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode() if isinstance(self.body, dict) else msgspec.json.encode(self.body)


CUT = Said(cut=True)
Route = Callable[[Seen], Said | msgspec.Struct]


def problem(status: int, code: str, *, next_link: int | None = None) -> Said:
    said = Problem(title="It is refused.", status=status, detail="Because.", code=code, next_link=next_link)
    return Said(status, said, {"Content-Type": "application/problem+json"})


class _Quiet(http.server.ThreadingHTTPServer):
    """Says nothing of clients that go away, as those under test do on purpose."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # handed on as they came


class Answers:
    """Answers each address as its route says, 404 elsewhere; remembers every request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.routes: dict[tuple[str, str], Route] = {}
        self.seen: list[Seen] = []

    def answer(self, seen: Seen) -> Said:
        route = self.routes.get((seen.method, seen.path))
        said = Said(404, b"<h1>Not here</h1>") if route is None else route(seen)
        return said if isinstance(said, Said) else Said(body=said)

    def say(self, method: str, path: str, *answers: Said | msgspec.Struct) -> None:
        """Answer these in turn, the last for ever."""
        left = list(answers)
        self.routes[method, path] = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def asked(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]


class Server(Answers):
    """Answers on loopback, as a real web server."""

    def __init__(self) -> None:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                url = urlsplit(self.path)
                seen = Seen(
                    self.command,
                    url.path,
                    {name: values[0] for name, values in parse_qs(url.query).items()},
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(int(self.headers.get("Content-Length", 0))),
                )
                server.seen.append(seen)
                said = server.answer(seen)
                content = said.content()
                if said.cut:
                    self.close_connection = True
                    if content:
                        self.send_response(said.status)
                        self.send_header("Content-Length", str(len(content)))
                        self.end_headers()
                        self.wfile.write(content[:-1])
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = _answer  # noqa: N815 (the standard library's names)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        super().__init__(f"http://127.0.0.1:{self._server.server_port}")
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class FakeLog:
    """An honest log in memory; a test that wants a dishonest one exchanges or edits it."""

    def __init__(self, origin: str = "127.0.0.1/log/1", follows: str | None = None) -> None:
        self.origin, self.follows = origin, follows
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
        self.frontier = merkle.Frontier()
        self.leaves: list[bytes] = []
        self._nodes: dict[tuple[int, int], bytes] = {}

    def append(self, leaves: Iterable[Leaf]) -> Edge:
        before = self.frontier
        for one in leaves:
            self.leaves.append(encode(one))
            self.frontier, nodes = self.frontier.grown(merkle.leaf_hash(self.leaves[-1]))
            self._nodes |= {(node.level, node.index): node.hash for node in nodes}
        return Edge(size=before.size, peaks=tuple(one.hex() for one in before.peaks))

    def stated(self) -> Log:
        stated = Checkpoint(self.origin, self.frontier.size, self.frontier.root)
        note = Note(str(stated), ()).signed(self.origin, self.key)
        key = Verifier(self.origin, Algorithm.ED25519, self.key.public_key().public_bytes_raw())
        return Log(key=str(key), checkpoint=str(note), follows=self.follows)

    def consistency(self, old: int, new: int) -> Said | Proof:
        if not 0 <= old <= new <= self.frontier.size:
            return problem(422, "unknown_size")
        return _proof(merkle.consistency_proof(old, new, self._at))

    def receipt(self, device: UUID, link: int) -> Receipt | None:
        for index, data in enumerate(self.leaves):
            leaf = decode(data)
            if isinstance(leaf, RevisionLeaf) and (leaf.device, leaf.link) == (device, link):
                proof = _proof(merkle.inclusion_proof(index, self.frontier.size, self._at))
                return Receipt(leaf=data.decode(), index=index, proof=proof, checkpoint=self.stated().checkpoint)
        return None

    def _at(self, level: int, index: int) -> bytes:
        return self._nodes[level, index]


def _proof(hashes: Iterable[bytes]) -> Proof:
    return Proof(hashes=tuple(one.hex() for one in hashes))


class Rules(Answers):
    """Keeps links, contents and pictures in memory by the API's rules; a test turns its knobs."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.key: Ed25519PublicKey | None = None
        self.valid = {"good"}
        self.person = PERSON
        self.contracts: tuple[Contract, ...] = (contract(),)
        self.etag = "one"
        self.utc_ms = NOW_MS
        self.links: list[str] = []
        self.contents: dict[int, bytes] = {}
        self.refused: dict[int, Outcome] = {}
        self.judge: Callable[[int, bytes], Outcome] = lambda _index, _content: Accepted(received_ms=STORED_MS)
        self.named: dict[UUID, tuple[str, ...]] = {}
        self.pictures: dict[tuple[str, str], bytes] = {}
        self.refused_pictures: set[str] = set()
        self.marks: list[Mark] = []
        self.batches: list[Batch] = []
        self.log = FakeLog()
        self.interfere: Callable[[Seen, Said], Said] = lambda _seen, said: said
        self.routes |= {
            ("GET", "/api/v1/clock"): lambda _: Clock(utc_ms=self.utc_ms),
            ("GET", "/api/v1/me"): lambda _: self.person,
            ("POST", "/api/v1/devices"): self._enrol,
            ("GET", "/api/v1/contracts"): self._contracts,
            ("GET", "/api/v1/marks"): self._marks,
            ("POST", "/api/v1/segments"): self._segments,
            ("POST", "/api/v1/pictures/missing"): self._missing,
            ("GET", "/api/v1/log"): lambda _: self.log.stated(),
            ("GET", "/api/v1/log/consistency"): self._consistency,
        }

    def answer(self, seen: Seen) -> Said:
        if seen.path.startswith("/api/") and seen.path not in _OPEN and seen.token not in self.valid:
            return problem(401, "unauthorised")
        if seen.path.startswith("/api/v1/log/receipts/"):
            return self.interfere(seen, self._receipt(seen))
        said = self._put(seen) if seen.method == "PUT" else super().answer(seen)
        return self.interfere(seen, said)

    def lose(self, links: int) -> None:
        """Be restored from a backup that has only so many links."""
        self.links = self.links[:links]
        self.contents = {index: content for index, content in self.contents.items() if index < links}

    def _enrol(self, seen: Seen) -> Device:
        public_key = msgspec.json.decode(seen.body, type=Enrolment).public_key
        self.key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        return Device(id=DEVICE)

    def _contracts(self, seen: Seen) -> Said:
        if seen.headers.get("if-none-match") == self.etag:
            return Said(304)
        return Said(body=ContractList(contracts=self.contracts), headers={"ETag": self.etag})

    def _marks(self, seen: Seen) -> MarkList:
        after = int(seen.query["after"])
        newest = max((mark.number for mark in self.marks), default=0)
        return MarkList(marks=tuple(one for one in self.marks if one.number > after)[:2], newest=newest)

    def _segments(self, seen: Seen) -> Said | BatchAnswer:
        batch = msgspec.json.decode(seen.body, type=Batch)
        self.batches.append(batch)
        if batch.first > len(self.links):
            return problem(409, "chain_gap", next_link=len(self.links))
        digests = self.links[: batch.first] + [link.digest for link in batch.links]
        head = chain.extend(chain.genesis(batch.device), [bytes.fromhex(one) for one in digests])
        assert self.key is not None
        if not chain.is_signed(self.key, batch.device, head, bytes.fromhex(batch.signature)):
            return problem(422, "bad_signature")
        outcomes = tuple(self._take(index, link) for index, link in enumerate(batch.links, batch.first))
        leaves = [
            RevisionLeaf(device=batch.device, link=index, digest=link.digest)
            for index, (link, outcome) in enumerate(zip(batch.links, outcomes, strict=True), batch.first)
            if isinstance(outcome, Accepted) and not link.is_bare
        ]
        edge = self.log.append(leaves) if leaves else None
        return BatchAnswer(outcomes=outcomes, missing=(), edge=edge, checkpoint=self.log.stated().checkpoint)

    def _consistency(self, seen: Seen) -> Said | Proof:
        if seen.query["origin"] != self.log.origin:
            return problem(404, "unknown_log")
        return self.log.consistency(int(seen.query["old"]), int(seen.query["new"]))

    def _take(self, index: int, link: Link) -> Outcome:
        if index == len(self.links):
            self.links.append(link.digest)
        if index in self.contents:
            return Duplicate(received_ms=STORED_MS)
        if link.is_bare:
            return self.refused.get(index, Rejected(code="bare", sentence="There is no content."))
        outcome = self.judge(index, bytes(link.content))
        if isinstance(outcome, Accepted):
            self.contents[index] = bytes(link.content)
        elif isinstance(outcome, Rejected):
            self.refused[index] = outcome
        return outcome

    def _missing(self, seen: Seen) -> PictureAnswer:
        query = msgspec.json.decode(seen.body, type=PictureQuery)
        lacking = [name for name in query.sha256 if (str(query.contract), name) not in self.pictures]
        urls = [Upload(sha256=name, url=f"{self.url}/api/v1/pictures/{query.contract}/{name}") for name in lacking]
        return PictureAnswer(missing=tuple(urls))

    def _receipt(self, seen: Seen) -> Said:
        device, link = seen.path.split("/")[-2:]
        found = self.log.receipt(UUID(device), int(link))
        return problem(404, "unknown_link") if found is None else Said(body=found)

    def _put(self, seen: Seen) -> Said:
        contract_id, name = seen.path.split("/")[-2:]
        if name in self.refused_pictures:
            return problem(422, "not_a_picture")
        assert hashlib.sha256(seen.body).hexdigest() == name
        self.pictures[contract_id, name] = seen.body
        return Said(204)


class FakeMarketplace(Server, Rules):
    """These rules on loopback."""
