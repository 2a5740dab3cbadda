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
from tracker.capture.power.port import PowerEvent, PowerUnavailableError
from tracker.clock import Clock
from tracker.commands import ENDED, Answer, Command, Done, Refused
from tracker.diary import Diary
from tracker.domain import events
from tracker.domain.clock import Reading
from tracker.domain.errors import TrackerError
from tracker.domain.events import Notice
from tracker.domain.segment import segment_start_ms
from tracker.domain.session import LOOK_S, TICK_S, Phase
from tracker.editing import Editing
from tracker.examination import Examination
from tracker.exclusions import Exclusions
from tracker.marks import taken_away
from tracker.overview import Overview
from tracker.preferences import Preferences
from tracker.sight import Sight
from tracker.snapshotter import DrawInstants, Snapshotter
from tracker.status import Status
from tracker.store.buffer import Buffer
from tracker.store.database import BufferDamagedError
from tracker.sync.credentials import Vault
from tracker.sync.record import trouble_of
from tracker.sync.sealer import Sealer
from tracker.sync.service import SyncService
from tracker.timekeeping import Timekeeping
from tracker.timer import Timer
from tracker.worker import NewWorker, ThreadWorker, Worker
from wire.contract import Contract, ContractStatus
from wire.words import SnapshotReason

_REST_MS = 60_000  # a stopped tracker looks up once a minute
_TOLD = {
    Notice.SUSPENDED: "The computer was suspended; nothing was counted meanwhile. Resume when you go on working.",
    Notice.TAKEN_OVER: "Another device of yours took over; this one's time ends where the other's begins.",
    Notice.CONTRACT_ENDED: (
        "The contract was paused or ended, or is listed no more, so the timer stopped. What was worked is recorded."
    ),
    Notice.LIMIT_REACHED: "The week's limit is reached; what is over it is kept and shown, but not billed.",
    Notice.DECLARED_TIME_USED: "Today's declared time is used up; the timer counts by your input again.",
}
_CUT = (
    "The marketplace's time corrected what was recorded while this computer's clock was wrong. {seconds} s of it fell "
    "on time that was recorded already and are not counted twice."
)
_STOPPED_AT_LIMIT = "The week's limit is reached, so the timer stopped, as you set it (stop-at-limit)."
_SAVE_WITHIN_S = 3.0  # how long the machine's suspension or shutdown is held up; logind waits five seconds
_UPKEEP_AFTER_MS = 10_000
_UPKEEP_EVERY_MS = 60_000
_MUCH_TO_CORRECT = 2_000  # rows of time, about two weeks: from there on it takes long enough to be told
_CORRECTING = (
    "The marketplace's time was learnt; what was recorded since the last contact is being put in its place. This takes "
    "a few seconds, and nothing is lost if it is broken off."
)
_HEAD_UNKNOWN = (
    "Part of what this device had sealed was lost, so nothing new is sent from it until it is enrolled anew; that "
    "comes with a later version. Your time is recorded and kept all the same."
)
_log = logging.getLogger(__name__)


class Engine:
    """Tracks time.

    Args:
        buffer: where everything is kept.
        vault: the log-in and the device's key.
        clock: the only source of time.
        back_ends: screen, input and idleness of this desktop.
        draw_instants: draws the instants of a segment's snapshots.
        new_worker: makes the two threads, this one and the sync service's, by name.
    """

    def __init__(
        self,
        buffer: Buffer,
        vault: Vault,
        clock: Clock,
        back_ends: BackEnds,
        draw_instants: DrawInstants,
        new_worker: NewWorker = ThreadWorker,
    ) -> None:
        self._buffer = buffer
        self._timer = Timer(buffer, clock, back_ends.input, back_ends.idle)
        self._exclusions = Exclusions(buffer.settings)
        self._sight = Sight(back_ends.windows, self._exclusions)
        self._examination = Examination(back_ends, self._sight, self._exclusions)
        self._snapshotter = Snapshotter(back_ends.screen, self._sight, buffer.snapshots, buffer.pictures, draw_instants)
        self._power = back_ends.power
        self._sealer = Sealer(buffer.database, buffer.journal, buffer.snapshots, buffer.outbox)
        self._overview = Overview(buffer, self._sealer)
        self._worker: Worker[Callable[[], None]] = new_worker("engine")
        self._sync = SyncService(
            buffer, vault, clock, new_worker("sync"),
            on_contact=lambda reading, utc_ms: self._worker.put(lambda: self._learn_time(reading, utc_ms)),
            on_change=lambda: self._worker.put(lambda: self._guarded(self._heed_marks)),
        )  # fmt: skip
        self._diary = Diary(buffer, self._sealer)
        self._preferences = Preferences(buffer.settings)
        self._timekeeping = Timekeeping(buffer, self._timer, self._sync)
        self._editing = Editing(buffer, self._sync)
        self._listeners: list[Callable[[Status], None]] = []
        self._on_show: Callable[[], None] = lambda: None
        self._on_quit: Callable[[], None] = lambda: None
        self._ended = threading.Event()
        self._recovered: str | None = None
        self._report = buffer.recovery_report()  # of damage; stays until the person starts again
        self._failure: str | None = None
        self._correcting: str | None = None  # while it is under way, since it may take a while
        self._due_ms = sys.maxsize  # monotonic; kept until it is met, whatever else happens meanwhile
        self._retry_ms = 0  # monotonic; while there is a failure, when the engine's own work is tried again
        self._bug: Exception | None = None
        self._policy_segment_ms = 0
        self._marks_heeded = 0
        self._upkeep_ms = sys.maxsize  # monotonic; begins after the start, so that the tray is ready first

    def start(self) -> None:
        """Settle what the last run left, and begin."""
        self._guarded(self._recover)
        self._upkeep_ms = self._timer.now().mono_ms + _UPKEEP_AFTER_MS
        self._sync.start()
        self._listen()
        self._worker.start(self._run)

    def submit(self, command: Command) -> Future[Answer]:
        """Hand in a command; its answer comes when the engine has handled it."""
        answer: Future[Answer] = Future()
        self._worker.put(lambda: self._answer(command, answer))
        if self._ended.is_set():
            self._drain()
        return answer

    def handle(self, command: Command) -> Answer:
        """Answer one command in the caller's thread; for an engine that was not started.

        Nobody can look at a held snapshot meanwhile, so its hold does not run out here. An edit that was kept is
        carried out first if its ten seconds are over.
        """
        self._restart_holds()
        if self._editing.left_ms(self._timer.now()) == 0:
            self._carry_out()
        answer: Future[Answer] = Future()
        self._answer(command, answer)
        result = answer.result()
        self._drain()
        if self._upkeep_ms < sys.maxsize:
            self._settle_destruction()
        return result

    def subscribe(self, listener: Callable[[Status], None]) -> None:
        """Call a listener with every status, in the engine's thread."""
        self._worker.put(lambda: self._listeners.append(listener))

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
        self._worker.join(timeout_s)
        if self._worker.is_running:
            return False
        if self._bug is not None:
            raise self._bug
        return True

    def close(self) -> None:
        """Close the buffer of an engine that has ended or was not started."""
        self._power.stop()
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
        self._due_ms = min(self._due_ms, self._timer.now().mono_ms + self._pause_ms())
        self._wait()()
        if not self._ended.is_set() and self._timer.now().mono_ms >= self._due_ms:
            self._due_ms = sys.maxsize
            self._on_deadline()
        if not self._ended.is_set() and self._timer.now().mono_ms >= self._upkeep_ms:
            self._keep_up()

    def _wait(self) -> Callable[[], None]:
        """Wait for something to do or the next deadline; meanwhile look at the clocks once a second.

        A deadline lies on the monotonic clock, which a suspension stops: only a look finds that the machine slept.
        """
        while True:
            now_ms = self._timer.now().mono_ms
            due_ms = min(self._due_ms, self._upkeep_ms)
            wait_s = max(0, due_ms - now_ms) / 1000
            is_last = wait_s <= LOOK_S or self._timer.state.seen is None
            item = None
            with contextlib.suppress(queue.Empty):
                item = self._worker.take(wait_s if is_last else LOOK_S)
            if self._timer.look():
                self._due_ms = now_ms
            if item is not None:
                return item
            if is_last or self._due_ms <= now_ms:
                return lambda: None

    def _drain(self) -> None:
        """Do what is still queued; commands that came too late are refused."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._worker.take(0)()

    def _on_deadline(self) -> None:
        self._learn_policy()
        self._timer.tick()
        self._take_snapshot()
        if self._editing.left_ms(self._timer.now()) == 0:
            self._carry_out()
        self._withhold_unapproved()
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
        waits_ms = [_REST_MS, self._timer.next_tick_ms(now), self._editing.left_ms(now)]
        for instant_ms in (self._buffer.snapshots.next_hold_ms(now.utc_ms), self._snapshot_due_ms()):
            waits_ms.append(None if instant_ms is None else instant_ms - now.utc_ms)  # noqa: PERF401 (clearer so)
        return max(0, min(wait for wait in waits_ms if wait is not None))

    def _recover(self) -> None:
        """Tell what an unexpected end left, carry out the edit it kept, and start again the holds that it cut short."""
        self._restart_holds()
        self._carry_out()
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
        if self._timer.now().is_provisional and self._buffer.journal.has_provisional(_MUCH_TO_CORRECT):
            self._correcting = _CORRECTING
            self._publish()
        try:
            self._timer.learn_time(reading, utc_ms)
        finally:
            self._correcting = None
        self._seal()

    def _heed_marks(self) -> None:
        """Go on by what marks left of the week and the day, if the sync thread took some in."""
        if self._marks_heeded != self._buffer.marks.changes:
            self._marks_heeded = self._buffer.marks.changes
            self._timer.renew_terms()
            self._upkeep_ms = min(self._upkeep_ms, self._timer.now().mono_ms)

    # Snapshots and sealing

    def _snapshot_due_ms(self) -> int | None:
        contract = self._timer.contract
        if contract is None or not self._timer.is_tracking:
            return None
        return self._snapshotter.due_ms(contract, self._timer.state.started_ms, self._timer.now())

    def _take_snapshot(self) -> None:
        """Take the snapshot that is due."""
        now, due_ms, contract = self._timer.now(), self._snapshot_due_ms(), self._timer.contract
        if contract is None or due_ms is None or due_ms > now.utc_ms:
            return
        if self._timer.state.is_locked:  # tracked on all the same: a meeting goes on before a locked screen
            self._snapshotter.skip(contract, due_ms, SnapshotReason.SCREEN_LOCKED, now)
        else:
            self._snapshotter.take(contract, due_ms, now, self._timer.state.last_input_ms)
        self._publish()  # at once, whatever takes its time after this: the notice is due within a second

    def _withhold_unapproved(self) -> None:
        """Withhold what waited for approval in vain."""
        now = self._timer.now()
        if self._snapshotter.withhold_unapproved(now):
            self._upkeep_ms = min(self._upkeep_ms, now.mono_ms)

    def _learn_policy(self) -> None:
        """From each new segment on, hold to the policy as last learnt."""
        segment_ms, contract = segment_start_ms(self._timer.now().utc_ms), self._timer.contract
        is_on = self._timer.state.phase is not Phase.STOPPED
        if is_on and contract is not None and segment_ms != self._policy_segment_ms:
            self._policy_segment_ms = segment_ms
            known = next((one for one in self._sync.contracts() if one.id == contract.id), None)
            if known is not None and known.status is ContractStatus.ACTIVE:
                self._timer.hold_to(known)
            else:
                self._timer.handle(events.ContractEnded())

    def _on_power(self, event: PowerEvent) -> None:
        """Hear of the machine, in the power watch's thread; a suspension or shutdown waits for the commit."""
        if event is PowerEvent.SHUTTING_DOWN:
            self._worker.wait_for(self.submit(commands.Quit()), _SAVE_WITHIN_S)
            return
        saved: Future[None] = Future()
        self._worker.put(lambda: self._handle_power(event, saved))
        if event is PowerEvent.SUSPENDING:
            self._worker.wait_for(saved, _SAVE_WITHIN_S)

    def _listen(self) -> None:
        """Begin to hear of the machine; what was lost later comes back by itself, what was never there is tried again.

        Where it cannot be heard the examination says so, and the clocks find suspension all the same.
        """
        if not self._power.running:
            with contextlib.suppress(PowerUnavailableError):
                self._power.start(self._on_power)
            if self._power.is_locked():
                self._guarded(lambda: self._timer.hear(events.Lock()))

    def _examine(self) -> None:
        """Tell what does not work here, once the timer runs."""
        state = self._timer.state
        if state.contract is not None and self._timer.is_tracking and not state.is_locked:
            self._examination.examine(state.contract)

    def _handle_power(self, event: PowerEvent, saved: Future[None]) -> None:
        try:
            match event:
                case PowerEvent.SUSPENDING:
                    self._timer.hear(events.Suspend())
                case PowerEvent.LOCKED:
                    self._timer.hear(events.Lock())
                case PowerEvent.UNLOCKED:
                    self._timer.hear(events.Unlock())
                case PowerEvent.RESUMED | PowerEvent.SHUTTING_DOWN:
                    pass  # a resume is found by the clocks; a shutdown came as Quit
        finally:
            saved.set_result(None)

    def _seal(self) -> None:
        """Seal what may be sealed; what is left after a while of it waits in the queue like any other work."""
        device = self._sync.device
        state, now = self._timer.state, self._timer.now()
        self._overview.note_snapshot(now)
        if device is not None and self._sealer.seal(device, state, now, self._editing.is_edited):
            self._sync.wake()
            self._worker.put(lambda: self._guarded(self._seal))

    def _carry_out(self) -> None:
        """Carry the kept edit out; the running timer learns what that changes of its week."""
        if self._editing.carry_out(self._timer.state, self._timer.now()):
            self._upkeep_ms = min(self._upkeep_ms, self._timer.now().mono_ms)  # what is destroyed is to be in no copy
            if self._timer.state.phase is not Phase.STOPPED and self._timer.contract is not None:
                self._timer.hold_to(self._timer.contract)
            self._sync.wake()

    def _settle_destruction(self) -> None:
        now = self._timer.now()
        self._buffer.upkeep.settle(now.utc_ms, now.mono_ms)

    # Commands

    def _answer(self, command: Command, answer: Future[Answer]) -> None:
        result = ENDED if self._ended.is_set() else answered(lambda: self._do(command))
        if isinstance(result, Future):
            result.add_done_callback(lambda done: answer.set_result(done.result()))
        else:
            answer.set_result(result)

    def _do(self, command: Command) -> Answer | Future[Answer]:  # noqa: PLR0911, PLR0912 (a line a command)
        match command:
            case commands.Start(contract, memo):
                answer = self._timekeeping.start(contract, memo)
                self._recovered = self._report = None
                self._listen()
                self._worker.put(lambda: self._guarded(self._examine))
                return answer
            case commands.Stop():
                answer = self._timekeeping.stop()
                self._seal()
                return answer
            case commands.SetMemo(memo):
                return self._timekeeping.set_memo(memo)
            case commands.Resume():
                return self._timekeeping.resume(command)
            case commands.Declare(declared):
                return self._timekeeping.declare(declared)
            case commands.GetStatus():
                return commands.StatusAnswer(self._status())
            case commands.GetContracts():
                return self._after(self._sync.refresh(), self._contracts_answer)
            case commands.GetDiary(day):
                now = self._timer.now()
                recorded = self._diary.day(day, self._sync.contracts(), self._sync.device, now)
                return self._editing.shown(recorded, now)
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
            case commands.ApproveSnapshot(snapshot):
                self._snapshotter.approve(snapshot, self._timer.now())
                return Done("The snapshot is approved; it leaves with its segment when its hold has run out.")
            case commands.AddExclusion(rule):
                return self._exclusions.add(rule)
            case commands.RemoveExclusion(rule):
                return self._exclusions.remove(rule)
            case commands.GetExclusions():
                return commands.ExclusionsAnswer(self._exclusions.rules, self._sight.applications())
            case commands.ViewSnapshot(snapshot):
                return commands.PicturesAnswer(self._snapshotter.view(snapshot))
            case (
                commands.DescribeTime()
                | commands.RemoveTime()
                | commands.MoveTime()
                | commands.AddTime()
                | commands.WithholdPictures()
            ):
                if self._timer.is_tracking:
                    self._timer.tick()  # so that what was worked up to now is there to be edited
                return self._editing.ask(command, self._timer.state, self._timer.now())
            case commands.Undo():
                return self._undo()
            case commands.LogIn():
                return self._sync.log_in(command)
            case commands.GetPreferences():
                return commands.PreferencesAnswer(self._preferences.lines())
            case commands.SetPreference(name, value):
                switch = self._preferences.put(name, value)
                self._timer.renew_terms()
                return Done(f"{switch.name} is {'on' if self._preferences.is_on(switch) else 'off'}: {switch.help}.")
            case commands.Show():
                self._on_show()
                return Done("Daybook is running; its window was brought to the front.")
            case commands.Quit():
                return self._quit()

    def _quit(self) -> Answer:
        """End, saved or not: what cannot be saved is told, and is at most what came since the last tick."""
        try:
            self._timer.stop()
            self._carry_out()
            self._seal()
            self._settle_destruction()
        finally:
            self._sync.stop()
            self._ended.set()
        return Done("Daybook has ended; everything is saved.")

    def _undo(self) -> Answer:
        answer = self._editing.undo()
        self._seal()
        self._sync.wake()
        return answer

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

    # Showing

    def _status(self) -> Status:
        now, contracts, tracked = self._timer.now(), self._sync.contracts(), self._timer.contract
        unlisted = None if tracked is None or tracked.id in {one.id for one in contracts} else tracked
        notices = (
            self._report,
            self._recovered,
            self._failure,
            self._correcting,
            self._snapshotter.trouble,
            self._sealer.trouble,
            self._editing.trouble,
            self._buffer.destruction.trouble,
            self._buffer.database.trouble,
            self._buffer.upkeep.trouble,
            _HEAD_UNKNOWN if self._buffer.outbox.is_head_unknown() else None,
            self._timer.counting_problem(),
            trouble_of(self._buffer.settings),
            _CUT.format(seconds=-(-self._timer.cut_ms // 1000)) if self._timer.cut_ms else None,
            self._sync.trouble,
            self._marks_notice(contracts),
            *self._examination.findings,
            self._told(),
        )
        return self._overview.status(
            self._timer.state, now, contracts, self._sync.device, self._sync.view(now.utc_ms),
            tuple(dict.fromkeys(notice for notice in notices if notice)), unlisted=unlisted,
        )  # fmt: skip

    def _told(self) -> str | None:
        """Say what the timer did by itself."""
        if self._timer.told is Notice.LIMIT_REACHED and self._timer.state.phase is Phase.STOPPED:
            return _STOPPED_AT_LIMIT
        return None if self._timer.told is None else _TOLD.get(self._timer.told)

    def _marks_notice(self, contracts: tuple[Contract, ...]) -> str | None:
        """Say what was taken away elsewhere, until the person starts again."""
        device = self._sync.device
        marks = () if device is None else self._buffer.marks.untold(device)
        return taken_away(marks, {one.id: one.title for one in contracts})

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


def _clock_text(utc_ms: int) -> str:
    seconds = utc_ms // 1000 % 86_400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
