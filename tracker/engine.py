"""The tracker without a window: one thread that owns timer, snapshots and sealing, and waits on one queue.

Everything that happens is an item of that queue: a command, news from the sync thread, or a deadline that has come.
"""

import contextlib
import logging
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future

from tracker import commands
from tracker.answering import answered
from tracker.capture.platform import BackEnds
from tracker.clock import Clock
from tracker.commands import Answer, Command, Done, Refused
from tracker.domain.clock import Reading
from tracker.domain.errors import RefusedError, TrackerError
from tracker.domain.segment import segment_start_ms
from tracker.domain.session import TICK_S, PauseReason, Phase
from tracker.overview import Overview
from tracker.snapshotter import DrawInstants, Snapshotter
from tracker.status import Status
from tracker.store.buffer import Buffer
from tracker.store.database import BufferDamagedError
from tracker.sync.credentials import Vault
from tracker.sync.sealer import Sealer
from tracker.sync.service import SyncService
from tracker.timer import Timer
from wire.contract import Contract, ContractStatus

MEMO_LIMIT = 10_000
_REST_MS = 60_000  # a stopped tracker looks up once a minute
_UPKEEP_AFTER_MS = 10_000
_UPKEEP_EVERY_MS = 60_000
_HEAD_UNKNOWN = (
    "Part of what this device had sealed was lost, so nothing new is sent from it until it is enrolled anew; that "
    "comes with a later version. Your time is recorded and kept all the same."
)
_SUSPENDED = "The computer was suspended; nothing was counted meanwhile. Resume when you go on working."
_log = logging.getLogger(__name__)
_ENDED = Refused("Daybook has ended. Start it again with: daybook run", RefusedError.exit_code)


class Engine:
    """Tracks time.

    Args:
        buffer: where everything is kept.
        vault: the log-in and the device's key.
        clock: the only source of time.
        back_ends: screen, input and idleness of this desktop.
        draw_instants: draws the instants of a segment's snapshots.
    """

    def __init__(
        self, buffer: Buffer, vault: Vault, clock: Clock, back_ends: BackEnds, draw_instants: DrawInstants
    ) -> None:
        self._buffer = buffer
        self._timer = Timer(buffer, clock, back_ends.input, back_ends.idle)
        self._snapshotter = Snapshotter(back_ends.screen, buffer.snapshots, buffer.pictures, draw_instants)
        self._sealer = Sealer(buffer.database, buffer.journal, buffer.snapshots, buffer.outbox)
        self._overview = Overview(buffer, self._sealer)
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._sync = SyncService(
            buffer, vault, clock,
            on_contact=lambda reading, utc_ms: self._queue.put(lambda: self._learn_time(reading, utc_ms)),
            on_change=lambda: self._queue.put(lambda: None),
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run, name="engine")
        self._listeners: list[Callable[[Status], None]] = []
        self._on_show: Callable[[], None] = lambda: None
        self._on_quit: Callable[[], None] = lambda: None
        self._ended = threading.Event()
        self._recovered: str | None = None
        self._report = buffer.recovery_report()  # of damage; stays until the person starts again
        self._failure: str | None = None
        self._due_ms = sys.maxsize  # monotonic; kept until it is met, whatever else happens meanwhile
        self._retry_ms = 0  # monotonic; while there is a failure, when the engine's own work is tried again
        self._bug: Exception | None = None
        self._policy_segment_ms = 0
        self._upkeep_ms = sys.maxsize  # monotonic; begins after the start, so that the tray is ready first

    def start(self) -> None:
        """Settle what the last run left, and begin."""
        self._guarded(self._recover)
        self._upkeep_ms = self._timer.now().mono_ms + _UPKEEP_AFTER_MS
        self._sync.start()
        self._thread.start()

    def submit(self, command: Command) -> Future[Answer]:
        """Hand in a command; its answer comes when the engine has handled it."""
        answer: Future[Answer] = Future()
        self._queue.put(lambda: self._answer(command, answer))
        if self._ended.is_set():
            self._drain()
        return answer

    def handle(self, command: Command) -> Answer:
        """Answer one command in the caller's thread; for an engine that was not started.

        Nobody can look at a held snapshot meanwhile, so its hold does not run out here.
        """
        self._restart_holds()
        answer: Future[Answer] = Future()
        self._answer(command, answer)
        result = answer.result()
        self._drain()
        return result

    def subscribe(self, listener: Callable[[Status], None]) -> None:
        """Call a listener with every status, in the engine's thread."""
        self._queue.put(lambda: self._listeners.append(listener))

    def on_show(self, callback: Callable[[], None]) -> None:
        """Say what brings the window to the front; called in the engine's thread."""
        self._on_show = callback

    def on_quit(self, callback: Callable[[], None]) -> None:
        """Say what is to end once the engine has ended; called in the engine's thread."""
        self._on_quit = callback

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the engine has ended and tell whether it has.

        Raises:
            Exception: the error of our own that ended it.
        """
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        if self._bug is not None:
            raise self._bug
        return True

    def close(self) -> None:
        """Close the buffer of an engine that has ended or was not started."""
        self._buffer.database.close()

    # The loop

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._guarded(self._publish)
                self._guarded(self._step)
        except Exception as error:  # noqa: BLE001 (wait() raises it where the person is told)
            self._bug = error
            # The timer is not stopped, so that the next start tells of the unexpected end.
            with contextlib.suppress(Exception):
                self._timer.tick()
            self._sync.stop()
            self._ended.set()
        self._drain()
        self._on_quit()

    def _step(self) -> None:
        """Wait for something to do or for the next deadline, and do what has come."""
        now_ms = self._timer.now().mono_ms
        self._due_ms = min(self._due_ms, now_ms + self._pause_ms())
        with contextlib.suppress(queue.Empty):
            self._queue.get(timeout=max(0, min(self._due_ms, self._upkeep_ms) - now_ms) / 1000)()
        if not self._ended.is_set() and self._timer.now().mono_ms >= self._due_ms:
            self._due_ms = sys.maxsize
            self._on_deadline()
        if not self._ended.is_set() and self._timer.now().mono_ms >= self._upkeep_ms:
            self._keep_up()

    def _drain(self) -> None:
        """Do what is still queued; commands that came too late are refused."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()()

    def _on_deadline(self) -> None:
        self._learn_policy()
        self._timer.tick()
        self._take_snapshot()
        self._seal()
        self._failure = None

    def _keep_up(self) -> None:
        """Take one step of what the buffer needs beside the work."""
        now = self._timer.now()
        self._upkeep_ms = now.mono_ms + _UPKEEP_EVERY_MS
        if self._buffer.upkeep.step(now.utc_ms, now.mono_ms, is_provisional=now.is_provisional):
            self._upkeep_ms = now.mono_ms

    def _mend(self, damage: BufferDamagedError) -> None:
        """Restore the damaged buffer under the running tracker."""
        now = self._timer.now()
        try:
            report = self._buffer.mend(now.utc_ms)
        except TrackerError as error:
            report = str(error)
        self._failure = None if report is not None else str(damage)
        self._report = report or self._report
        self._retry_ms = now.mono_ms + TICK_S * 1000

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do the engine's own work; what the machine refuses is shown, and tried again a tick later."""
        try:
            action()
        except BufferDamagedError as error:
            self._mend(error)
        except TrackerError as error:
            self._failure = str(error)
            self._retry_ms = self._timer.now().mono_ms + TICK_S * 1000

    def _pause_ms(self) -> int:
        """Give the milliseconds to the next deadline: a tick, a snapshot's instant or a hold's end."""
        now = self._timer.now()
        if self._failure is not None:
            return max(0, self._retry_ms - now.mono_ms)
        waits_ms = [_REST_MS, self._timer.next_tick_ms(now)]
        for instant_ms in (self._buffer.snapshots.next_hold_ms(now.utc_ms), self._snapshot_due_ms()):
            waits_ms.append(None if instant_ms is None else instant_ms - now.utc_ms)  # noqa: PERF401 (clearer so)
        return max(0, min(wait for wait in waits_ms if wait is not None))

    def _recover(self) -> None:
        """Tell what an unexpected end left, and start again the holds that it cut short."""
        self._restart_holds()
        interrupted_ms = self._buffer.journal.interrupted_at_ms()
        if interrupted_ms is not None:
            self._recovered = (
                f"Daybook ended unexpectedly. Your time was recovered up to {_clock_text(interrupted_ms)} UTC; start "
                "again to go on."
            )

    def _restart_holds(self) -> None:
        now = self._timer.now()
        for contract in self._sync.contracts():
            self._snapshotter.restart_hold(contract, now)

    def _learn_time(self, reading: Reading, utc_ms: int) -> None:
        self._timer.learn_time(reading, utc_ms)
        self._seal()

    # Snapshots and sealing

    def _snapshot_due_ms(self) -> int | None:
        contract = self._timer.contract
        if contract is None or not self._timer.is_tracking:
            return None
        return self._snapshotter.due_ms(contract, self._timer.state.started_ms, self._timer.now())

    def _take_snapshot(self) -> None:
        """Take the snapshot that is due."""
        now, due_ms, contract = self._timer.now(), self._snapshot_due_ms(), self._timer.contract
        if contract is not None and due_ms is not None and due_ms <= now.utc_ms:
            self._snapshotter.take(contract, due_ms, now)

    def _learn_policy(self) -> None:
        """From each new segment on, hold to the policy as last learnt."""
        segment_ms, contract = segment_start_ms(self._timer.now().utc_ms), self._timer.contract
        if contract is not None and segment_ms != self._policy_segment_ms:
            self._policy_segment_ms = segment_ms
            self._timer.hold_to(next((one for one in self._sync.contracts() if one.id == contract.id), contract))

    def _seal(self) -> None:
        """Seal what may be sealed; what is left after a while of it waits in the queue like any other work."""
        device = self._sync.device
        if device is not None and self._sealer.seal(device, self._timer.state, self._timer.now()):
            self._sync.wake()
            self._queue.put(lambda: self._guarded(self._seal))

    # Commands

    def _answer(self, command: Command, answer: Future[Answer]) -> None:
        result = _ENDED if self._ended.is_set() else answered(lambda: self._do(command))
        if isinstance(result, Future):
            result.add_done_callback(lambda done: answer.set_result(done.result()))
        else:
            answer.set_result(result)

    def _do(self, command: Command) -> Answer | Future[Answer]:  # noqa: PLR0911, PLR0912 (a line a command)
        match command:
            case commands.Start(contract, memo):
                return self._start(contract, memo)
            case commands.Stop():
                return self._stop()
            case commands.SetMemo(memo):
                return self._set_memo(memo)
            case commands.GetStatus():
                return commands.StatusAnswer(self._status())
            case commands.GetContracts():
                return self._after(self._sync.refresh(), self._contracts_answer)
            case commands.GetDiary(day):
                return self._overview.diary(day, self._sync.contracts(), self._sync.device, self._timer.now())
            case commands.Sync():
                self._seal()
                return self._sync.sync()
            case commands.BlurSnapshot(snapshot):
                self._snapshotter.blur(snapshot)
                self._upkeep_ms = min(self._upkeep_ms, self._timer.now().mono_ms)
                return Done("The snapshot is blurred; the clear picture is destroyed.")
            case commands.WithholdSnapshot(snapshot):
                self._snapshotter.withhold(snapshot)
                self._upkeep_ms = min(self._upkeep_ms, self._timer.now().mono_ms)
                return Done("The snapshot is withheld and its picture destroyed; the time stays, unprotected.")
            case commands.ViewSnapshot(snapshot):
                return commands.PicturesAnswer(self._snapshotter.view(snapshot))
            case commands.LogIn():
                return self._sync.log_in(command)
            case commands.Show():
                self._on_show()
                return Done("Daybook is running; its window was brought to the front.")
            case commands.Quit():
                return self._quit()

    def _start(self, wanted: str | None, memo: str | None) -> Answer:
        if self._sync.device is None:
            raise RefusedError("You are not logged in. Log in with: daybook login")
        contract = self._find_contract(wanted)
        state = self._timer.state
        if contract.status is not ContractStatus.ACTIVE:
            raise RefusedError(f"The contract “{contract.title}” is {contract.status}; no time can be tracked on it.")
        if self._timer.is_tracking and state.contract == contract.id:
            return Done(f"Already tracking “{contract.title}”.") if memo is None else self._set_memo(memo)
        if memo is None:
            memo = state.memo if state.contract == contract.id else ""
        _check_memo(memo)
        self._buffer.settings.put("last_contract", str(contract.id))  # first: nothing may fail once the timer runs
        self._buffer.forget_report()
        self._timer.start(contract, memo)
        self._recovered = self._report = None
        return Done(f"Tracking “{contract.title}” for {contract.client}.")

    def _stop(self) -> Answer:
        if self._timer.state.phase is Phase.STOPPED or self._timer.contract is None:
            raise RefusedError("No timer is running. Start one with: daybook start")
        self._timer.stop()
        self._seal()
        return Done(f"Stopped tracking “{self._timer.contract.title}”.")

    def _set_memo(self, memo: str) -> Answer:
        _check_memo(memo)
        self._timer.set_memo(memo)
        return Done("The memo is set." if memo else "The memo is empty now.")

    def _quit(self) -> Answer:
        """End, saved or not: what cannot be saved is told, and is at most what came since the last tick."""
        try:
            self._timer.stop()
            self._seal()
            now = self._timer.now()
            self._buffer.upkeep.settle(now.utc_ms, now.mono_ms)
        finally:
            self._sync.stop()
            self._ended.set()
        return Done("Daybook has ended; everything is saved.")

    def _contracts_answer(self, contact: Answer) -> Answer:
        problem = contact.sentence if isinstance(contact, Refused) else None
        lines = self._overview.contract_lines(self._sync.contracts(), self._timer.now())
        if isinstance(contact, Refused) and not lines:
            return contact
        return commands.ContractsAnswer(lines, problem)

    def _after(self, first: Future[Answer], then: Callable[[Answer], Answer]) -> Future[Answer]:
        """Go on with an answer of the sync thread once it is there."""
        answer: Future[Answer] = Future()
        first.add_done_callback(lambda done: answer.set_result(answered(lambda: then(done.result()))))
        return answer

    def _find_contract(self, wanted: str | None) -> Contract:
        contracts = self._sync.contracts()
        if wanted is None:
            wanted = self._buffer.settings.get_text("last_contract")
            if wanted is None:
                raise RefusedError("Name the contract to start on; see them with: daybook contracts")
        beginning = wanted.strip().casefold()
        exact = [one for one in contracts if beginning in {str(one.id), one.title.casefold()}]
        found = exact or [one for one in contracts if beginning and one.title.casefold().startswith(beginning)]
        if not found:
            raise RefusedError(f"There is no contract “{wanted}”. See yours with: daybook contracts")
        if len(found) > 1:
            names = ", ".join(f"“{one.title}” ({one.id})" for one in found)
            raise RefusedError(f"More than one contract begins so: {names}. Give the whole title or the id.")
        return found[0]

    # Showing

    def _status(self) -> Status:
        now = self._timer.now()
        suspended = self._timer.state.pause_reason is PauseReason.SUSPENDED
        notices = (
            self._report,
            self._recovered,
            self._failure,
            self._snapshotter.trouble,
            self._sealer.trouble,
            self._buffer.destruction.trouble,
            self._buffer.database.trouble,
            self._buffer.upkeep.trouble,
            _HEAD_UNKNOWN if self._buffer.outbox.is_head_unknown() else None,
            self._timer.counting_problem(),
            _SUSPENDED if suspended else None,
        )
        return self._overview.status(
            self._timer.state, now, self._sync.contracts(), self._sync.device, self._sync.view(now.utc_ms),
            tuple(notice for notice in notices if notice),
        )  # fmt: skip

    def _publish(self) -> None:
        """Tell the listeners; one that fails gets no more, since time is tracked whatever becomes of a window."""
        if not self._listeners:
            return
        status = self._status()
        for listener in tuple(self._listeners):
            try:
                listener(status)
            except Exception:  # noqa: BLE001 (logged; its owner's mistake must not cost time)
                _log.exception("A listener of the engine failed.")
                self._listeners.remove(listener)


def _check_memo(memo: str) -> None:
    if len(memo) > MEMO_LIMIT:
        raise RefusedError(f"A memo can have at most {MEMO_LIMIT:,} characters. Shorten it.")


def _clock_text(utc_ms: int) -> str:
    seconds = utc_ms // 1000 % 86_400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
