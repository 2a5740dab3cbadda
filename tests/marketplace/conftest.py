"""Two contracts, their parties, strangers, and a device that records and signs as the tracker does."""

import dataclasses
import hashlib
import io
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.cache import cache
from django.test import Client
from oauth2_provider.models import AccessToken, Application
from PIL import Image
from pytest_django import Settings

from marketplace.accounts.models import Device, User
from marketplace.accounts.services import enrol_device, found_organisation
from marketplace.clock import now_ms
from marketplace.contracts.models import Contract
from marketplace.contracts.services import start_hourly_contract
from wire import canonical, chain, diary, sync
from wire.contract import Blur, Policy
from wire.words import SEGMENT_S, ActivitySource, Kind, RevisionReason, SnapshotStatus

PASSWORD = "a-password-for-tests"
WEEK_MS = 7 * 86_400_000


@pytest.fixture(autouse=True)
def _fresh(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.PICTURES = tmp_path / "pictures"
    cache.clear()  # allauth counts log-ins there
    yield
    shutil.rmtree(tmp_path / "pictures", ignore_errors=True)


def terms(**changed: Any) -> Policy:
    said: dict[str, Any] = {
        "version": 1,
        "snapshots_per_segment": 1,
        "blur": Blur.NONE,
        "sends_window_titles": False,
        "hold_s": 60,
        "allows_manual_time": True,
        "declared_minutes_per_day": 0,
        "protects_declared_time": False,
        "idle_limit_s": 600,
        "activity_threshold": 3,
        "retention_weeks": 26,
        "weekly_limit_minutes": 1800,
        "rate_minor": 4200,
    }
    return Policy(**{**said, **changed})


def token_of(user: User, *, scope: str = "tracker", lives_s: int = 900) -> str:
    token = secrets.token_urlsafe(20)
    AccessToken.objects.create(
        user=user,
        application=Application.objects.get(client_id="daybook-tracker"),
        token=token,
        scope=scope,
        expires=datetime.now(UTC) + timedelta(seconds=lives_s),
    )
    return token


@dataclasses.dataclass(frozen=True)
class Api:
    """Calls the API as one person, or as nobody."""

    token: str | None

    def call(
        self, method: str, path: str, body: Any = b"", content_type: str = "application/json", **headers: str
    ) -> Any:
        if isinstance(body, msgspec.Struct):
            body = msgspec.json.encode(body)
        said = {"Authorization": f"Bearer {self.token}", **headers} if self.token else headers
        client = Client(headers=said, raise_request_exception=False)
        return client.generic(method, f"/api/v1/{path}", body, content_type=content_type)

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any, **options: str) -> Any:
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: bytes, content_type: str = "image/jpeg") -> Any:
        return self.call("PUT", path, body, content_type=content_type)


@dataclasses.dataclass
class People:
    client: User
    freelancer: User
    stranger: User
    other_client: User


@pytest.fixture
def people(db: None) -> People:  # noqa: ARG001 - rows need the database
    make = User.objects.create_user
    return People(
        client=make("mara@northwind.example", "Mara Klein", PASSWORD),
        freelancer=make("ana@example.org", "Ana Silva", PASSWORD),
        stranger=make("otto@example.org", "Otto Fremd", PASSWORD),
        other_client=make("ida@southwind.example", "Ida Berg", PASSWORD),
    )


def _contract(client: User, name: str, freelancer: User, title: str) -> Contract:
    return start_hourly_contract(
        client=found_organisation(name, client),
        freelancer=freelancer,
        title=title,
        currency="USD",
        terms=terms(),
        started_ms=now_ms() - 8 * WEEK_MS,
        agreed_by=client,
    )


@pytest.fixture
def contract(people: People) -> Contract:
    return _contract(people.client, "Northwind Ltd", people.freelancer, "API integration")


@pytest.fixture
def second_contract(people: People) -> Contract:
    """The same freelancer's contract with another client."""
    return _contract(people.other_client, "Southwind Ltd", people.freelancer, "Design system")


@pytest.fixture
def foreign_contract(people: People) -> Contract:
    """A contract that neither the freelancer nor their client has a part in."""
    return _contract(people.other_client, "Southwind Ltd", people.stranger, "Secret project")


def picture_of(width: int = 64, height: int = 48, colour: tuple[int, int, int] = (20, 90, 60)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "JPEG")
    return out.getvalue()


def said_of(full: bytes, thumbnail: bytes, *, width: int = 64, height: int = 48, **changed: Any) -> diary.Picture:
    said: dict[str, Any] = {
        "monitor": 0,
        "width": width,
        "height": height,
        "sha256": hashlib.sha256(full).hexdigest(),
        "size": len(full),
        "thumbnail_sha256": hashlib.sha256(thumbnail).hexdigest(),
        "thumbnail_size": len(thumbnail),
    }
    return diary.Picture(**{**said, **changed})


def snapshot_of(*pictures: diary.Picture, **changed: Any) -> diary.Snapshot:
    said: dict[str, Any] = {"at_ms": 125_000, "status": SnapshotStatus.SENT, "reason": None, "pictures": pictures}
    return diary.Snapshot(**{**said, **changed})


def past_start_s(segments_ago: int = 12) -> int:
    """A grid time so many segments before now."""
    return now_ms() // 1000 // SEGMENT_S * SEGMENT_S - segments_ago * SEGMENT_S


def interval(start_ms: int = 0, end_ms: int = 600_000, **changed: Any) -> diary.Interval:
    said: dict[str, Any] = {"kind": Kind.TRACKED, "memo": "Fix the race", "label": None}
    return diary.Interval(start_ms=start_ms, end_ms=end_ms, **{**said, **changed})


def minute(number: int, keys: int = 0, clicks: int = 0, scrolls: int = 0, *, moved: bool = False) -> diary.Minute:
    return diary.Minute(minute=number, keys=keys, clicks=clicks, scrolls=scrolls, moved=moved, active_s=0)


class Recorder:
    """A device with its key and its chain, as the tracker keeps them."""

    def __init__(self, user: User, name: str = "laptop") -> None:
        self.user = user
        self.key = Ed25519PrivateKey.generate()
        enrolment = sync.Enrolment(name=name, public_key=self.key.public_key().public_bytes_raw().hex())
        self.device: Device = enrol_device(user, enrolment, now_ms=now_ms())
        self.api = Api(token_of(user))
        self.heads = [chain.genesis(self.device.pk)]
        self.links: list[sync.Link] = []

    @property
    def id(self) -> UUID:
        return self.device.pk

    def segment(self, contract: Contract | UUID, start_s: int | None = None, **changed: Any) -> diary.Segment:
        said: dict[str, Any] = {
            "contract": contract if isinstance(contract, UUID) else contract.pk,
            "device": self.id,
            "start_s": past_start_s() if start_s is None else start_s,
            "revision": 1,
            "reason": RevisionReason.RECORDED,
            "policy_version": 1,
            "clock_offset_ms": 0,
            "intervals": (interval(),),
            "activity": diary.Activity(source=ActivitySource.COUNTS, minutes=(minute(2, 40, 3, 5),)),
            "snapshots": (),
        }
        return diary.Segment(**{**said, **changed})

    def seal(
        self, content: diary.Segment | bytes | None, *, digest: bytes | None = None, is_joined: bool = False
    ) -> sync.Link:
        """Append a link to the chain: of a segment, of raw bytes, or bare; joined to the one before, or not."""
        salt = chain.new_salt()
        body = canonical.encode(content) if isinstance(content, diary.Segment) else content
        made = chain.digest(salt, body or b"") if digest is None else digest
        link = sync.Link(
            digest=made.hex(),
            salt=None if body is None else salt.hex(),
            content=msgspec.Raw(b"null" if body is None else body),
            is_joined=is_joined,
        )
        self.links.append(link)
        self.heads.append(chain.extend(self.heads[-1], [made]))
        return link

    def batch(self, first: int = 0, until: int | None = None, *, key: Ed25519PrivateKey | None = None) -> sync.Batch:
        end = len(self.links) if until is None else until
        signature = chain.sign(key or self.key, self.id, self.heads[end])
        return sync.Batch(device=self.id, first=first, links=tuple(self.links[first:end]), signature=signature.hex())

    def send(self, first: int = 0, until: int | None = None) -> Any:
        return self.api.post("segments", self.batch(first, until))

    def outcomes(self, first: int = 0, until: int | None = None) -> tuple[sync.Outcome, ...]:
        response = self.send(first, until)
        assert response.status_code == 200, response.content
        return msgspec.json.decode(response.content, type=sync.BatchAnswer).outcomes

    def missing(self, first: int = 0) -> tuple[sync.Upload, ...]:
        return msgspec.json.decode(self.send(first).content, type=sync.BatchAnswer).missing


@pytest.fixture
def recorder(people: People) -> Recorder:
    return Recorder(people.freelancer)


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


def logged_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def problem_of(response: Any) -> sync.Problem:
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    problem = msgspec.json.decode(response.content, type=sync.Problem)
    assert problem.status == response.status_code
    assert problem.detail.endswith((".", "!")), problem.detail
    return problem
