"""The flows against the real marketplace, served as a program of its own: its OAuth provider and its record."""

import html
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

import pytest
import requests

from stage.servers import Account, Marketplace, Seed
from tests.tracker.sync.conftest import MemoryVault
from tracker.clock import SystemClock
from tracker.commands import Done, LogIn, SyncAnswer
from tracker.domain.clock import Moment
from tracker.domain.errors import RefusedError
from tracker.domain.events import Worked
from tracker.domain.segment import Interval, segment_start_ms
from tracker.domain.session import State
from tracker.store.buffer import Buffer
from tracker.sync import api
from tracker.sync.api import LoggedOutError
from tracker.sync.credentials import Tokens
from tracker.sync.login import Granted, Session, with_browser, with_device_code
from tracker.sync.record import trouble_of
from tracker.sync.sealer import Sealer
from tracker.sync.service import SyncService
from tracker.worker import ThreadWorker
from wire.words import SEGMENT_MS, Kind

NEVER = threading.Event()


@dataclass(frozen=True)
class Served:
    url: str
    seed: Seed
    marketplace: Marketplace


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    marketplace = Marketplace(tmp_path_factory.mktemp("marketplace"), os.environ)
    seed = marketplace.seed(hold_s=1)
    marketplace.start()
    yield Served(marketplace.url, seed, marketplace)
    marketplace.stop()


FORM = re.compile(r'<form method="post"(?: action="([^"]*)")?.*?</form>', re.DOTALL)
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)"(?: id="[^"]*")? value="([^"]*)"')


class Browser:
    """A person at a browser without a screen: logs in, and allows or refuses what a page asks."""

    def __init__(self, account: Account) -> None:
        self._web = requests.Session()
        self._log_in = {"login": account.email, "password": account.password}

    def open(self, address: str, *, allows: bool = True) -> bool:
        self._send(self._page(address), {"allow": "true"} if allows else {})
        return True

    def fill(self, address: str, fields: dict[str, str]) -> None:
        self._send(self._page(address), fields)

    def open_page(self, address: str) -> requests.Response:
        """Read a page, logged in."""
        page = self._page(address)
        return self._web.get(address, timeout=20) if page.url != address else page

    def fetch(self, address: str) -> requests.Response:
        """Fetch an address as it is answered."""
        return self._web.get(address, timeout=20)

    def type_code(self, address: str, code: str) -> None:
        self._send(self._send(self._page(address), {"user_code": code}), {"action": "accept"})

    def _page(self, address: str) -> requests.Response:
        page = self._web.get(address, timeout=20)
        return self._send(page, self._log_in) if "/login/" in page.url else page

    def _send(self, page: requests.Response, fields: dict[str, str]) -> requests.Response:
        """Send the page's own form, which comes after that for logging out."""
        form = list(FORM.finditer(page.text))[-1]
        hidden = {name: html.unescape(value) for name, value in HIDDEN.findall(form[0])}
        address = urljoin(page.url, html.unescape(form[1])) if form[1] else page.url
        answer = self._web.post(address, data={**hidden, **fields}, headers={"Referer": page.url}, timeout=20)
        assert answer.ok, f"{answer.status_code} {answer.text[:300]}"
        return answer


@pytest.fixture
def log_in(served: Served) -> Callable[[], Granted]:
    browser = Browser(served.seed.freelancer)
    return lambda: with_browser(served.url, browser.open, NEVER, within_s=20)


def test_browser_flow_and_refresh(served: Served, log_in: Callable[[], Granted], vault: MemoryVault) -> None:
    tokens = log_in().tokens(SystemClock())
    session = Session(served.url, vault, SystemClock())
    session.keep(tokens)
    marketplace = api.Marketplace(served.url, session.access_token)
    person = marketplace.person()
    assert person.email == served.seed.freelancer.email
    renewed = session.access_token(tokens.access)
    assert renewed != tokens.access
    assert marketplace.person() == person


def test_a_refused_token_is_renewed_by_the_call(
    served: Served, log_in: Callable[[], Granted], vault: MemoryVault
) -> None:
    tokens = log_in().tokens(SystemClock())
    session = Session(served.url, vault, SystemClock())
    session.keep(Tokens(access="worthless", refresh=tokens.refresh, expires_ms=tokens.expires_ms))
    assert api.Marketplace(served.url, session.access_token).person().email == served.seed.freelancer.email


def test_a_refresh_whose_answer_was_lost_does_not_log_out(
    served: Served, log_in: Callable[[], Granted], vault: MemoryVault
) -> None:
    """The marketplace renewed the tokens and the network swallowed them: the old refresh token is all there is."""
    tokens = log_in().tokens(SystemClock())
    lost = Session(served.url, MemoryVault(), SystemClock())
    lost.keep(tokens)
    lost.access_token(tokens.access)
    session = Session(served.url, vault, SystemClock())
    session.keep(tokens)
    session.access_token(tokens.access)
    assert api.Marketplace(served.url, session.access_token).person().email == served.seed.freelancer.email


def test_refusing(served: Served) -> None:
    browser = Browser(served.seed.freelancer)
    with pytest.raises(RefusedError, match="access_denied"):
        with_browser(served.url, lambda address: browser.open(address, allows=False), NEVER, within_s=20)


def test_device_grant(served: Served) -> None:
    browser, shown = Browser(served.seed.freelancer), list[tuple[str, str]]()

    def wait(_wait_s: float) -> bool:
        browser.type_code(*shown[0])
        return False

    granted = with_device_code(served.url, lambda address, code: shown.append((address, code)), wait)
    assert api.Marketplace(served.url, lambda _: granted.access_token).person().name


def test_a_log_in_that_the_person_ended(served: Served, log_in: Callable[[], Granted], vault: MemoryVault) -> None:
    tokens = log_in().tokens(SystemClock())
    session = Session(served.url, vault, SystemClock())
    session.keep(tokens)
    ended = "from oauth2_provider.models import AccessToken, RefreshToken; "
    served.marketplace.manage(f"{ended}RefreshToken.objects.all().delete(); AccessToken.objects.all().delete()")
    with pytest.raises(LoggedOutError, match="Log in again"):
        api.Marketplace(served.url, session.access_token).person()


class Desk:
    """A tracker's sync without its timer: logged in, and given segments of a second each."""

    def __init__(self, served: Served, granted: Granted, buffer: Buffer, vault: MemoryVault) -> None:
        self._buffer = buffer
        self.service = SyncService(
            buffer, vault, SystemClock(), ThreadWorker("sync"), on_contact=lambda *_: None, on_change=lambda: None
        )
        tokens = granted.tokens(SystemClock())
        log_in = LogIn(served.url, tokens.access, tokens.refresh, tokens.expires_ms)
        assert isinstance(self.service.log_in(log_in).result(), Done)
        self.contract = self.service.contracts()[0]
        now = SystemClock().read()
        self.end_ms = segment_start_ms(now.system_utc_ms)
        self._moment = Moment(self.end_ms, now.boot_ms, now.mono_ms, 0, is_provisional=False)

    def seal(self, starts_ms: Iterable[int]) -> int:
        for start_ms in starts_ms:
            worked = Worked(Interval(self.contract.id, start_ms, start_ms + 1000, Kind.TRACKED, "memo"))
            version = self.contract.policy.version
            self._buffer.journal.write(State(), (worked,), None, now=self._moment, policy_version=version)
        buffer, device = self._buffer, self.service.device
        assert device is not None
        return Sealer(buffer.database, buffer.journal, buffer.snapshots, buffer.outbox).seal(
            device, State(), self._moment
        )


@pytest.fixture
def desk(served: Served, log_in: Callable[[], Granted], buffer: Buffer, vault: MemoryVault) -> Desk:
    return Desk(served, log_in(), buffer, vault)


def test_what_was_recorded_arrives_once(desk: Desk, buffer: Buffer) -> None:
    """Sixty segments, in two batches; sent again, nothing changes, and the log proves each of them."""
    first_ms = max(desk.end_ms - 60 * SEGMENT_MS, desk.contract.started_s * 1000)
    starts = range(segment_start_ms(first_ms + SEGMENT_MS - 1), desk.end_ms, SEGMENT_MS)
    assert desk.seal(starts) == len(starts)
    assert desk.service.sync().result() == SyncAnswer(len(starts), 0, 0, 0, 0, None)
    buffer.outbox.offer_again(0)
    assert desk.service.sync().result() == SyncAnswer(len(starts), 0, 0, 0, 0, None)
    assert {one.state for one in buffer.outbox.between(0, 10**15)} <= {"accepted"}
    assert buffer.settings.get_text("log_checkpoint") is not None
    assert trouble_of(buffer.settings) is None


def test_time_deleted_on_the_web_is_taken_away_here(served: Served, desk: Desk, buffer: Buffer) -> None:
    starts = [desk.end_ms - number * SEGMENT_MS for number in (66, 65, 64)]
    assert desk.seal(starts) == 3
    assert desk.service.sync().result() == SyncAnswer(3, 0, 0, 0, 0, None)
    device = desk.service.device
    assert device is not None
    page = f"{served.url}/contracts/{desk.contract.id}/segments/{starts[-1] // 1000}/{device}/delete/"
    Browser(served.seed.freelancer).fill(page, {"reason": "Lunch"})
    desk.service.sync().result()
    [mark] = buffer.marks.between(device, 0, 10**15)
    assert (mark.actor, mark.reason, mark.start_s * 1000) == ("Ana Silva", "Lunch", starts[-1])
    deleted = buffer.outbox.standing(desk.contract.id, starts[-1])
    assert deleted is not None
    assert (deleted.content, deleted.worked_ms) == (None, 0)
    assert buffer.outbox.worked_ms(0, 10**15)[desk.contract.id] == 1000 * (len(starts) - 1)


def test_a_marketplace_that_was_restored_from_a_backup_gets_what_it_lacks(
    served: Served, desk: Desk, buffer: Buffer
) -> None:
    """It begins a new epoch of its log, which the tracker follows, and tells how much was missing."""
    starts = [desk.end_ms - number * SEGMENT_MS for number in (70, 69, 68)]
    database = served.marketplace.folder / "marketplace" / "marketplace.sqlite3"
    assert desk.seal(starts[:1]) == 1
    assert desk.service.sync().result() == SyncAnswer(1, 0, 0, 0, 0, None)
    served.marketplace.stop()
    backup = {path: path.read_bytes() for path in database.parent.glob("marketplace.sqlite3*")}
    served.marketplace.start()
    assert desk.seal(starts[1:]) == 2
    assert desk.service.sync().result() == SyncAnswer(2, 0, 0, 0, 0, None)
    served.marketplace.stop()
    for path in database.parent.glob("marketplace.sqlite3*"):
        path.unlink()
    for path, content in backup.items():
        path.write_bytes(content)
    served.marketplace.start()
    sent = desk.service.sync().result()
    assert isinstance(sent, SyncAnswer)
    assert (sent.sent_segments, sent.waiting_segments, sent.problem) == (3, 0, None), "all that is kept is offered"
    told = trouble_of(buffer.settings)
    assert told is not None
    assert "lacks the newest 2 entries" in told
    assert desk.service.sync().result() == SyncAnswer(0, 0, 0, 0, 0, None)
    assert trouble_of(buffer.settings) == told, "told until the next start, and nothing else is wrong"
