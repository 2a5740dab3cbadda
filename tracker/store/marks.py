"""The marks that the marketplace told: kept, and carried out on what this device recorded (PRODUCT.md, "Words")."""

from collections.abc import Iterable
from uuid import UUID

from tracker.store.database import Database
from tracker.store.destruction import Destruction
from tracker.store.journal import Journal
from tracker.store.outbox import Outbox
from tracker.store.settings import Settings
from tracker.store.snapshots import Snapshots
from wire import canonical
from wire.diary import Segment
from wire.marks import Mark, MarkList, less, taken_ms
from wire.words import SEGMENT_MS

_TOLD = "marks_told"


class Marks:
    """Reads the marks of segments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, contract: UUID, start_ms: int) -> tuple[Mark, ...]:
        """Give the marks on a contract's segments that start at an instant, whichever device recorded them."""
        return self._read("contract = ? AND start_ms = ?", (str(contract), start_ms))

    def between(self, device: UUID, from_ms: int, to_ms: int) -> tuple[Mark, ...]:
        """Give the marks on a device's segments that start in a range, in order of time."""
        return self._read("device = ? AND start_ms >= ? AND start_ms < ?", (str(device), from_ms, to_ms))

    def _read(self, condition: str, values: tuple[str | int, ...]) -> tuple[Mark, ...]:
        rows = self._database.rows(
            f"SELECT content FROM mark WHERE {condition} ORDER BY start_ms, id",  # noqa: S608 (this class's own words)
            values,
        )
        return tuple(canonical.decode(bytes(content), Mark) for (content,) in rows)


class MarkKeeping(Marks):
    """Takes marks in, and takes away what they name: time, counts, pictures, and contents of which nothing is left."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        destruction: Destruction,
        journal: Journal,
        snapshots: Snapshots,
        outbox: Outbox,
    ) -> None:
        super().__init__(database)
        self._settings = settings
        self._destruction = destruction
        self._journal = journal
        self._snapshots = snapshots
        self._outbox = outbox
        self._untold: tuple[Mark, ...] | None = None  # read once, not with every status
        self.changes = 0

    @property
    def seen(self) -> int:
        """The number of the last mark that was taken in; 0 where one before it is missing, as damage may leave it."""
        newest, count = self._database.rows("SELECT coalesce(max(number), 0), count(DISTINCT number) FROM mark")[0]
        return int(newest) if newest == count else 0

    def take_in(self, told: MarkList, device: UUID) -> None:
        """Keep marks and carry out those on this device's segments, all in one transaction."""
        with self._database.transaction():
            is_changed = False
            for mark in told.marks:
                is_new = self._database.execute(
                    "INSERT OR IGNORE INTO mark (number, contract, device, start_ms, content) VALUES (?, ?, ?, ?, ?)",
                    (mark.number, str(mark.contract), str(mark.device), mark.start_s * 1000, canonical.encode(mark)),
                )
                if is_new and mark.device == device:
                    self._carry_out(mark)
                    is_changed = True
            if is_changed:
                self._database.after_commit(self._changed)

    def untold(self, device: UUID) -> tuple[Mark, ...]:
        """Give the marks on this device's segments that the person was not told of yet."""
        if self._untold is None:
            told = int(self._settings.get_text(_TOLD) or 0)
            self._untold = self._read("device = ? AND id > ?", (str(device), told))
        return self._untold

    def told(self) -> None:
        """The person was told of all."""
        if self._untold:
            row = self._database.rows("SELECT max(id) FROM mark")[0]
            self._settings.put(_TOLD, str(row[0]))
            self._untold = ()

    def recount(self) -> None:
        """Read anew at the next asking: the database was exchanged."""
        self._untold = None

    def _changed(self) -> None:
        self.changes += 1
        self._untold = None
        self._outbox.recount()

    def _carry_out(self, mark: Mark) -> None:
        start_ms, marks = mark.start_s * 1000, self.of(mark.contract, mark.start_s * 1000)
        self._take_from_revisions(mark, [one for one in marks if one.device == mark.device])
        for one in mark.ranges:
            self._journal.take_marked(mark.contract, start_ms + one.start_ms, start_ms + one.end_ms)
            self._snapshots.destroy_marked(mark.contract, start_ms + one.start_ms, start_ms + one.end_ms)
        for taken in self._snapshots.of_segment(mark.contract, start_ms):
            if any(picture.sha256 in mark.pictures for picture in taken.pictures):
                self._snapshots.withhold(taken.id)

    def _take_from_revisions(self, mark: Mark, marks: list[Mark]) -> None:
        """Take time and pictures out of a segment's sealed revisions; a content of which no time is left goes.

        With the newest go the earlier ones. Its link travels bare from now on, if it did not travel yet.
        """
        rows = self._database.rows(
            "SELECT link, content, worked_ms, state FROM revision WHERE contract = ? AND start_ms = ?"
            " ORDER BY link DESC",
            (str(mark.contract), mark.start_s * 1000),
        )
        is_newest_gone, kept = False, set[str]()
        for link, content, worked_ms, state in rows:
            if content is None:  # kept long enough and gone; what no mark names is the most that can be left
                left_ms = min(int(worked_ms), SEGMENT_MS - taken_ms(marks))
            else:
                segment = canonical.decode(bytes(content), Segment)
                left = less(segment, marks)
                is_emptied = bool(segment.intervals) and not left.intervals
                is_newest_gone |= is_emptied and state != "rejected"
                left_ms = left.worked_ms
                if is_emptied or is_newest_gone:
                    self._database.execute("UPDATE revision SET content = NULL, salt = NULL WHERE link = ?", (link,))
                    self._database.destroys()
                else:
                    kept |= {name for one in left.pictures() for name in (one.sha256, one.thumbnail_sha256)}
            self._database.execute("UPDATE revision SET worked_ms = ? WHERE link = ?", (left_ms, link))
            self._unname(int(link), kept)

    def _unname(self, link: int, kept: Iterable[str]) -> None:
        """Send and keep a revision's pictures no more, but for those that are left."""
        names = {str(row[0]) for row in self._database.rows("SELECT sha256 FROM upload WHERE link = ?", (link,))}
        gone = sorted(names.difference(kept))
        self._database.execute_many("DELETE FROM upload WHERE link = ? AND sha256 = ?", [(link, one) for one in gone])
        self._destruction.of(gone)
