"""The sync service: what it plans, shows, refuses and survives. Without a thread, requests run where they are made."""

import logging
import threading
from collections.abc import Callable, Iterator
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.fakes.clock import FakeClock
from tests.fakes.terms import contract
from tests.tracker.sync.conftest import MemoryVault, Seal
from tests.tracker.sync.scripted import CUT, DEVICE, NOW_MS, STORED_MS, FakeMarketplace, Said, Seen, problem
from tracker.answering import BUG
from tracker.clock import SystemClock
from tracker.commands import Answer, Done, LogIn, Refused, SyncAnswer
from tracker.domain.clock import Reading
from tracker.domain.errors import MachineError
from tracker.store.buffer import Buffer
from tracker.sync.retry import FIRST_DELAY_S, LONGEST_DELAY_S
from tracker.sync.service import CONTACT_EVERY_MS, SyncService
from tracker.worker import ThreadWorker
from wire.marks import Mark, MarkKind, MarkList, Stretch
from wire.sync import Accepted, Person, Rejected, RetryLater
from wire.week import lock_ms

WITHIN_S = 20.0


class World:
    """A service with the marketplace that it speaks to; counts what it is told."""

    def __init__(self, marketplace: FakeMarketplace, buffer: Buffer, vault: MemoryVault, clock: FakeClock) -> None:
        self.marketplace = marketplace
        self.buffer = buffer
        self.vault = vault
        self.clock = clock
        self.contacts: list[tuple[Reading, int]] = []
        self.changed = threading.Semaphore(0)
        self.service = self.anew()

    def anew(self, clock: FakeClock | SystemClock | None = None) -> SyncService:
        """The service as the next start of the program makes it."""
        self.service = SyncService(
            self.buffer, self.vault, clock or self.clock, ThreadWorker("sync"),
            on_contact=lambda reading, utc_ms: self.contacts.append((reading, utc_ms)),
            on_change=self.changed.release,
        )  # fmt: skip
        return self.service

    def log_in(self, **changed: str) -> Answer:
        said = LogIn(self.marketplace.url, "good", "refresh", self.clock.true_ms + 3_600_000)
        return self.service.log_in(msgspec.structs.replace(said, **changed)).result()

    def sync(self) -> SyncAnswer:
        answer = self.service.sync().result()
        assert isinstance(answer, SyncAnswer), answer
        return answer

    def wait_s(self) -> float:
        """How long the next try is away."""
        view = self.service.view(self.clock.true_ms)
        assert view.next_try_ms is not None
        return (view.next_try_ms - self.clock.true_ms) / 1000


@pytest.fixture
def world(marketplace: FakeMarketplace, buffer: Buffer, vault: MemoryVault, clock: FakeClock) -> World:
    return World(marketplace, buffer, vault, clock)


@pytest.fixture
def logged_in(world: World) -> World:
    assert isinstance(world.log_in(), Done)
    return world


def broken(path: str, said: Said) -> Callable[[Seen, Said], Said]:
    return lambda seen, right: said if seen.path.endswith(path) else right


def refused(answer: Answer) -> Refused:
    assert isinstance(answer, Refused), answer
    return answer


# Logging in


def test_log_in_enrols_the_device_and_fetches_the_contracts(world: World) -> None:
    assert world.service.device is None
    answer = world.log_in()
    assert answer == Done(f"Logged in to {world.marketplace.url} as Robin; 1 contract.")
    assert (str(world.service.device), world.service.contracts()) == (str(DEVICE), (contract(),))
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(world.vault.kept["device-key"]))
    assert world.marketplace.key == key.public_key()
    view = world.service.view(NOW_MS)
    assert (view.server, view.is_logged_in, view.problem, view.next_try_ms) == (world.marketplace.url, True, None, None)
    again = world.anew()
    assert again.view(NOW_MS).is_logged_in
    assert again.device == DEVICE


def test_nothing_is_sent_before_a_log_in(world: World) -> None:
    assert refused(world.service.sync().result()) == Refused("You are not logged in. Log in with: daybook login", 3)
    assert refused(world.service.refresh().result()).exit_code == 3
    assert world.marketplace.seen == []


def test_the_same_person_may_log_in_again(logged_in: World) -> None:
    key = logged_in.vault.kept["device-key"]
    logged_in.marketplace.valid = {"better"}
    assert isinstance(logged_in.log_in(access="better"), Done)
    assert logged_in.vault.kept["device-key"] == key
    assert "better" in logged_in.vault.kept["tokens"]


def test_another_person_is_refused_and_the_log_in_stands(logged_in: World, seal: Seal) -> None:
    kept = dict(logged_in.vault.kept)
    logged_in.marketplace.person = Person(id=8, name="Kim", email="kim@example.net")
    logged_in.marketplace.valid |= {"kims"}
    answer = refused(logged_in.log_in(access="kims"))
    assert answer.exit_code == 3
    assert "kim@example.net" in answer.sentence
    assert logged_in.vault.kept == kept
    seal(1)
    assert logged_in.sync().sent_segments == 1
    assert {seen.token for seen in logged_in.marketplace.asked("/api/v1/segments")} == {"good"}


def test_another_marketplace_is_refused_and_the_log_in_stands(logged_in: World, seal: Seal) -> None:
    kept = dict(logged_in.vault.kept)
    answer = refused(logged_in.log_in(server="http://127.0.0.1:9", access="other"))
    assert logged_in.marketplace.url in answer.sentence
    assert (answer.exit_code, logged_in.vault.kept) == (3, kept)
    assert logged_in.service.view(NOW_MS).server == logged_in.marketplace.url
    seal(1)
    assert logged_in.sync().sent_segments == 1


@pytest.mark.parametrize("said", [CUT, Said(401), Said(503), Said(body=b"<html>"), problem(403, "no")])
def test_a_log_in_that_fails_keeps_nothing(world: World, said: Said) -> None:
    world.marketplace.interfere = broken("/me", said)
    assert refused(world.log_in()).exit_code in {2, 3}
    assert world.vault.kept == {}
    assert world.buffer.settings.get("server") is None


def test_a_device_known_under_another_id_is_refused(logged_in: World) -> None:
    logged_in.marketplace.routes["POST", "/api/v1/devices"] = lambda _: Said(body={"id": str(UUID(int=5))})
    assert "another id" in refused(logged_in.log_in()).sentence
    assert logged_in.service.device == DEVICE


def test_a_vault_that_fails_is_told(world: World) -> None:
    world.vault.error = MachineError("The keyring is locked.")
    assert refused(world.log_in()) == Refused("The keyring is locked.", 2)


# Contact


def test_contact_learns_the_time_of_the_middle_of_the_way(logged_in: World) -> None:
    """Half of the time between question and answer has passed since the marketplace said its time."""
    clock, marketplace = logged_in.clock, logged_in.marketplace

    def slow(seen: Seen, said: Said) -> Said:
        if seen.path.endswith("/clock"):
            clock.advance(4_000)
        elif seen.path.endswith("/contracts"):
            clock.advance(90_000)
        return said

    marketplace.interfere = slow
    marketplace.utc_ms = NOW_MS + 777
    logged_in.contacts.clear()
    before = clock.read()
    assert isinstance(logged_in.service.refresh().result(), Done)
    [(reading, utc_ms)] = logged_in.contacts
    assert reading.mono_ms == before.mono_ms + 4_000
    assert utc_ms == NOW_MS + 777 + 2_000
    assert logged_in.service.view(0).last_contact_ms == utc_ms


def test_an_answer_from_before_a_suspension_tells_no_time(logged_in: World) -> None:
    def suspend(seen: Seen, said: Said) -> Said:
        if seen.path.endswith("/clock"):
            logged_in.clock.suspend(600_000)
        return said

    logged_in.marketplace.interfere = suspend
    logged_in.contacts.clear()
    assert isinstance(logged_in.service.refresh().result(), Done)
    assert logged_in.contacts == []


def test_contracts_are_kept_where_they_cannot_be_fetched(logged_in: World) -> None:
    logged_in.marketplace.contracts = (contract(1), contract(2))
    logged_in.service.refresh().result()
    assert len(logged_in.service.contracts()) == 1  # the ETag says that nothing changed
    logged_in.marketplace.etag = "two"
    logged_in.service.refresh().result()
    assert len(logged_in.service.contracts()) == 2
    logged_in.marketplace.interfere = broken("/contracts", CUT)
    assert refused(logged_in.service.refresh().result()).exit_code == 2
    assert len(logged_in.service.contracts()) == 2


# Failures


def test_failures_wait_longer_each_time_and_say_so(logged_in: World, seal: Seal) -> None:
    """Also where contact is made each time and only the batch fails."""
    seal(1)
    logged_in.marketplace.interfere = broken("/segments", Said(500))
    waits_s = []
    for _ in range(12):
        answer = logged_in.sync()
        assert answer.problem is not None
        assert "500" in answer.problem
        assert answer.waiting_segments == 1
        waits_s.append(logged_in.wait_s())
    for number, wait_s in enumerate(waits_s):
        ceiling_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**number)
        assert ceiling_s / 2 - 0.01 <= wait_s <= ceiling_s + 0.01
    logged_in.marketplace.interfere = lambda _, said: said
    assert logged_in.sync() == SyncAnswer(1, 0, 0, 0, 0, None)
    view = logged_in.service.view(NOW_MS)
    assert (view.problem, view.next_try_ms) == (None, None)


def test_the_wait_counts_from_the_failure_not_from_the_question(logged_in: World) -> None:
    def time_out(_seen: Seen, _said: Said) -> Said:
        logged_in.clock.advance(60_000)
        return CUT

    logged_in.marketplace.interfere = time_out
    logged_in.sync()
    assert logged_in.wait_s() >= FIRST_DELAY_S / 2


def test_retry_after_is_kept(logged_in: World) -> None:
    logged_in.marketplace.interfere = broken("/clock", Said(503, headers={"Retry-After": "77"}))
    logged_in.sync()
    assert logged_in.wait_s() == 77


def test_contents_to_be_judged_later_wait_and_say_so(logged_in: World, seal: Seal) -> None:
    seal(1, 2)
    later = True
    logged_in.marketplace.judge = lambda index, _: (
        RetryLater(after_s=40) if later and index == 0 else Accepted(received_ms=STORED_MS)
    )
    answer = logged_in.sync()
    assert (answer.sent_segments, answer.waiting_segments) == (1, 1)
    assert answer.problem is not None
    assert logged_in.wait_s() == 40
    later = False
    assert logged_in.sync() == SyncAnswer(1, 0, 0, 0, 0, None)


def test_what_arrived_before_a_failure_is_counted(logged_in: World, seal: Seal) -> None:
    seal(1, pictures=(b"one",))
    logged_in.marketplace.interfere = lambda seen, said: CUT if seen.method == "PUT" else said
    answer = logged_in.sync()
    assert (answer.sent_segments, answer.waiting_segments, answer.waiting_pictures) == (1, 0, 1)
    assert answer.problem is not None


def test_looking_at_the_contracts_hides_no_failure(logged_in: World, seal: Seal) -> None:
    seal(1)
    logged_in.marketplace.interfere = broken("/segments", Said(500))
    for _ in range(3):
        logged_in.sync()
    problem_before = logged_in.service.view(NOW_MS).problem
    assert isinstance(logged_in.service.refresh().result(), Done)
    assert logged_in.service.view(NOW_MS).problem == problem_before
    assert logged_in.wait_s() == 0  # the network works: what waits is tried at once


def test_a_dead_log_in_ends_the_trying_and_loses_nothing(logged_in: World, seal: Seal) -> None:
    seal(1, 2)
    logged_in.marketplace.valid = set()
    logged_in.marketplace.say("POST", "/o/token/", Said(400, {"error": "invalid_grant"}))
    answer = logged_in.sync()
    assert answer.problem is not None
    assert "Log in again" in answer.problem
    view = logged_in.service.view(NOW_MS)
    assert (view.is_logged_in, view.next_try_ms, view.waiting_segments) == (False, None, 2)
    asked = len(logged_in.marketplace.seen)
    assert refused(logged_in.service.sync().result()).exit_code == 3
    logged_in.service.wake()
    assert len(logged_in.marketplace.seen) == asked
    logged_in.marketplace.valid = {"anew"}
    assert isinstance(logged_in.log_in(access="anew"), Done)
    assert logged_in.sync() == SyncAnswer(2, 0, 0, 0, 0, None)


def test_a_bug_is_shown_logged_and_tried_again(logged_in: World, seal: Seal, caplog: pytest.LogCaptureFixture) -> None:
    seal(1)
    logged_in.vault.kept["device-key"] = "not hex"
    answer = logged_in.sync()
    assert (answer.problem, answer.waiting_segments) == (BUG, 1)
    assert logged_in.wait_s() > 0
    [record] = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert record.exc_info is not None


# The thread


@pytest.fixture
def threaded(logged_in: World) -> Iterator[World]:
    """A service at work in its thread, on the machine's clock."""
    logged_in.anew(SystemClock())
    kept = msgspec.json.decode(logged_in.vault.kept["tokens"])
    kept["expires_ms"] = 10**15
    logged_in.vault.kept["tokens"] = msgspec.json.encode(kept).decode()
    logged_in.marketplace.seen.clear()
    yield logged_in
    logged_in.service.stop()
    logged_in.service._worker.join(WITHIN_S)
    assert not logged_in.service._worker.is_running


def until(world: World, done: Callable[[], bool]) -> None:
    """Wait for changes that the service tells until it is done."""
    while not done():
        assert world.changed.acquire(timeout=WITHIN_S), "nothing changed any more"


def test_the_first_round_is_at_once(threaded: World, seal: Seal) -> None:
    seal(1)
    threaded.service.start()
    until(threaded, lambda: threaded.service.view(0).waiting_segments == 0)


def test_waking_sends_what_was_sealed(threaded: World, seal: Seal) -> None:
    threaded.service.start()
    until(threaded, lambda: bool(threaded.marketplace.asked("/api/v1/contracts")))
    seal(1)
    threaded.service.wake()
    until(threaded, lambda: threaded.service.view(0).waiting_segments == 0)


def test_waking_does_not_cut_a_wait_short(threaded: World, seal: Seal) -> None:
    threaded.marketplace.interfere = broken("/clock", Said(503, headers={"Retry-After": "600"}))
    threaded.service.start()
    until(threaded, lambda: threaded.service.view(0).next_try_ms is not None)
    asked = len(threaded.marketplace.seen)
    seal(1)
    threaded.service.wake()
    later = threaded.service.refresh()  # answered in turn, so the wake was handled before
    later.result(WITHIN_S)
    assert len(threaded.marketplace.asked("/api/v1/clock")) == asked + 1
    threaded.marketplace.interfere = lambda _, said: said
    assert isinstance(threaded.service.sync().result(WITHIN_S), SyncAnswer)  # the person's wish is heard at once
    assert threaded.service.view(0).waiting_segments == 0


def test_what_waits_goes_at_once_after_a_log_in(threaded: World, seal: Seal) -> None:
    seal(1)
    threaded.marketplace.valid = set()
    threaded.marketplace.say("POST", "/o/token/", Said(400, {"error": "invalid_grant"}))
    threaded.service.start()
    until(threaded, lambda: not threaded.service.view(0).is_logged_in)
    threaded.marketplace.valid = {"anew"}
    threaded.service.log_in(LogIn(threaded.marketplace.url, "anew", "refresh", 10**15)).result(WITHIN_S)
    until(threaded, lambda: threaded.service.view(0).waiting_segments == 0)


def test_the_thread_survives_a_bug(threaded: World, seal: Seal, caplog: pytest.LogCaptureFixture) -> None:
    threaded.vault.error = ZeroDivisionError("a bug")
    threaded.service.start()
    until(threaded, lambda: threaded.service.view(0).problem == BUG)
    assert threaded.service.view(0).next_try_ms is not None
    threaded.vault.error = None
    seal(1)
    assert isinstance(threaded.service.sync().result(WITHIN_S), SyncAnswer)
    assert threaded.service.view(0).waiting_segments == 0
    assert "a bug" in caplog.text


def test_a_request_that_fails_by_a_bug_is_answered(threaded: World, caplog: pytest.LogCaptureFixture) -> None:
    threaded.service.start()
    threaded.vault.error = ZeroDivisionError("a bug")
    answer = threaded.service.log_in(LogIn(threaded.marketplace.url, "good", "refresh", 10**15)).result(WITHIN_S)
    assert answer == Refused(BUG, 70)
    assert "a bug" in caplog.text


def test_stopping_answers_whoever_still_waits(threaded: World) -> None:
    holding, release = threading.Event(), threading.Event()

    def hold(_seen: Seen, said: Said) -> Said:
        holding.set()
        release.wait(WITHIN_S)
        return said

    threaded.marketplace.interfere = hold
    threaded.service.start()
    assert holding.wait(WITHIN_S)
    threaded.service.stop()
    late = threaded.service.sync()
    release.set()
    assert "ended" in refused(late.result(WITHIN_S)).sentence


def test_it_can_be_looked_at_from_any_thread(threaded: World, seal: Seal) -> None:
    """While the service fails and recovers over and over, every view is whole."""
    threaded.service.start()
    stop = threading.Event()
    problems: list[BaseException] = []

    def look() -> None:
        try:
            while not stop.is_set():
                view = threaded.service.view(NOW_MS)
                assert view.next_try_ms is None or view.next_try_ms >= NOW_MS
        except BaseException as error:  # noqa: BLE001 (told to the test)
            problems.append(error)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for number in range(15):
        seal(number)
        threaded.marketplace.valid = {"good"} if number % 3 else set()
        threaded.marketplace.say("POST", "/o/token/", Said(400, {"error": "invalid_grant"}))
        threaded.service.sync().result(WITHIN_S)
        threaded.marketplace.valid = {"good"}
        threaded.service.log_in(LogIn(threaded.marketplace.url, "good", "refresh", 10**15)).result(WITHIN_S)
    stop.set()
    for looker in lookers:
        looker.join()
    assert problems == []


def test_contact_is_made_every_few_minutes(logged_in: World) -> None:
    logged_in.sync()
    assert logged_in.service._pause_s() == CONTACT_EVERY_MS / 1000
    logged_in.clock.advance(CONTACT_EVERY_MS)
    assert logged_in.service._pause_s() == 0
    assert logged_in.marketplace.asked("/api/v1/clock")


def mark(number: int, **changes: object) -> Mark:
    made = Mark(
        number=number, contract=UUID(int=1), device=DEVICE, start_s=600 * number, kind=MarkKind.DELETED,
        ranges=(Stretch(start_ms=0, end_ms=1000),), pictures=(), actor="Robin", reason="Lunch", made_ms=NOW_MS,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_marks_are_fetched_after_the_last_one_known(logged_in: World) -> None:
    marketplace, marks = logged_in.marketplace, logged_in.buffer.marks
    marketplace.marks = [mark(number) for number in (1, 2, 3)]
    logged_in.sync()
    assert marks.between(DEVICE, 0, NOW_MS) == tuple(marketplace.marks)
    asked = [seen.query["after"] for seen in marketplace.asked("/api/v1/marks")]
    assert asked == ["0", "2"], "two at a time"
    logged_in.sync()
    assert [seen.query["after"] for seen in marketplace.asked("/api/v1/marks")][2:] == ["3"]


def test_a_restored_marketplace_tells_all_its_marks_again(logged_in: World) -> None:
    marketplace, marks = logged_in.marketplace, logged_in.buffer.marks
    marketplace.marks = [mark(1), mark(2)]
    logged_in.sync()
    marketplace.marks = [mark(1, reason="Another")]
    logged_in.sync()
    assert [one.reason for one in marks.between(DEVICE, 0, NOW_MS)] == ["Lunch", "Another", "Lunch"]


@pytest.mark.parametrize(
    "said",
    [
        Said(500, b"broken"),
        Said(404, b"<h1>Not here</h1>"),
        Said(body=b'{"marks": [{"number": 1}], "newest": 1}'),
        Said(body=MarkList(marks=(mark(2), mark(1)), newest=2)),
        Said(body=MarkList(marks=(mark(1), mark(1)), newest=1)),
    ],
)
def test_marks_that_cannot_be_had_hold_nothing_back(logged_in: World, seal: Seal, said: Said) -> None:
    seal(1)
    logged_in.marketplace.say("GET", "/api/v1/marks", said)
    answer = logged_in.sync()
    assert (answer.sent_segments, answer.waiting_segments) == (1, 0)
    assert answer.problem is not None
    assert answer.problem.endswith((".", "!"))
    assert logged_in.buffer.marks.between(DEVICE, 0, NOW_MS) == ()


def test_a_contract_whose_policy_is_out_of_range_keeps_its_terms_and_spoils_no_other(logged_in: World) -> None:
    marketplace, service = logged_in.marketplace, logged_in.service

    def trouble() -> str:
        return service.trouble or ""

    marketplace.contracts = (contract(1, idle_limit_s=7), contract(2), contract(3, rate_minor=-1))
    marketplace.etag = "two"
    assert logged_in.sync().problem is None, "what waits is sent all the same"
    assert {one.id.int: one.policy for one in service.contracts()} == {
        1: contract(1).policy,
        2: contract(2).policy,
    }, "nothing is invented for the third"
    for words in ("“Contract 1”", "idle_limit_s", "The terms known before go on holding", "It is left out"):
        assert words in trouble()
    marketplace.contracts = (contract(1, idle_limit_s=900), contract(2))
    logged_in.sync()  # asked for again although the ETag is the same
    assert trouble() == ""
    assert service.contracts()[0].policy.idle_limit_s == 900


def test_a_contract_that_disappears_is_not_listed_and_stays_known(logged_in: World, seal: Seal) -> None:
    marketplace, service = logged_in.marketplace, logged_in.service
    seal(1)
    marketplace.contracts, marketplace.etag = (), "none"
    marketplace.judge = lambda _index, _content: Rejected(code="unknown_contract", sentence="There is none.")
    answer = logged_in.sync()
    assert (service.contracts(), answer.refused_segments) == ((), 1)
    known = logged_in.buffer.learnt.newest(UUID(int=1))
    assert known == contract()
    assert logged_in.buffer.outbox.between(0, NOW_MS)[0].content is not None


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"null", b"<html>", b'{"contracts": [1]}', b'{"contracts": [{"id": 5}]}']
)
def test_an_answer_that_is_no_list_of_contracts_changes_nothing(logged_in: World, body: bytes) -> None:
    logged_in.marketplace.say("GET", "/api/v1/contracts", Said(body=body, headers={"ETag": "new"}))
    answer = logged_in.sync()
    assert answer.problem is not None
    assert "is not a Daybook marketplace's answer" in answer.problem
    assert logged_in.service.contracts() == (contract(),)


def test_what_waits_says_until_when_it_must_arrive(logged_in: World, seal: Seal) -> None:
    """The earliest segment's lock, whatever was sealed first."""
    seal(1000)
    seal(5)
    due_ms = lock_ms(5 * 600_000)
    for now_ms, is_overdue in ((due_ms - 1, False), (due_ms, True)):
        view = logged_in.service.view(now_ms)
        assert (view.due_ms, view.is_overdue) == (due_ms, is_overdue)
    logged_in.sync()
    assert (logged_in.service.view(NOW_MS).due_ms, logged_in.service.view(NOW_MS).is_overdue) == (None, False)
