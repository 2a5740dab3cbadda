"""Edits against the real marketplace: each arrives as a revision, and the client's page shows what counts then."""

import io
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
import requests
from PIL import Image

from stage.servers import Account, Agreement, Marketplace, Seed
from tests.tracker.sync.conftest import MemoryVault
from tests.tracker.sync.test_real_marketplace import Browser
from tracker.clock import SystemClock
from tracker.commands import (
    AddTime,
    DescribeTime,
    Done,
    EditCommand,
    LogIn,
    MoveTime,
    RemoveTime,
    SyncAnswer,
    WithholdPictures,
)
from tracker.domain.clock import Moment
from tracker.domain.events import Worked
from tracker.domain.segment import Interval, segment_start_ms
from tracker.domain.session import State
from tracker.editing import Editing
from tracker.store.buffer import open_buffer
from tracker.store.journal import Measured
from tracker.sync.login import with_browser
from tracker.sync.sealer import Sealer
from tracker.sync.service import SyncService
from tracker.worker import ThreadWorker
from wire.contract import Contract, ContractList
from wire.diary import Picture
from wire.words import MINUTE_MS, SEGMENT_MS, ActivitySource, Kind

MINUTE = MINUTE_MS


class Laptop:
    """An enrolled device on a real buffer, without an engine: what is due is done when a test says so."""

    def __init__(self, folder: Path, marketplace: Marketplace, seed: Seed) -> None:
        self.buffer = open_buffer(folder, bytes(32))
        self.sync_service = SyncService(
            self.buffer,
            MemoryVault(),
            SystemClock(),
            ThreadWorker("sync"),
            on_contact=lambda *_: None,
            on_change=lambda: None,
        )
        granted = with_browser(marketplace.url, Browser(seed.freelancer).open, threading.Event(), within_s=20)
        tokens = granted.tokens(SystemClock())
        log_in = LogIn(marketplace.url, tokens.access, tokens.refresh, tokens.expires_ms)
        assert isinstance(self.sync_service.log_in(log_in).result(), Done)
        self.sealer = Sealer(self.buffer.database, self.buffer.journal, self.buffer.snapshots, self.buffer.outbox)
        self.editing = Editing(self.buffer, self.sync_service)
        self._next_ms = segment_start_ms(self.now().utc_ms) - 12 * SEGMENT_MS

    def now(self) -> Moment:
        reading = SystemClock().read()
        return Moment(
            reading.system_utc_ms, reading.boot_ms, reading.mono_ms, 0, is_provisional=False, boot_id=reading.boot_id
        )

    def contract(self, agreement: Agreement) -> Contract:
        return next(one for one in self.sync_service.contracts() if one.id == UUID(agreement.id))

    @property
    def device(self) -> UUID:
        device = self.sync_service.device
        assert device is not None
        return device

    def record(self, contract: Contract, *, snaps_at_ms: int | None = None) -> int:
        """Record eight minutes of a segment of its own, seal and send it; gives its start."""
        start_ms, self._next_ms = self._next_ms, self._next_ms + SEGMENT_MS
        interval = Interval(contract.id, start_ms, start_ms + 8 * MINUTE, Kind.TRACKED, "as it was recorded")
        measured = Measured(contract.id, start_ms, ActivitySource.COUNTS, 9, 0, 0, moved=True)
        self.buffer.journal.write(
            State(), (Worked(interval),), measured, now=self.now(), policy_version=contract.policy.version
        )
        if snaps_at_ms is not None:
            self._snap(contract, start_ms + snaps_at_ms)
        assert self.sealer.seal(self.device, State(), self.now()) == 1
        self.sync()
        return start_ms

    def edit(self, command: EditCommand) -> None:
        """Ask for an edit, carry it out, and send what it made."""
        assert isinstance(self.editing.ask(command, State(), self.now()), Done)
        assert self.editing.carry_out(State(), self.now())
        assert self.editing.trouble is None

    def sync(self) -> SyncAnswer:
        answer = self.sync_service.sync().result()
        assert isinstance(answer, SyncAnswer)
        assert answer.problem is None
        assert (answer.waiting_segments, answer.waiting_pictures) == (0, 0)
        return answer

    def _snap(self, contract: Contract, at_ms: int) -> None:
        full, small = (_jpeg(64, 48, at_ms), _jpeg(16, 12, at_ms))
        picture = Picture(
            monitor=0, width=64, height=48, sha256=self.buffer.pictures.put(full), size=len(full),
            thumbnail_sha256=self.buffer.pictures.put(small), thumbnail_size=len(small),
        )  # fmt: skip
        self.buffer.snapshots.add(contract.id, at_ms, drawn_ms=at_ms, pictures=(picture,), leaves_ms=at_ms)


def _jpeg(width: int, height: int, number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (number // MINUTE % 251, 90, 60)).save(out, "JPEG")
    return out.getvalue()


class Client:
    """The client at a browser."""

    def __init__(self, url: str, account: Account) -> None:
        self._browser = Browser(account)
        self._url = url
        self._browser.open_page(f"{url}/")

    def segment(self, contract: Contract, start_ms: int, device: UUID) -> str:
        """Read the page of a segment as text."""
        answer = self._browser.open_page(f"{self._url}/contracts/{contract.id}/segments/{start_ms // 1000}/{device}/")
        return answer.text

    def pictures(self, page: str, contract: Contract) -> list[int]:
        """Fetch every picture that a page names, and give the answers' codes."""
        names = set(re.findall(r"/pictures/([0-9a-f]{64})", page))
        return [self.picture(contract, name).status_code for name in sorted(names)]

    def picture(self, contract: Contract, name: str) -> requests.Response:
        return self._browser.fetch(f"{self._url}/contracts/{contract.id}/pictures/{name}")


def worked(page: str) -> str:
    return _fact("Worked", page)


def revision(page: str) -> str:
    return _fact("Revision", page)


def _fact(name: str, page: str) -> str:
    found = re.search(rf"<dt>{name}</dt><dd>([^<]*)</dd>", page)
    assert found is not None
    return found[1]


def memos(page: str) -> list[str]:
    return re.findall(r'<p class="memo-text">([^<]*)</p>', page)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Marketplace, Seed]]:
    marketplace = Marketplace(tmp_path_factory.mktemp("marketplace"), os.environ)
    seed = marketplace.seed(hold_s=1)
    marketplace.start()
    yield marketplace, seed
    marketplace.stop()


@pytest.fixture(scope="module")
def laptop(place: tuple[Marketplace, Seed], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    laptop = Laptop(tmp_path_factory.mktemp("laptop") / "data", *place)
    yield laptop
    laptop.buffer.database.close()


@pytest.fixture(scope="module")
def client(place: tuple[Marketplace, Seed]) -> Client:
    return Client(place[0].url, place[1].client)


@pytest.fixture
def api(place: tuple[Marketplace, Seed], laptop: Laptop) -> Contract:
    return laptop.contract(place[1].contracts[0])


@pytest.fixture
def design(place: tuple[Marketplace, Seed], laptop: Laptop) -> Contract:
    return laptop.contract(place[1].contracts[1])


def test_another_memo_arrives(laptop: Laptop, client: Client, api: Contract) -> None:
    start_ms = laptop.record(api)
    assert memos(client.segment(api, start_ms, laptop.device)) == ["as it was recorded"]
    laptop.edit(DescribeTime(str(api.id), start_ms, start_ms + 3 * MINUTE, "what it really was", "Review"))
    assert laptop.sync().sent_segments == 1
    page = client.segment(api, start_ms, laptop.device)
    assert memos(page) == ["what it really was", "as it was recorded"]
    assert "Review" in page
    assert (worked(page), revision(page)) == ("0:08:00", "2, described anew")


def test_a_cut_arrives_and_withholds_the_picture_in_it(laptop: Laptop, client: Client, api: Contract) -> None:
    start_ms = laptop.record(api, snaps_at_ms=4 * MINUTE)
    before = client.segment(api, start_ms, laptop.device)
    assert client.pictures(before, api) == [200]
    name = re.findall(r"/pictures/([0-9a-f]{64})", before)[0]
    laptop.edit(RemoveTime(str(api.id), start_ms + 3 * MINUTE, start_ms + 5 * MINUTE))
    laptop.sync()
    page = client.segment(api, start_ms, laptop.device)
    assert (worked(page), revision(page)) == ("0:06:00", "2, cut: time was taken away")
    assert client.pictures(page, api) == []
    assert client.picture(api, name).status_code == 404


def test_a_move_arrives_whole(laptop: Laptop, client: Client, api: Contract, design: Contract) -> None:
    start_ms = laptop.record(api, snaps_at_ms=2 * MINUTE)
    laptop.edit(MoveTime(str(api.id), start_ms, start_ms + 5 * MINUTE, str(design.id), "for the other one"))
    assert laptop.sync().sent_segments == 2
    left, arrived = (client.segment(one, start_ms, laptop.device) for one in (api, design))
    assert (worked(left), memos(left)) == ("0:03:00", ["as it was recorded"])
    assert (worked(arrived), memos(arrived)) == ("0:05:00", ["for the other one"])
    assert "kind-manual" in arrived
    assert client.pictures(left, api) == client.pictures(arrived, design) == []


def test_a_move_that_is_refused_is_refused_whole(
    laptop: Laptop, client: Client, api: Contract, design: Contract
) -> None:
    """The device believes in a policy of the other contract that the marketplace never agreed."""
    start_ms = laptop.record(api)
    known = laptop.sync_service.contracts()
    wrong = tuple(
        msgspec.structs.replace(one, policy=msgspec.structs.replace(one.policy, version=99)) if one == design else one
        for one in known
    )
    laptop.buffer.settings.put("contracts", msgspec.json.encode(ContractList(contracts=wrong)))
    laptop.edit(MoveTime(str(api.id), start_ms, start_ms + 5 * MINUTE, str(design.id), "for the other one"))
    laptop.buffer.settings.put("contracts", msgspec.json.encode(ContractList(contracts=known)))
    refused = laptop.buffer.outbox.waiting().refused
    answer = laptop.sync()
    assert (answer.sent_segments, answer.refused_segments) == (2, refused + 2)
    page = client.segment(api, start_ms, laptop.device)
    assert (worked(page), revision(page)) == ("0:08:00", "1, as recorded")
    sentences = [one.sentence for one in laptop.buffer.outbox.between(start_ms, start_ms + 1)]
    assert any("taken whole or not at all" in (sentence or "") for sentence in sentences)
    laptop.edit(MoveTime(str(api.id), start_ms, start_ms + 5 * MINUTE, str(design.id), "for the other one"))
    laptop.sync()
    assert worked(client.segment(design, start_ms, laptop.device)) == "0:05:00"


def test_a_deletion_arrives_and_nothing_of_it_is_shown(laptop: Laptop, client: Client, api: Contract) -> None:
    start_ms = laptop.record(api, snaps_at_ms=4 * MINUTE)
    name = re.findall(r"/pictures/([0-9a-f]{64})", client.segment(api, start_ms, laptop.device))[0]
    laptop.edit(RemoveTime(str(api.id), start_ms, start_ms + SEGMENT_MS))
    laptop.sync()
    page = client.segment(api, start_ms, laptop.device)
    assert (worked(page), memos(page), revision(page)) == ("0:00:00", [], "2, deleted")
    assert client.picture(api, name).status_code == 404


def test_what_is_deleted_before_it_was_sent_travels_bare(laptop: Laptop, client: Client, api: Contract) -> None:
    sync, laptop.sync = laptop.sync, lambda: SyncAnswer(0, 0, 0, 0, 0, None)  # type: ignore[method-assign]  # no network
    start_ms = laptop.record(api, snaps_at_ms=4 * MINUTE)
    laptop.edit(RemoveTime(str(api.id), start_ms, start_ms + SEGMENT_MS))
    laptop.sync = sync  # type: ignore[method-assign]  # the network is back
    answer = laptop.sync()
    assert (answer.sent_segments, answer.sent_pictures) == (2, 0)
    assert revision(client.segment(api, start_ms, laptop.device)) == "2, deleted"


def test_withholding_arrives_and_keeps_the_time(laptop: Laptop, client: Client, api: Contract) -> None:
    start_ms = laptop.record(api, snaps_at_ms=4 * MINUTE)
    laptop.edit(WithholdPictures(str(api.id), start_ms, start_ms + SEGMENT_MS))
    laptop.sync()
    page = client.segment(api, start_ms, laptop.device)
    assert (worked(page), revision(page)) == ("0:08:00", "2, a picture was withheld")
    assert client.pictures(page, api) == []


def test_added_time_arrives_as_manual_time(laptop: Laptop, client: Client, api: Contract) -> None:
    start_ms = laptop.record(api)
    laptop.edit(AddTime(str(api.id), start_ms + 8 * MINUTE, start_ms + SEGMENT_MS, "a call"))
    laptop.sync()
    page = client.segment(api, start_ms, laptop.device)
    assert (worked(page), memos(page)) == ("0:10:00", ["as it was recorded", "a call"])
    assert revision(page) == "2, time was added by hand"
