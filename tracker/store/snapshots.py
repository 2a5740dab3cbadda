"""Snapshots of unsealed segments: the drawn instants, what was taken, and how long it is held."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tracker.domain.exclusion import Withholding
from tracker.domain.segment import segment_start_ms
from tracker.store.database import Database
from tracker.store.destruction import Destruction
from tracker.store.pictures import Pictures
from wire.diary import ActiveWindow, Picture
from wire.words import SEGMENT_MS, SnapshotReason, SnapshotStatus

_FORGOTTEN_AT_ONCE: Final = 60


@dataclass(frozen=True, slots=True)
class TakenSnapshot:
    """One snapshot; `at_ms` and `leaves_ms` (None once decided) are UTC milliseconds.

    One that `needs_approval` never leaves: it is withheld when its hold has run out. `withholding` is why it was
    withheld, and `window` the active one where the policy sends window titles.
    """

    id: int
    contract: UUID
    at_ms: int
    status: SnapshotStatus
    reason: SnapshotReason | None
    leaves_ms: int | None
    pictures: tuple[Picture, ...]
    needs_approval: bool = False
    withholding: Withholding | None = None
    window: ActiveWindow | None = None


class Snapshots:
    """The buffer's snapshots; a picture's file lives exactly as long as a row names it."""

    def __init__(self, database: Database, pictures: Pictures, destruction: Destruction) -> None:
        self._database = database
        self._pictures = pictures
        self._destruction = destruction

    def instants(self, contract: UUID, segment_ms: int, *, is_taken: bool) -> tuple[int, ...]:
        """Give a segment's drawn instants, in milliseconds from its start, that have a snapshot or have none."""
        rows = self._database.rows(
            "SELECT offset_ms FROM instant WHERE contract = ? AND segment_ms = ? AND is_taken = ? ORDER BY offset_ms",
            (str(contract), segment_ms, is_taken),
        )
        return tuple(int(row[0]) for row in rows)

    def is_drawn(self, contract: UUID, segment_ms: int) -> bool:
        """Tell whether a segment's instants have been drawn; they are drawn once."""
        row = self._database.row(
            "SELECT 1 FROM instant WHERE contract = ? AND segment_ms = ?", (str(contract), segment_ms)
        )
        return row is not None

    def draw(self, contract: UUID, segment_ms: int, offsets_ms: tuple[int, ...]) -> None:
        """Keep the instants drawn for a segment, and forget some of those of segments sealed a day ago or more.

        Only the oldest are looked at, so that it takes no longer after a year of which nothing could be sealed.
        """
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM instant WHERE segment_ms IN (SELECT segment_ms FROM instant WHERE segment_ms < ?1"
                " ORDER BY segment_ms LIMIT ?3) AND NOT EXISTS (SELECT 1 FROM worked"
                " WHERE worked.contract = instant.contract AND end_ms > segment_ms AND end_ms <= segment_ms + ?2)",
                (segment_ms - 144 * SEGMENT_MS, SEGMENT_MS, _FORGOTTEN_AT_ONCE),
            )
            self._database.execute_many(
                "INSERT OR IGNORE INTO instant (contract, segment_ms, offset_ms) VALUES (?, ?, ?)",
                [(str(contract), segment_ms, offset_ms) for offset_ms in offsets_ms],
            )

    def add(  # noqa: PLR0913 (a row has as many columns)
        self,
        contract: UUID,
        at_ms: int,
        *,
        drawn_ms: int,
        pictures: tuple[Picture, ...] = (),
        reason: SnapshotReason | None = None,
        leaves_ms: int | None = None,
        is_blurred: bool = False,
        needs_approval: bool = False,
        withholding: Withholding | None = None,
        window: ActiveWindow | None = None,
        boot_id: str | None = None,
    ) -> int:
        """Record a drawn instant's snapshot: held until `leaves_ms`, failed for a reason, or withheld; gives its id.

        `boot_id` names the boot of a provisional one, None makes it certain.
        """
        if withholding is not None:
            status = SnapshotStatus.WITHHELD
        elif reason is not None:
            status = SnapshotStatus.FAILED
        elif is_blurred:
            status = SnapshotStatus.BLURRED
        else:
            status = SnapshotStatus.HELD
        with self._database.transaction():
            # Noted here, so that a start has only the newest holds to begin again, after a year offline too.
            self._database.execute("UPDATE snapshot SET leaves_ms = 0 WHERE leaves_ms > 0 AND leaves_ms <= ?", (at_ms,))
            rows = self._database.rows(
                "INSERT INTO snapshot (contract, at_ms, status, reason, leaves_ms, is_provisional, boot_id,"
                " needs_approval, withholding, application, title) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " RETURNING id",
                (
                    str(contract), at_ms, status, reason, leaves_ms, boot_id is not None, boot_id,
                    needs_approval, withholding,
                    None if window is None else window.application, None if window is None else window.title,
                ),
            )  # fmt: skip
            snapshot = int(rows[0][0])
            segment_ms = segment_start_ms(drawn_ms)
            self._database.execute(
                "UPDATE instant SET is_taken = 1 WHERE contract = ? AND segment_ms = ? AND offset_ms = ?",
                (str(contract), segment_ms, drawn_ms - segment_ms),
            )
            self._name(snapshot, pictures)
        return snapshot

    def get(self, snapshot: int) -> TakenSnapshot | None:
        """Read one snapshot."""
        found = self._read("id = ?", (snapshot,))
        return found[0] if found else None

    def newest(self) -> TakenSnapshot | None:
        """Read the newest snapshot that is not sealed."""
        found = self._read("id = (SELECT max(id) FROM snapshot)", ())
        return found[0] if found else None

    def of_segment(self, contract: UUID, start_ms: int) -> list[TakenSnapshot]:
        """Read a segment's snapshots, oldest first."""
        return self._read("contract = ? AND at_ms >= ? AND at_ms < ?", (str(contract), start_ms, start_ms + SEGMENT_MS))

    def last_hold_ms(self, contract: UUID, start_ms: int) -> int | None:
        """Give when the last held snapshot of a segment may leave."""
        row = self._database.row(
            "SELECT max(leaves_ms) FROM snapshot WHERE contract = ? AND at_ms >= ? AND at_ms < ?",
            (str(contract), start_ms, start_ms + SEGMENT_MS),
        )
        return None if row is None or row[0] is None else int(row[0])

    def next_hold_ms(self, now_ms: int) -> int | None:
        """Give when the next hold that is still running ends."""
        row = self._database.row(
            "SELECT min(leaves_ms) FROM snapshot INDEXED BY snapshot_held WHERE leaves_ms > 0 AND leaves_ms > ?",
            (now_ms,),
        )
        return None if row is None or row[0] is None else int(row[0])

    def blur(self, snapshot: int, pictures: tuple[Picture, ...]) -> None:
        """Put blurred pictures in place of the clear ones, whose files are destroyed, and forget the window's title.

        Whoever blurs a snapshot has looked at it and decided: it needs no approval any more.
        """
        with self._database.transaction():
            gone = self._unname(snapshot)
            self._database.execute(
                "UPDATE snapshot SET status = ?, needs_approval = 0, application = NULL, title = NULL WHERE id = ?",
                (SnapshotStatus.BLURRED, snapshot),
            )
            self._name(snapshot, pictures)
            self._destruction.of(gone)

    def approve(self, snapshot: int) -> None:
        """Let a snapshot leave that waited for it."""
        with self._database.transaction():
            self._database.execute("UPDATE snapshot SET needs_approval = 0 WHERE id = ?", (snapshot,))

    def withhold(self, snapshot: int, because: Withholding = Withholding.PERSON) -> None:
        """Destroy a snapshot's pictures and its window's title; that it was taken and withheld stays recorded."""
        with self._database.transaction():
            gone = self._unname(snapshot)
            self._database.execute(
                "UPDATE snapshot SET status = ?, leaves_ms = NULL, needs_approval = 0, withholding = ?,"
                " application = NULL, title = NULL WHERE id = ?",
                (SnapshotStatus.WITHHELD, because, snapshot),
            )
            self._destruction.of(gone)

    def withhold_unapproved(self, now_ms: int) -> int:
        """Withhold every snapshot whose hold has run out without the approval that it needs; gives their number."""
        rows = self._database.rows("SELECT id FROM snapshot WHERE needs_approval AND leaves_ms <= ?", (now_ms,))
        for (snapshot,) in rows:
            self.withhold(int(snapshot), Withholding.NOT_APPROVED)
        return len(rows)

    def restart_hold(self, contract: UUID, leaves_ms: int, *, needs_approval: bool = False) -> None:
        """Start the holds that quitting cut short again (PRODUCT.md, "Snapshots and privacy")."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE snapshot INDEXED BY snapshot_held SET leaves_ms = ? WHERE contract = ? AND leaves_ms > 0"
                " AND needs_approval = ?",
                (leaves_ms, str(contract), needs_approval),
            )

    def destroy_between(self, from_ms: int, to_ms: int, *, boot_id: str | None) -> None:
        """Remove every unsealed snapshot taken from an instant up to and with another, and its pictures.

        Both instants are of the provisional boot named, or certain; what another clock placed there stays.
        """
        with self._database.transaction():
            rows = self._database.rows(
                "SELECT id FROM snapshot WHERE at_ms >= ? AND at_ms <= ? AND boot_id IS ?",
                (from_ms, to_ms, boot_id),
            )
            gone = [sha256 for (snapshot,) in rows for sha256 in self._unname(int(snapshot))]
            self._database.execute_many("DELETE FROM snapshot WHERE id = ?", rows)
            self._database.execute(
                "UPDATE instant SET is_taken = 0 WHERE segment_ms BETWEEN ?1 - ?3 AND ?2"
                " AND segment_ms + offset_ms BETWEEN ?1 AND ?2",
                (from_ms, to_ms, SEGMENT_MS),
            )
            self._destruction.of(gone)

    def destroy_marked(self, contract: UUID, from_ms: int, to_ms: int) -> None:
        """Remove a contract's unsealed, certain snapshots taken in a stretch that a mark names, and their pictures."""
        with self._database.transaction():
            rows = self._database.rows(
                "SELECT id FROM snapshot WHERE contract = ? AND at_ms >= ? AND at_ms < ? AND NOT is_provisional",
                (str(contract), from_ms, to_ms),
            )
            gone = [sha256 for (snapshot,) in rows for sha256 in self._unname(int(snapshot))]
            self._database.execute_many("DELETE FROM snapshot WHERE id = ?", rows)
            self._destruction.of(gone)

    def discard(self, names: list[str]) -> None:
        """Destroy pictures that were kept for a snapshot which then did not come about."""
        self._destruction.of(names)

    def forget(self, contract: UUID, start_ms: int) -> None:
        """Remove a sealed segment's rows; its revision names the pictures from now on."""
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM snapshot WHERE contract = ? AND at_ms >= ? AND at_ms < ?",
                (str(contract), start_ms, start_ms + SEGMENT_MS),
            )

    def shift_holds(self, by_ms: int) -> None:
        """Move every hold that runs: all began, or began again, in this boot and so provisionally."""
        with self._database.transaction():
            self._database.execute("UPDATE snapshot SET leaves_ms = leaves_ms + ? WHERE leaves_ms > 0", (by_ms,))

    def shift_provisional(self, boot_id: str | None, by_ms: int) -> None:
        """Move a boot's provisional instants by so many milliseconds; they are certain then."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE snapshot SET at_ms = at_ms + ?, is_provisional = 0, boot_id = NULL"
                " WHERE is_provisional AND boot_id IS ?",
                (by_ms, boot_id),
            )

    def lose_missing(self, contract: UUID, start_ms: int) -> None:
        """Mark a segment's snapshots whose files are gone as lost, before they are sealed."""
        for taken in self.of_segment(contract, start_ms):
            names = [name for one in taken.pictures for name in (one.sha256, one.thumbnail_sha256)]
            if all(self._pictures.has(name) for name in names):
                continue
            with self._database.transaction():
                gone = self._unname(taken.id)
                self._database.execute(
                    "UPDATE snapshot SET status = ?, reason = ?, leaves_ms = NULL, application = NULL, title = NULL"
                    " WHERE id = ?",
                    (SnapshotStatus.FAILED, SnapshotReason.LOST, taken.id),
                )
                self._destruction.of(gone)

    def _read(self, condition: str, values: tuple[int | str, ...]) -> list[TakenSnapshot]:
        rows = self._database.rows(
            "SELECT id, contract, at_ms, status, reason, leaves_ms, needs_approval, withholding, application, title"  # noqa: S608 (this class's own words)
            f" FROM snapshot WHERE {condition} ORDER BY at_ms",
            values,
        )
        return [
            TakenSnapshot(
                id=snapshot,
                contract=UUID(contract),
                at_ms=at_ms,
                status=SnapshotStatus(status),
                reason=None if reason is None else SnapshotReason(reason),
                leaves_ms=leaves_ms,
                pictures=tuple(
                    Picture(
                        monitor=row[0], width=row[1], height=row[2], sha256=row[3], size=row[4],
                        thumbnail_sha256=row[5], thumbnail_size=row[6],
                    )
                    for row in self._database.rows(
                        "SELECT monitor, width, height, sha256, size, thumbnail_sha256, thumbnail_size FROM picture"
                        " WHERE snapshot = ? ORDER BY monitor",
                        (snapshot,),
                    )
                ),
                needs_approval=bool(needs_approval),
                withholding=None if withholding is None else Withholding(withholding),
                window=None if title is None else ActiveWindow(application=application, title=title),
            )
            for (
                snapshot, contract, at_ms, status, reason, leaves_ms, needs_approval, withholding, application, title
            ) in rows
        ]  # fmt: skip

    def _name(self, snapshot: int, pictures: tuple[Picture, ...]) -> None:
        with self._database.transaction():
            self._database.execute_many(
                "INSERT INTO picture (snapshot, monitor, width, height, sha256, size, thumbnail_sha256, thumbnail_size)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        snapshot, picture.monitor, picture.width, picture.height, picture.sha256, picture.size,
                        picture.thumbnail_sha256, picture.thumbnail_size,
                    )
                    for picture in pictures
                ],
            )  # fmt: skip

    def _unname(self, snapshot: int) -> list[str]:
        with self._database.transaction():
            rows = self._database.rows(
                "DELETE FROM picture WHERE snapshot = ? RETURNING sha256, thumbnail_sha256", (snapshot,)
            )
        return [sha256 for row in rows for sha256 in row]
