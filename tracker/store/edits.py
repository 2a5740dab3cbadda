"""Edits in the buffer: the one that can still be taken back, and what one does to the journal's rows."""

from dataclasses import dataclass
from uuid import UUID

from tracker.domain import editing
from tracker.domain.clock import Moment
from tracker.domain.editing import UNDO_MS, Add, Describe, Edit, Move, Remove, Withhold
from tracker.domain.segment import Interval
from tracker.store.database import Database
from tracker.store.snapshots import Snapshots, TakenSnapshot
from wire.words import SEGMENT_MS, Kind, SnapshotReason


@dataclass(frozen=True, slots=True)
class Pending:
    """An edit that is not carried out yet; `asked_ms` is marketplace time, `boot_ms` counts in the boot `boot_id`."""

    edit: Edit
    asked_ms: int
    boot_id: str
    boot_ms: int

    def left_ms(self, now: Moment) -> int:
        """Give how long it can still be taken back; 0 once that has lapsed, as it has after a reboot."""
        if now.boot_id != self.boot_id:
            return 0
        return min(UNDO_MS, max(0, self.boot_ms + UNDO_MS - now.boot_ms))


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What an edit did to a segment's unsealed part.

    `has_rows` tells whether time is left in it, `moved` is what leaves for another contract, and `snapshots` are those
    left behind by a part that is all taken away.
    """

    is_touched: bool
    has_rows: bool
    moved: tuple[Interval, ...] = ()
    snapshots: tuple[TakenSnapshot, ...] = ()


class Edits:
    """Keeps the pending edit, and edits what is not sealed."""

    def __init__(self, database: Database, snapshots: Snapshots) -> None:
        self._database = database
        self._snapshots = snapshots

    def pending(self) -> Pending | None:
        """Give the edit that is not carried out yet."""
        row = self._database.row(
            "SELECT sort, contract, target, from_ms, to_ms, memo, label, asked_ms, boot_id, boot_ms FROM pending_edit"
        )
        if row is None:
            return None
        sort, contract, target, from_ms, to_ms, memo, label, *asked = row
        edit = _read(sort, UUID(contract), target, (from_ms, to_ms), memo, label)
        return Pending(edit, *asked)

    def keep(self, edit: Edit, now: Moment) -> None:
        """Keep an edit as the pending one."""
        target = edit.target if isinstance(edit, Move) else None
        with self._database.transaction():
            self.drop()
            self._database.execute(
                "INSERT INTO pending_edit (only, sort, contract, target, from_ms, to_ms, memo, label, asked_ms,"
                " boot_id, boot_ms) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    type(edit).__name__, str(edit.contract), None if target is None else str(target), edit.from_ms,
                    edit.to_ms, edit.memo if isinstance(edit, Describe | Move | Add) else None,
                    edit.label if isinstance(edit, Describe | Add) else None, now.utc_ms, now.boot_id, now.boot_ms,
                ),
            )  # fmt: skip

    def drop(self) -> bool:
        """Forget the pending edit, taken back or carried out; tell whether there was one."""
        with self._database.transaction():
            return self._database.execute("DELETE FROM pending_edit") > 0

    def recorded(self, from_ms: int, to_ms: int) -> list[Interval]:
        """Give the unsealed intervals of every contract that lie in a range, in part or whole."""
        rows = self._database.rows(
            "SELECT contract, start_ms, end_ms, kind, memo, label FROM worked"
            " WHERE start_ms >= ? AND start_ms < ? AND end_ms > ? ORDER BY start_ms",
            (from_ms - SEGMENT_MS, to_ms, from_ms),
        )
        return [
            Interval(UUID(contract), start_ms, end_ms, Kind(kind), memo, label)
            for contract, start_ms, end_ms, kind, memo, label in rows
        ]

    def edit_unsealed(self, edit: Edit, start_ms: int) -> Unsealed:
        """Carry an edit out on what is not sealed of its contract's segment."""
        scope = (str(edit.contract), start_ms, start_ms + SEGMENT_MS)
        with self._database.transaction():
            rows = self._database.rows(
                "SELECT id, start_ms, end_ms, kind, memo, label, policy_version, clock_offset_ms, is_provisional,"
                " boot_id FROM worked WHERE contract = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms",
                scope,
            )
            intervals = {row[0]: Interval(edit.contract, row[1], row[2], Kind(row[3]), row[4], row[5]) for row in rows}
            is_of_time = not isinstance(edit, Withhold)
            touched = [row for row in rows if is_of_time and editing.overlaps(intervals[row[0]], edit)]
            if isinstance(edit, Remove | Move):
                self._keep_missed(edit, [intervals[row[0]] for row in touched])
            moved = list[Interval]()
            for row_id, *_, policy_version, clock_offset_ms, is_provisional, boot_id in touched:
                self._database.execute("DELETE FROM worked WHERE id = ?", (row_id,))
                for piece in editing.after((intervals[row_id],), edit):
                    if piece.contract != edit.contract:
                        moved.append(piece)
                        continue
                    self._database.execute(
                        "INSERT INTO worked (contract, start_ms, end_ms, kind, memo, label, policy_version,"
                        " clock_offset_ms, is_provisional, boot_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            scope[0], piece.start_ms, piece.end_ms, piece.kind, piece.memo, piece.label,
                            policy_version, clock_offset_ms, is_provisional, boot_id,
                        ),
                    )  # fmt: skip
            has_rows = self._database.row(
                "SELECT 1 FROM worked WHERE contract = ? AND start_ms >= ? AND start_ms < ?", scope
            )
            snapshots = self._leave_behind(edit, start_ms, is_all=bool(touched) and has_rows is None)
        return Unsealed(bool(touched), has_rows is not None, tuple(moved), snapshots)

    def settle_missed(self, contract: UUID, at_ms: int) -> None:
        """Let it stand that nobody took the snapshot of an instant, whatever becomes of the time around it."""
        start_ms = at_ms - at_ms % SEGMENT_MS
        with self._database.transaction():
            self._database.execute(
                "UPDATE instant SET is_taken = 1 WHERE contract = ? AND segment_ms = ? AND offset_ms = ?",
                (str(contract), start_ms, at_ms - start_ms),
            )

    def _leave_behind(self, edit: Edit, start_ms: int, *, is_all: bool) -> tuple[TakenSnapshot, ...]:
        """Withhold the pictures in a range that is taken away, with its counts; where that is all, take all of it."""
        if isinstance(edit, Describe | Add):
            return ()
        end_ms = start_ms + SEGMENT_MS
        span = (start_ms, end_ms) if is_all else (max(start_ms, edit.from_ms), min(end_ms, edit.to_ms))
        for taken in self._snapshots.of_segment(edit.contract, start_ms):
            if taken.pictures and span[0] <= taken.at_ms < span[1]:
                self._snapshots.withhold(taken.id)
        if isinstance(edit, Withhold):
            return ()
        counted = self._database.execute(
            "DELETE FROM activity WHERE contract = ? AND at_ms >= ? AND at_ms < ?", (str(edit.contract), *span)
        )
        if counted or is_all:
            self._database.destroys()
        if not is_all:
            return ()
        left = tuple(self._snapshots.of_segment(edit.contract, start_ms))
        self._snapshots.forget(edit.contract, start_ms)
        return left

    def _keep_missed(self, edit: Edit, touched: list[Interval]) -> None:
        """Record that nobody took the snapshots drawn in tracked time that goes, as it would be without the edit."""
        for one in touched:
            start_ms = one.start_ms - one.start_ms % SEGMENT_MS
            for offset_ms in self._snapshots.instants(edit.contract, start_ms, is_taken=False):
                at_ms = start_ms + offset_ms
                is_inside = max(one.start_ms, edit.from_ms) <= at_ms < min(one.end_ms, edit.to_ms)
                if is_inside and one.kind is Kind.TRACKED:
                    self._snapshots.add(edit.contract, at_ms, drawn_ms=at_ms, reason=SnapshotReason.UNAVAILABLE)


def _read(
    sort: str, contract: UUID, target: str | None, span: tuple[int, int], memo: str | None, label: str | None
) -> Edit:
    match sort:
        case Describe.__name__:
            return Describe(contract, *span, memo, label)
        case Remove.__name__:
            return Remove(contract, *span)
        case Move.__name__:
            return Move(contract, *span, UUID(target), memo or "")
        case Add.__name__:
            return Add(contract, *span, memo or "", label)
        case _:
            return Withhold(contract, *span)
