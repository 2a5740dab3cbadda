"""A real buffer with all that edits it, short ways to record, and a device that is enrolled without a network."""

from pathlib import Path
from uuid import UUID

import msgspec

from tests.fakes.clock import NOON_MS, FakeClock
from tests.fakes.terms import contract
from tracker.commands import Done, EditCommand
from tracker.diary import Diary
from tracker.domain.clock import Moment
from tracker.domain.events import Worked
from tracker.domain.segment import Interval
from tracker.domain.session import State
from tracker.editing import Editing
from tracker.store.buffer import Buffer, open_buffer
from tracker.store.journal import Measured
from tracker.sync.credentials import Vault
from tracker.sync.sealer import Sealer
from tracker.sync.service import SyncService
from tracker.worker import ThreadWorker
from wire import canonical
from wire.contract import Contract, ContractList
from wire.diary import Picture, Segment, check
from wire.words import SEGMENT_MS, ActivitySource, Kind, SnapshotReason

ONE, TWO, DEVICE = UUID(int=1), UUID(int=2), UUID(int=9)
STOPPED = State()


def moment(at_ms: int, *, is_provisional: bool = False, boot_id: str = "boot") -> Moment:
    """Give an instant so long after noon."""
    return Moment(NOON_MS + at_ms, 9_000_000 + at_ms, 1_000_000 + at_ms, -7, is_provisional, boot_id)


class Desk:
    """Instants are milliseconds after noon."""

    def __init__(self, folder: Path, vault: Vault, *contracts: Contract) -> None:
        self.folder = folder
        self.buffer: Buffer = open_buffer(folder, bytes(range(32)))
        self.buffer.settings.put("device", str(DEVICE))
        told = ContractList(contracts=contracts or (contract(1), contract(2)))
        self.buffer.settings.put("contracts", msgspec.json.encode(told))
        sync = SyncService(
            self.buffer, vault, FakeClock(), ThreadWorker("sync"), on_contact=lambda *_: None, on_change=lambda: None
        )
        self.sealer = Sealer(self.buffer.database, self.buffer.journal, self.buffer.snapshots, self.buffer.outbox)
        self.diary = Diary(self.buffer, self.sealer)
        self.editing = Editing(self.buffer, sync)
        self._sync = sync

    def close(self) -> None:
        self.buffer.database.close()

    def work(
        self,
        start_ms: int,
        end_ms: int,
        *,
        contract: UUID = ONE,
        memo: str = "memo",
        kind: Kind = Kind.TRACKED,
        keys: int = 1,
    ) -> None:
        """Record time in one go, its input at its start."""
        interval = Interval(contract, NOON_MS + start_ms, NOON_MS + end_ms, kind, memo)
        measured = Measured(contract, NOON_MS + start_ms, ActivitySource.COUNTS, keys, 0, 0, moved=False)
        self.buffer.journal.write(STOPPED, (Worked(interval),), measured, now=moment(end_ms), policy_version=1)

    def snap(
        self, at_ms: int, content: bytes = b"picture", *, contract: UUID = ONE, reason: SnapshotReason | None = None
    ) -> Picture | None:
        """Record a snapshot whose hold has run out."""
        small = b"small " + content
        picture = None if reason else Picture(
            monitor=0, width=4, height=3, sha256=self.buffer.pictures.put(content), size=len(content),
            thumbnail_sha256=self.buffer.pictures.put(small), thumbnail_size=len(small),
        )  # fmt: skip
        self.buffer.snapshots.draw(contract, NOON_MS + at_ms - (NOON_MS + at_ms) % SEGMENT_MS, (at_ms % SEGMENT_MS,))
        self.buffer.snapshots.add(
            contract, NOON_MS + at_ms, drawn_ms=NOON_MS + at_ms, pictures=() if picture is None else (picture,),
            reason=reason, leaves_ms=None if picture is None else NOON_MS + at_ms,
        )  # fmt: skip
        return picture

    def seal(self, at_ms: int = 2 * SEGMENT_MS, state: State = STOPPED) -> int:
        return self.sealer.seal(DEVICE, state, moment(at_ms), self.editing.is_edited)

    def ask(self, command: EditCommand, at_ms: int = 2 * SEGMENT_MS, state: State = STOPPED) -> str:
        answer = self.editing.ask(command, state, moment(at_ms))
        assert isinstance(answer, Done), answer
        return answer.sentence

    def carry_out(self, at_ms: int = 2 * SEGMENT_MS + 10_000, state: State = STOPPED) -> bool:
        return self.editing.carry_out(state, moment(at_ms))

    def edit(self, command: EditCommand, at_ms: int = 2 * SEGMENT_MS, state: State = STOPPED) -> None:
        """Ask for an edit and carry it out."""
        self.ask(command, at_ms, state)
        assert self.carry_out(at_ms + 10_000, state)
        assert self.editing.trouble is None

    def standing(self, start_ms: int = 0, contract: UUID = ONE) -> Segment:
        revision = self.buffer.outbox.standing(contract, NOON_MS + start_ms)
        assert revision is not None
        assert revision.content is not None
        segment = canonical.decode(revision.content, Segment)
        check(segment)
        assert (segment.worked_ms, segment.revision) == (revision.worked_ms, revision.revision)
        return segment

    def everything(self) -> list[object]:
        """Every row but settings."""
        tables = ("worked", "activity", "snapshot", "picture", "instant", "revision", "upload", "destruction")
        return [self.buffer.database.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608 (names above)

    def contracts(self) -> tuple[Contract, ...]:
        return self._sync.contracts()


def spans(segment: Segment) -> list[tuple[int, int, str]]:
    """Give a segment's intervals with their memos."""
    return [(one.start_ms, one.end_ms, one.memo) for one in segment.intervals]
