"""The sync thread: makes a round when there is something to send, when asked, and every few minutes for contact."""

import contextlib
import logging
import platform
import queue
import random
from collections.abc import Callable
from concurrent.futures import Future
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tracker.answering import BUG, answered
from tracker.clock import Clock
from tracker.commands import ENDED, Answer, Done, LogIn, Refused, SyncAnswer
from tracker.domain.clock import Reading
from tracker.domain.errors import BugError, RefusedError, TrackerError
from tracker.status import SyncView
from tracker.store.buffer import Buffer
from tracker.sync.api import BusyError, LoggedOutError, Marketplace, ProblemError, ToldContracts
from tracker.sync.credentials import Tokens, Vault
from tracker.sync.login import Session
from tracker.sync.record import Record
from tracker.sync.retry import delay_s
from tracker.sync.uploader import Sent, Uploader
from tracker.worker import Worker
from wire.contract import Contract, ContractList
from wire.sync import Enrolment
from wire.week import lock_ms

CONTACT_EVERY_MS = 5 * 60 * 1000
SLOWEST_CLOCK_MS = 10_000  # an answer that took longer (a suspended machine, a stalled network) tells no time
_DEVICE_KEY = "device-key"
_NOT_LOGGED_IN = "You are not logged in. Log in with: daybook login"
_log = logging.getLogger(__name__)


class SyncService:
    """Owns the network.

    Args:
        buffer: what to send, and where answers, contracts and the device's id are kept.
        vault: tokens and the device's key.
        clock: for time-outs and the contact's time.
        worker: the thread; until it is started, requests run where they are made.
        on_contact: gets the reading at which the marketplace said its time, and that time in UTC milliseconds.
        on_change: called whenever what `view` shows has changed.
    """

    def __init__(
        self,
        buffer: Buffer,
        vault: Vault,
        clock: Clock,
        worker: "Worker[_Request | None]",
        *,
        on_contact: Callable[[Reading, int], None],
        on_change: Callable[[], None],
    ) -> None:
        self._buffer = buffer
        self._vault = vault
        self._clock = clock
        self._on_contact = on_contact
        self._on_change = on_change
        self._worker = worker
        self._jitter = random.Random()  # noqa: S311 (spreads retries, guards nothing)
        self._failures = 0
        self._next_round_ms: int | None = None  # monotonic; None waits for a log-in
        self._problem: str | None = None
        self._picture_problem: str | None = None
        self.trouble: str | None = None  # what the marketplace told of a contract and cannot be used
        self._session: Session | None = None
        self._marketplace: Marketplace | None = None
        self._is_logged_in = False
        if server := buffer.settings.get_text("server"):
            self._session, self._marketplace = self._speak_to(server)
            self._is_logged_in = self._session.is_logged_in()

    def start(self) -> None:
        """Begin, with a first round at once."""
        self._next_round_ms = self._clock.read().mono_ms if self._is_logged_in else None
        self._worker.start(self._run, is_daemon=True)

    def stop(self) -> None:
        """End after the running round; does not wait for the network."""
        self._worker.put(None)

    def wake(self) -> None:
        """Make a round soon: there is something to send."""
        self._worker.put(_Request(self._round_if_due))

    def sync(self) -> Future[Answer]:
        """Make a round now and answer with what it sent."""
        return self._ask(self._answer_sync)

    def refresh(self) -> Future[Answer]:
        """Make contact now; the answer is only whether it could be made."""
        return self._ask(self._answer_refresh)

    def log_in(self, log_in: LogIn) -> Future[Answer]:
        """Take in a new log-in: keep its tokens, enrol this device, fetch the contracts."""
        return self._ask(lambda: self._take_in(log_in))

    @property
    def device(self) -> UUID | None:
        """This device's id, None before it is enrolled."""
        kept = self._buffer.settings.get_text("device")
        return None if kept is None else UUID(kept)

    def contracts(self) -> tuple[Contract, ...]:
        """The contracts as last fetched."""
        kept = self._buffer.settings.get("contracts")
        return () if kept is None else msgspec.json.decode(kept, type=ContractList).contracts

    def view(self, now_utc_ms: int) -> SyncView:
        """Say where the buffer stands against the marketplace."""
        waiting = self._buffer.outbox.waiting()
        contact = self._buffer.settings.get_text("last_contact_ms")
        due_ms = None if waiting.first_ms is None else lock_ms(waiting.first_ms)
        next_try_ms, planned_ms = None, self._next_round_ms  # read once: the sync thread changes it meanwhile
        if self._failures and planned_ms is not None:
            next_try_ms = now_utc_ms + max(0, planned_ms - self._clock.read().mono_ms)
        return SyncView(
            server=None if self._marketplace is None else self._marketplace.server,
            is_logged_in=self._is_logged_in,
            waiting_segments=waiting.segments,
            waiting_pictures=waiting.pictures,
            waiting_since_ms=waiting.since_ms,
            next_try_ms=next_try_ms,
            last_contact_ms=None if contact is None else int(contact),
            refused_segments=waiting.refused,
            problem=self._problem,
            failed_pictures=waiting.failed_pictures,
            picture_problem=self._picture_problem,
            due_ms=due_ms,
            is_overdue=due_ms is not None and due_ms <= now_utc_ms,
        )

    def _ask(self, action: Callable[[], Answer]) -> Future[Answer]:
        request = _Request(action)
        if self._worker.is_running:
            self._worker.put(request)
        else:
            request.run()
        return request.answer

    def _run(self) -> None:
        while True:
            try:
                request = self._worker.take(self._pause_s())
            except queue.Empty:
                request = _Request(self._round_if_due)
            if request is None:
                break
            request.run()
            self._on_change()
        with contextlib.suppress(queue.Empty):
            while True:
                if late := self._worker.take(0):
                    late.refuse()

    def _pause_s(self) -> float | None:
        if self._next_round_ms is None:
            return None
        return max(0, self._next_round_ms - self._clock.read().mono_ms) / 1000

    def _round_if_due(self) -> Answer:
        if self._is_logged_in and (not self._failures or self._pause_s() == 0):
            self._round()
        return Done("")

    def _answer_refresh(self) -> Answer:
        error = self._try(self._contact, plans=False)
        if error is not None:
            return Refused(str(error), error.exit_code)
        if self._failures:
            self._next_round_ms = self._clock.read().mono_ms  # the way is open again: what waits goes at once
        return Done("")

    def _answer_sync(self) -> Answer:
        if not self._is_logged_in:
            raise LoggedOutError(_NOT_LOGGED_IN)
        sent = self._round()
        waiting = self._buffer.outbox.waiting()
        return SyncAnswer(
            sent_segments=sent.segments,
            sent_pictures=sent.pictures,
            waiting_segments=waiting.segments,
            waiting_pictures=waiting.pictures,
            refused_segments=waiting.refused,
            problem=self._problem,
            failed_pictures=waiting.failed_pictures,
            picture_problem=self._picture_problem,
        )

    def _round(self) -> Sent:
        """Make contact and send what waits; a failure is kept for the person and the next try planned.

        Marks that cannot be had hold nothing back: they are told after everything was sent.
        """
        uploaders: list[Uploader] = []

        def make() -> None:
            self._contact()
            uploaders.append(self._uploader())
            failed = None
            try:
                self._pull_marks()
            except (BusyError, ProblemError) as error:
                failed = error
            uploaders[0].send()
            if failed is not None:
                raise failed

        self._try(make)
        sent = uploaders[0].sent if uploaders else Sent()
        self._picture_problem = sent.trouble  # told until the next round; the diary keeps it
        return sent

    def _try(self, step: Callable[[], object], *, plans: bool = True) -> TrackerError | None:
        """Run a round, or with `plans` False a part of one, whose success says nothing of what waits.

        Returns what went wrong, which is shown until a round succeeds; the next round is planned by it.
        """
        try:
            step()
        except LoggedOutError as error:
            self._is_logged_in, self._problem, self._next_round_ms = False, str(error), None
            return error
        except TrackerError as error:
            return self._failed(error)
        except Exception:  # noqa: BLE001 (shown, logged, and tried again like any failure)
            _log.exception("A round of sync failed.")
            return self._failed(BugError(BUG))
        if plans:
            self._failures, self._problem = 0, None
            self._next_round_ms = self._clock.read().mono_ms + CONTACT_EVERY_MS
        return None

    def _failed(self, error: TrackerError) -> TrackerError:
        self._failures += 1
        self._problem = str(error)
        after_s = error.after_s if isinstance(error, BusyError) else None
        wait_ms = round(1000 * delay_s(self._failures, after_s, self._jitter))
        self._next_round_ms = self._clock.read().mono_ms + wait_ms
        return error

    def _contact(self) -> None:
        """Learn the marketplace's time and the contracts, and see that its log only grew."""
        marketplace = self._require_marketplace()
        before = self._clock.read()
        said = marketplace.clock()
        after = self._clock.read()
        utc_ms = said.utc_ms + (after.mono_ms - before.mono_ms) // 2
        if after.boot_ms - before.boot_ms <= SLOWEST_CLOCK_MS:
            self._on_contact(after, utc_ms)
        settings = self._buffer.settings
        told = marketplace.contracts(settings.get_text("contracts_etag") or None)
        with self._buffer.database.transaction():
            settings.put("last_contact_ms", str(utc_ms))
            if told is not None:
                self._keep_contracts(told)
        if Record(marketplace, settings).look():
            self._buffer.outbox.offer_kept_again()

    def _keep_contracts(self, told: ToldContracts) -> None:
        """Keep the contracts; one that cannot be read stays as it was known, and the list is asked for again."""
        before = {contract.id: contract for contract in self.contracts()}
        kept = [before[one] for one in told.unreadable if one in before]
        listed = ContractList(contracts=(*told.contracts, *kept))
        self._buffer.settings.put("contracts", msgspec.json.encode(listed))
        self._buffer.settings.put("contracts_etag", "" if told.unreadable else told.etag or "")
        for contract in told.contracts:
            self._buffer.learnt.keep(contract)
        sentences = [_unreadable(one, before.get(one), wrong) for one, wrong in told.unreadable.items()]
        self.trouble = " ".join(sentences) or None

    def _pull_marks(self) -> None:
        """Fetch the marks that are new; a marketplace that has fewer than we know was restored, and tells all again."""
        device, marks, marketplace = self.device, self._buffer.marks, self._require_marketplace()
        if device is None:
            return
        told = marketplace.marks(marks.seen)
        if told.newest < marks.seen:
            told = marketplace.marks(0)
        while told.marks:
            marks.take_in(told, device)
            last = told.marks[-1].number
            if last >= told.newest:
                break
            told = marketplace.marks(last)

    def _take_in(self, log_in: LogIn) -> Answer:
        server = self._buffer.settings.get_text("server")
        if server not in {None, log_in.server}:
            raise RefusedError(
                f"The diary in this data folder belongs to {server}. For another marketplace name another folder with "
                "--data."
            )
        person = Marketplace(log_in.server, lambda _: log_in.access).person()
        known = self._buffer.settings.get_text("person")
        if known not in {None, str(person.id)}:
            raise RefusedError(
                f"The diary in this data folder belongs to another account than {person.email}. Log in with that one, "
                "or name another folder with --data."
            )
        self._session, self._marketplace = self._speak_to(log_in.server)
        self._session.keep(Tokens(access=log_in.access, refresh=log_in.refresh, expires_ms=log_in.expires_ms))
        self._buffer.settings.put("server", log_in.server)
        self._buffer.settings.put("person", str(person.id))
        self._enrol(self._marketplace)
        self._contact()
        self._is_logged_in, self._failures, self._problem = True, 0, None
        self._next_round_ms = self._clock.read().mono_ms
        count = len(self.contracts())
        return Done(f"Logged in to {log_in.server} as {person.name}; {count} contract{'' if count == 1 else 's'}.")

    def _enrol(self, marketplace: Marketplace) -> None:
        """Make this device known by its key, which is drawn at the first log-in."""
        public_key = self._device_key().public_key().public_bytes_raw().hex()
        device = marketplace.enrol(Enrolment(name=platform.node() or "computer", public_key=public_key))
        if self.device not in {None, device.id}:
            raise RefusedError(
                "The marketplace knows this device's key under another id than this buffer does. Name another folder "
                "with --data; what this one holds stays as it is."
            )
        self._buffer.settings.put("device", str(device.id))

    def _device_key(self) -> Ed25519PrivateKey:
        kept = self._vault.get(_DEVICE_KEY)
        if kept is not None:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kept))
        key = Ed25519PrivateKey.generate()
        self._vault.put(_DEVICE_KEY, key.private_bytes_raw().hex())
        return key

    def _speak_to(self, server: str) -> tuple[Session, Marketplace]:
        session = Session(server, self._vault, self._clock)
        return session, Marketplace(server, session.access_token)

    def _require_marketplace(self) -> Marketplace:
        if self._marketplace is None:
            raise LoggedOutError(_NOT_LOGGED_IN)
        return self._marketplace

    def _uploader(self) -> Uploader:
        device = self.device
        if device is None:
            raise LoggedOutError("This device is not enrolled. Log in with: daybook login")
        return Uploader(
            self._require_marketplace(),
            self._buffer.outbox,
            self._buffer.pictures,
            Record(self._require_marketplace(), self._buffer.settings),
            (device, self._device_key()),
            self._on_change,
        )


def _unreadable(contract: UUID, known: Contract | None, wrong: str) -> str:
    """Say that a contract as told cannot be used, and what holds meanwhile."""
    if known is None:
        return (
            f"The marketplace told a contract that cannot be used ({contract}: {wrong}). It is left out; please tell "
            "the marketplace."
        )
    return (
        f"The marketplace told terms of “{known.title}” that cannot be used ({wrong}). The terms known before go on "
        "holding; please tell the marketplace."
    )


class _Request:
    """Something for the sync thread to do, and where its answer goes."""

    def __init__(self, action: Callable[[], Answer]) -> None:
        self.answer: Future[Answer] = Future()
        self._action = action

    def run(self) -> None:
        """Do it, and give the answer."""
        self.answer.set_result(answered(self._action))

    def refuse(self) -> None:
        """Answer that it was not done."""
        self.answer.set_result(ENDED)
