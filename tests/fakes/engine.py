"""An engine for the user interface's tests: it answers as told, in a thread of its own as the real one does."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from tracker.commands import (
    Answer,
    ApproveSnapshot,
    BlurSnapshot,
    Command,
    ContractsAnswer,
    Done,
    GetContracts,
    GetStatus,
    PicturesAnswer,
    Quit,
    Refused,
    SetMemo,
    Start,
    StatusAnswer,
    Stop,
    Sync,
    SyncAnswer,
    ViewSnapshot,
    WithholdSnapshot,
)
from tracker.domain.session import PauseReason, Phase
from tracker.status import ContractLine, SnapshotView, Status, SyncView
from wire.words import SnapshotStatus

NOW_MS = 1_795_433_187_000  # Mon 2026-11-23 11:26:27 UTC

API = ContractLine(
    id=UUID(int=1),
    title="API integration",
    client="Northwind Ltd",
    currency="USD",
    rate_minor=4200,
    weekly_limit_minutes=1800,
    can_be_tracked=True,
    today_ms=267 * 60_000,
    week_ms=1270 * 60_000,
    earned_minor=88_900,
)
DESIGN = ContractLine(
    id=UUID(int=2),
    title="Design system",
    client="Contoso",
    currency="EUR",
    rate_minor=5500,
    weekly_limit_minutes=600,
    can_be_tracked=True,
    today_ms=0,
    week_ms=580 * 60_000,
    earned_minor=53_167,
)


def synced(**changes: object) -> SyncView:
    """A buffer that has sent everything."""
    view = SyncView(
        server="https://daybook.example",
        is_logged_in=True,
        waiting_segments=0,
        waiting_pictures=0,
        waiting_since_ms=None,
        next_try_ms=None,
        last_contact_ms=NOW_MS - 20_000,
        refused_segments=0,
        problem=None,
    )
    return msgspec.structs.replace(view, **changes)


def stopped(**changes: object) -> Status:
    """A logged-in tracker with two contracts, stopped."""
    status = Status(
        now_ms=NOW_MS,
        phase=Phase.STOPPED,
        pause_reason=None,
        paused_since_ms=None,
        contract=API,
        memo="",
        session_ms=0,
        activity_tenths=None,
        protection_problem=None,
        snapshot=None,
        contracts=(API, DESIGN),
        sync=synced(),
        notices=(),
    )
    return msgspec.structs.replace(status, **changes)


def tracking(**changes: object) -> Status:
    """The same, tracking for 1:23:07."""
    status = stopped(
        phase=Phase.TRACKING,
        memo="Fix token refresh race in sync client",
        session_ms=4_987_000,
        activity_tenths=8,
    )
    return msgspec.structs.replace(status, **changes)


def paused(**changes: object) -> Status:
    """The same, paused by idleness twelve minutes ago."""
    status = tracking(
        phase=Phase.PAUSED,
        pause_reason=PauseReason.IDLE,
        paused_since_ms=NOW_MS - 12 * 60_000,
        activity_tenths=None,
    )
    return msgspec.structs.replace(status, **changes)


def logged_out(**changes: object) -> Status:
    """A tracker that was never logged in."""
    sync = synced(server=None, is_logged_in=False, last_contact_ms=None)
    return msgspec.structs.replace(stopped(contract=None, contracts=(), sync=sync), **changes)


def held(thumbnail: bytes | None = None, **changes: object) -> SnapshotView:
    """A snapshot held for another 42 s."""
    view = SnapshotView(
        id=7,
        taken_ms=NOW_MS - 18_000,
        status=SnapshotStatus.HELD,
        reason=None,
        leaves_in_ms=42_000,
        thumbnail=thumbnail,
    )
    return msgspec.structs.replace(view, **changes)


@dataclass
class FakeEngine:
    """Keeps a status, changes it as commands ask, and records every call.

    `refusals` maps a command's type to the sentence it is refused with; `holds_back` leaves answers pending.
    """

    status: Status = field(default_factory=stopped)
    refusals: dict[type, str] = field(default_factory=dict)
    pictures: tuple[bytes, ...] = ()
    holds_back: bool = False
    commands: list[Command] = field(default_factory=list)
    pending: list[Future[Answer]] = field(default_factory=list)
    log_ins: list[str] = field(default_factory=list)
    log_in: Future[Answer] | None = None
    calls: int = 0
    _listeners: list[Callable[[Status], None]] = field(default_factory=list)
    _shows: list[Callable[[], None]] = field(default_factory=list)
    _quits: list[Callable[[], None]] = field(default_factory=list)

    def subscribe(self, listener: Callable[[Status], None]) -> None:
        self.calls += 1
        self._listeners.append(listener)

    def on_show(self, callback: Callable[[], None]) -> None:
        self._shows.append(callback)

    def on_quit(self, callback: Callable[[], None]) -> None:
        self._quits.append(callback)

    def submit(self, command: Command) -> Future[Answer]:
        self.calls += 1
        self.commands.append(command)
        future: Future[Answer] = Future()
        if self.holds_back:
            self.pending.append(future)
        else:
            future.set_result(self._handle(command))
        return future

    def begin_log_in(self, server: str) -> Future[Answer]:
        self.calls += 1
        self.log_ins.append(server)
        self.log_in = Future()
        return self.log_in

    def cancel_log_in(self) -> None:
        self.calls += 1
        if self.log_in is not None:
            self.log_in.set_result(Refused("The log-in was cancelled.", 3))

    def last(self) -> Command:
        """Give the newest command."""
        return self.commands[-1]

    def publish(self, status: Status) -> None:
        """Publish a status as the engine does."""
        self.status = status
        for listener in self._listeners:
            listener(status)

    def change(self, **changes: object) -> None:
        """Publish the status with some fields changed."""
        self.publish(msgspec.structs.replace(self.status, **changes))

    def show(self) -> None:
        """Be started a second time."""
        for callback in self._shows:
            callback()

    def end(self) -> None:
        """Be ended from outside."""
        for callback in self._quits:
            callback()

    def _handle(self, command: Command) -> Answer:  # noqa: PLR0912 (a line a command)
        sentence = self.refusals.get(type(command))
        if sentence is not None:
            return Refused(sentence, 3)
        match command:
            case GetStatus():
                return StatusAnswer(self.status)
            case GetContracts():
                return ContractsAnswer(self.status.contracts, None)
            case Start(contract, memo):
                chosen = next(
                    (line for line in self.status.contracts if str(line.id) == contract), self.status.contract
                )
                self.change(
                    phase=Phase.TRACKING, contract=chosen, memo=self.status.memo if memo is None else memo, session_ms=0
                )
            case Stop():
                self.change(phase=Phase.STOPPED, session_ms=0, activity_tenths=None)
            case SetMemo(memo):
                self.change(memo=memo)
            case BlurSnapshot():
                self._change_snapshot(SnapshotStatus.BLURRED)
            case ApproveSnapshot():
                self._approve_snapshot()
            case WithholdSnapshot():
                self._change_snapshot(SnapshotStatus.WITHHELD)
            case ViewSnapshot():
                return PicturesAnswer(self.pictures)
            case Sync():
                return SyncAnswer(0, 0, 0, 0, 0, None)
            case Quit():
                self.end()
            case _:
                pass
        return Done("Done.")

    def _approve_snapshot(self) -> None:
        if self.status.snapshot is not None:
            self.change(snapshot=msgspec.structs.replace(self.status.snapshot, needs_approval=False))

    def _change_snapshot(self, status: SnapshotStatus) -> None:
        if self.status.snapshot is not None:
            view = msgspec.structs.replace(self.status.snapshot, status=status, leaves_in_ms=None)
            self.change(snapshot=view)
