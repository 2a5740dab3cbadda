"""The tick journal: time and activity of segments that are not sealed yet, each tick one transaction.

Rows never cross the ten-minute grid, so that a segment's rows are those that start in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from uuid import UUID

from tracker.domain.clock import Moment
from tracker.domain.events import Effect, TakeAway, Told, Worked
from tracker.domain.provisional import Boot, Taken, correction
from tracker.domain.sealing import Unsealed
from tracker.domain.segment import Interval, on_the_grid, segment_start_ms, split
from tracker.domain.session import State
from tracker.store.database import Database
from tracker.store.snapshots import Snapshots
from wire.words import SEGMENT_MS, ActivitySource, Kind

_NO_END = 2**62
_ADD_UP = (
    "ON CONFLICT (contract, at_ms) DO UPDATE SET keys = keys + excluded.keys, clicks = clicks + excluded.clicks,"
    " scrolls = scrolls + excluded.scrolls, moved = moved | excluded.moved, active_ms = active_ms + excluded.active_ms"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Input counted since the last tick, on the contract then tracked; `at_ms` is that tick's UTC instant."""

    contract: UUID
    at_ms: int
    source: ActivitySource
    keys: int
    clicks: int
    scrolls: int
    moved: bool
    active_ms: int = 0


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """A segment that still has journal rows, with what says whether it may be sealed."""

    contract: UUID
    unsealed: Unsealed


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the journal holds of one segment."""

    intervals: tuple[Interval, ...]
    activity: tuple[Measured, ...]
    policy_version: int
    clock_offset_ms: int


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a contact made of provisional time.

    The boot that made the contact was moved by `moved_ms` and stays `ahead_ms` ahead of the marketplace; `cut_ms` of
    all boots' time overlapped what was recorded before, and is gone.
    """

    moved_ms: int
    ahead_ms: int
    cut_ms: int


class Journal:
    """Writes what the timer decided and reads it back for sealing and showing."""

    def __init__(self, database: Database, snapshots: Snapshots) -> None:
        self._database = database
        self._snapshots = snapshots

    def write(
        self, state: State, effects: Iterable[Effect], measured: Measured | None, *, now: Moment, policy_version: int
    ) -> None:
        """Commit one event: its effects, the input counted, and where the timer stands."""
        with self._database.transaction():
            if measured is not None:
                self._measure(measured, now)
            for effect in effects:
                match effect:
                    case Worked(interval):
                        self._work(interval, now, policy_version)
                        if measured is not None:
                            self._name_source(interval, measured, now)
                    case TakeAway(from_ms, to_ms):
                        self._take_away(from_ms, to_ms, now)
                    case Told():
                        pass  # for the person, not for the record
            self._database.execute("DELETE FROM running")
            if state.counted is not None and state.contract is not None:
                row = (str(state.contract), state.counted.utc_ms)
                self._database.execute("INSERT INTO running (only, contract, counted_to_ms) VALUES (1, ?, ?)", row)

    def interrupted_at_ms(self) -> int | None:
        """Give the last tick of a timer that nobody stopped: the program died. Reading it settles it."""
        with self._database.transaction():
            row = self._database.row("SELECT counted_to_ms FROM running")
            self._database.execute("DELETE FROM running")
        return None if row is None else int(row[0])

    def last_end_ms(self, *, is_certain: bool = False) -> int | None:
        """Give the end of the newest time recorded, sealed or not; of that alone which is certain, if asked for."""
        row = self._database.row(
            "SELECT max(end_ms) FROM (SELECT max(end_ms) AS end_ms FROM worked WHERE NOT (is_provisional AND ?)"
            " UNION ALL SELECT max(end_ms) FROM revision WHERE start_ms = (SELECT max(start_ms) FROM revision))",
            (is_certain,),
        )
        return None if row is None or row[0] is None else int(row[0])

    def shift_provisional(self, by_ms: int, boot_id: str = "", *, began_ms: int = _NO_END) -> Corrected:
        """Correct what was recorded before a contact, each boot's by its own error (PRODUCT.md, "Time").

        Where the corrected time would overlap what is certain all the same, the certain stands: nobody works twice at
        once.

        Args:
            by_ms: the error of the boot that made the contact.
            boot_id: that boot.
            began_ms: the marketplace's time at which that boot began.
        """
        with self._database.transaction():
            found = correction(
                self._provisional_boots(),
                boot_id,
                by_ms,
                began_ms=began_ms,
                certain_ms=self.last_end_ms(is_certain=True),
            )
            moved = found.moved
            cut_ms = self._shift_worked(moved)
            self._shift_activity(moved, by_ms)
            for (boot,) in self._database.rows("SELECT DISTINCT boot_id FROM snapshot WHERE is_provisional"):
                self._snapshots.shift_provisional(boot, moved.get(boot, by_ms))
            self._snapshots.shift_holds(moved[boot_id])
        return Corrected(moved[boot_id], found.ahead_ms, cut_ms)

    def has_provisional(self, rows: int) -> bool:
        """Tell whether so many rows or more would be moved at a contact."""
        found = self._database.rows("SELECT 1 FROM worked WHERE is_provisional LIMIT ?", (rows,))
        return len(found) == rows

    def open_segments(self, from_ms: int = 0, to_ms: int = _NO_END) -> list[OpenSegment]:
        """List the segments that have journal rows and start in a range, oldest first."""
        rows = self._database.rows(
            "SELECT contract, start_ms - start_ms % ?1 AS segment_ms, max(end_ms), max(is_provisional) FROM worked"
            " WHERE start_ms >= ?2 AND start_ms < ?3 GROUP BY contract, segment_ms ORDER BY segment_ms, contract",
            (SEGMENT_MS, from_ms, to_ms),
        )
        return [
            OpenSegment(
                UUID(contract),
                Unsealed(
                    start_ms=start_ms,
                    last_end_ms=last_end_ms,
                    last_hold_ms=self._snapshots.last_hold_ms(UUID(contract), start_ms),
                    is_provisional=bool(is_provisional),
                ),
            )
            for contract, start_ms, last_end_ms, is_provisional in rows
        ]

    def certain_segments(self, limit: int) -> list[OpenSegment]:
        """List the oldest segments whose time is not all provisional, out of so many rows at most."""
        rows = self._database.rows(
            "SELECT start_ms FROM worked WHERE NOT is_provisional ORDER BY start_ms LIMIT ?", (limit,)
        )
        starts_ms = dict.fromkeys(segment_start_ms(int(row[0])) for row in rows)
        return [one for start_ms in starts_ms for one in self.open_segments(start_ms, start_ms + SEGMENT_MS)]

    def recorded(self, contract: UUID, start_ms: int) -> Recorded | None:
        """Read what is recorded of one segment."""
        scope = (str(contract), start_ms, start_ms + SEGMENT_MS)
        rows = self._database.rows(
            "SELECT start_ms, end_ms, kind, memo, label, policy_version, clock_offset_ms FROM worked"
            " WHERE contract = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms",
            scope,
        )
        counted = self._database.rows(
            "SELECT at_ms, source, keys, clicks, scrolls, moved, active_ms FROM activity"
            " WHERE contract = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms",
            scope,
        )
        if not rows:
            return None
        return Recorded(
            intervals=tuple(Interval(contract, row[0], row[1], Kind(row[2]), row[3], row[4]) for row in rows),
            activity=tuple(
                Measured(contract, at_ms, ActivitySource(source), keys, clicks, scrolls, bool(moved), active_ms)
                for at_ms, source, keys, clicks, scrolls, moved, active_ms in counted
            ),
            policy_version=rows[0][5],
            clock_offset_ms=rows[-1][6],
        )

    def forget(self, contract: UUID, start_ms: int) -> None:
        """Remove a segment's rows: they are sealed."""
        scope = (str(contract), start_ms, start_ms + SEGMENT_MS)
        with self._database.transaction():
            self._database.execute("DELETE FROM worked WHERE contract = ? AND start_ms >= ? AND start_ms < ?", scope)
            self._database.execute("DELETE FROM activity WHERE contract = ? AND at_ms >= ? AND at_ms < ?", scope)

    def take_marked(self, contract: UUID, from_ms: int, to_ms: int) -> None:
        """Take a stretch that a mark names out of a contract's time, whatever its kind, with its counts.

        Provisional time stands until its timestamps are certain; the sealer keeps it out of the stretch then.
        """
        span = (str(contract), from_ms, to_ms, segment_start_ms(from_ms))
        this = "contract = ?1 AND start_ms >= ?4 AND start_ms < ?3 AND end_ms > ?2 AND NOT is_provisional"
        columns = "kind, memo, label, policy_version, clock_offset_ms, is_provisional, boot_id"
        with self._database.transaction():
            self._database.execute(
                f"INSERT INTO worked (contract, start_ms, end_ms, {columns}) SELECT contract, ?3, end_ms, {columns}"  # noqa: S608 (own words)
                f" FROM worked WHERE {this} AND start_ms < ?2 AND end_ms > ?3",
                span,
            )
            self._database.execute(f"DELETE FROM worked WHERE {this} AND start_ms >= ?2 AND end_ms <= ?3", span)  # noqa: S608 (same)
            self._database.execute(f"UPDATE worked SET end_ms = ?2 WHERE {this} AND start_ms < ?2", span)  # noqa: S608 (same)
            self._database.execute(f"UPDATE worked SET start_ms = ?3 WHERE {this} AND start_ms >= ?2", span)  # noqa: S608 (same)
            self._database.execute(
                "DELETE FROM activity WHERE contract = ? AND at_ms >= ? AND at_ms < ? AND NOT is_provisional", span[:3]
            )

    def worked_ms(self, from_ms: int, to_ms: int) -> dict[UUID, int]:
        """Sum the unsealed time of each contract that starts in a range."""
        rows = self._database.rows(
            "SELECT contract, sum(end_ms - start_ms) FROM worked WHERE start_ms >= ? AND start_ms < ?"
            " GROUP BY contract",
            (from_ms, to_ms),
        )
        return {UUID(contract): int(worked_ms) for contract, worked_ms in rows}

    def declared_ms(self, contract: UUID, from_ms: int, to_ms: int) -> int:
        """Sum a contract's unsealed declared time that starts in a range."""
        row = self._database.row(
            "SELECT sum(end_ms - start_ms) FROM worked WHERE contract = ? AND start_ms >= ? AND start_ms < ?"
            " AND kind = 'declared'",
            (str(contract), from_ms, to_ms),
        )
        return 0 if row is None or row[0] is None else int(row[0])

    def _name_source(self, interval: Interval, measured: Measured, now: Moment) -> None:
        """Say in each further segment that a tick reaches into how its input is measured."""
        for piece in split(interval):
            if segment_start_ms(piece.start_ms) > measured.at_ms:
                nothing = replace(measured, at_ms=piece.start_ms, keys=0, clicks=0, scrolls=0, moved=False, active_ms=0)
                self._measure(nothing, now)

    def _work(self, interval: Interval, now: Moment, policy_version: int) -> None:
        for piece in split(interval):
            lengthened = self._database.execute(
                "UPDATE worked SET end_ms = ? WHERE contract = ? AND end_ms = ? AND start_ms >= ? AND kind = ?"
                " AND memo = ? AND label IS ? AND boot_id IS ?",
                (
                    piece.end_ms, str(piece.contract), piece.start_ms, segment_start_ms(piece.start_ms), piece.kind,
                    piece.memo, piece.label, _boot(now),
                ),
            )  # fmt: skip
            if not lengthened:
                self._insert(piece, policy_version, now.clock_offset_ms, boot_id=_boot(now))

    def _take_away(self, from_ms: int, to_ms: int, now: Moment) -> None:
        """Take away what was tracked or declared; time that another clock placed there is not this session's."""
        span = (from_ms, to_ms, _boot(now))
        this = "start_ms < ?2 AND boot_id IS ?3 AND kind <> 'manual'"
        self._database.execute(f"DELETE FROM worked WHERE start_ms >= ?1 AND {this}", span)  # noqa: S608 (own words)
        self._database.execute(f"UPDATE worked SET end_ms = ?1 WHERE end_ms > ?1 AND {this}", span)  # noqa: S608 (same)
        self._database.execute("DELETE FROM activity WHERE at_ms >= ? AND at_ms < ? AND boot_id IS ?", span)
        self._snapshots.destroy_between(from_ms, to_ms, boot_id=_boot(now))

    def _measure(self, measured: Measured, now: Moment) -> None:
        self._database.execute(
            "INSERT INTO activity (contract, at_ms, source, keys, clicks, scrolls, moved, active_ms, is_provisional,"  # noqa: S608 (own)
            " boot_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) " + _ADD_UP,
            (
                str(measured.contract), measured.at_ms, measured.source, measured.keys, measured.clicks,
                measured.scrolls, measured.moved, measured.active_ms, now.is_provisional, _boot(now),
            ),
        )  # fmt: skip

    def _insert(self, piece: Interval, policy_version: int, clock_offset_ms: int, *, boot_id: str | None) -> None:
        """Add a row; it is provisional if it names a boot."""
        self._database.execute(
            "INSERT INTO worked (contract, start_ms, end_ms, kind, memo, label, policy_version, clock_offset_ms,"
            " is_provisional, boot_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                str(piece.contract), piece.start_ms, piece.end_ms, piece.kind, piece.memo, piece.label, policy_version,
                clock_offset_ms, boot_id is not None, boot_id,
            ),
        )  # fmt: skip

    def _provisional_boots(self) -> list[Boot]:
        """List the boots that recorded provisional time, in their order."""
        rows = self._database.rows(
            "SELECT boot.boot_id, first_ms, last_ms, clock_offset_ms FROM worked JOIN (SELECT boot_id, min(start_ms)"
            " AS first_ms, max(end_ms) AS last_ms, min(id) AS oldest, max(id) AS newest FROM worked"
            " WHERE is_provisional GROUP BY boot_id) AS boot ON worked.id = boot.newest ORDER BY oldest"
        )
        return [Boot(*row) for row in rows]

    def _shift_worked(self, moved: dict[str | None, int]) -> int:
        """Move the provisional time in the order it was recorded, cut where other time is and split on the grid.

        Gives the milliseconds cut. What is free is kept in memory: a query for each row of a year took most of the
        time.
        """
        rows = self._database.rows(
            "SELECT boot_id, start_ms, end_ms, clock_offset_ms, contract, kind, memo, label, policy_version"
            " FROM worked WHERE is_provisional ORDER BY id"
        )
        self._database.execute("DELETE FROM worked WHERE is_provisional")
        shifted = [(*row[1:3], moved[row[0]], row[3:]) for row in rows]
        first_ms = min((start_ms + shift_ms for start_ms, _, shift_ms, _ in shifted), default=0)
        last_ms = max((end_ms + shift_ms for _, end_ms, shift_ms, _ in shifted), default=0)
        taken = Taken(
            self._database.rows(
                "SELECT start_ms, end_ms FROM worked WHERE start_ms >= ? AND start_ms < ? ORDER BY start_ms",
                (segment_start_ms(first_ms), last_ms),
            )
        )
        pieces = [
            (*piece, offset_ms + shift_ms, *rest)
            for start_ms, end_ms, shift_ms, (offset_ms, *rest) in shifted
            for part in taken.take(start_ms + shift_ms, end_ms + shift_ms)
            for piece in on_the_grid(*part)
        ]
        self._database.execute_many(
            "INSERT INTO worked (start_ms, end_ms, clock_offset_ms, contract, kind, memo, label, policy_version,"
            " is_provisional) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            pieces,
        )
        moved_ms = sum(int(end_ms) - int(start_ms) for start_ms, end_ms, *_ in shifted)
        return moved_ms - sum(int(end_ms) - int(start_ms) for start_ms, end_ms, *_ in pieces)

    def _shift_activity(self, moved: dict[str | None, int], by_ms: int) -> None:
        """Move the provisional counts, in SQL alone: a year of ticks are millions; counts that meet add up."""
        self._database.execute("CREATE TEMP TABLE shifted AS SELECT * FROM activity WHERE is_provisional")
        self._database.execute("DELETE FROM activity WHERE is_provisional")
        boots = self._database.rows("SELECT DISTINCT boot_id FROM shifted")
        for (boot,) in boots:
            self._database.execute(
                "INSERT INTO activity (contract, at_ms, source, keys, clicks, scrolls, moved, active_ms,"  # noqa: S608 (own)
                " is_provisional) SELECT contract, at_ms + ?, source, keys, clicks, scrolls, moved, active_ms, 0"
                " FROM shifted WHERE boot_id IS ? " + _ADD_UP,
                (moved.get(boot, by_ms), boot),
            )
        self._database.execute("DROP TABLE shifted")


def _boot(now: Moment) -> str | None:
    """Name the boot of a provisional moment; what is certain needs none."""
    return now.boot_id if now.is_provisional else None
