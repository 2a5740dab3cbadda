"""The device's chain of sealed revisions, what of it still waits for the marketplace, and what it answered."""

from dataclasses import dataclass, replace
from uuid import UUID

from tracker.store.database import Database
from tracker.store.destruction import Destruction
from wire import chain
from wire.sync import Accepted, Duplicate, Outcome, Rejected, RetryLater
from wire.words import SEGMENT_MS


@dataclass(frozen=True, slots=True)
class Revision:
    """A sealed revision: its place in the chain, its content and what the marketplace said.

    `state` is one of *waiting*, *accepted*, *rejected*; `content` is None once deleted. One that is joined is judged
    with the link before it: both are accepted or neither.
    """

    link: int
    link_hash: bytes
    digest: bytes
    salt: bytes | None
    content: bytes | None
    contract: UUID
    start_ms: int
    revision: int
    worked_ms: int
    state: str
    sentence: str | None
    is_joined: bool


@dataclass(frozen=True, slots=True)
class Sealing:
    """What sealing adds to the chain; instants are UTC milliseconds, `pictures` the SHA-256 of all bytes to send."""

    contract: UUID
    start_ms: int
    revision: int
    worked_ms: int
    end_ms: int
    salt: bytes
    content: bytes
    sealed_ms: int
    pictures: tuple[str, ...]
    is_joined: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits for the marketplace, since when (UTC milliseconds), and how much it refused.

    `failed_pictures` were refused or are lost: they wait no more. `first_ms` is the start (UTC milliseconds) of the
    earliest segment that waits, whose lock comes first.
    """

    segments: int
    pictures: int
    since_ms: int | None
    refused: int
    failed_pictures: int = 0
    first_ms: int | None = None


_COLUMNS = "link, link_hash, digest, salt, content, contract, start_ms, revision, worked_ms, state, sentence, is_joined"
_NEWEST = (  # what counts: the newest revision of each segment that was not refused
    "revision = (SELECT max(revision) FROM revision AS other WHERE other.contract = revision.contract"
    " AND other.start_ms = revision.start_ms AND other.state <> 'rejected')"
)
_FIRST = (  # of a batch: the first link that waits, with the one that it is joined to
    "(SELECT link - is_joined FROM revision WHERE link = (SELECT min(link) FROM revision WHERE state = 'waiting'))"
)
_UNDECIDED = (  # while an edit can be taken back, no picture leaves that it may withhold
    "EXISTS (SELECT 1 FROM pending_edit WHERE pending_edit.contract = revision.contract"  # noqa: S608 (own words)
    f" AND revision.start_ms < to_ms AND revision.start_ms + {SEGMENT_MS} > from_ms)"
)


class Outbox:
    """Appends to the chain, hands out what waits, keeps the answers."""

    def __init__(self, database: Database, destruction: Destruction) -> None:
        self._database = database
        self._destruction = destruction
        self._counted: Waiting | None = None  # what waits, until that changes: counting a year takes too long a tick

    def head(self, device: UUID) -> chain.Head:
        """Give the chain's head."""
        row = self._database.row("SELECT link, link_hash FROM revision ORDER BY link DESC LIMIT 1")
        return chain.genesis(device) if row is None else chain.Head(int(row[0]) + 1, bytes(row[1]))

    def is_head_unknown(self) -> bool:
        """Tell whether links were lost, so that nothing may follow the last one that is left.

        Only a new device's key begins a chain again (PRODUCT.md, "Offline and sync").
        """
        return self._database.row("SELECT 1 FROM setting WHERE name = 'head_unknown'") is not None

    def append(self, device: UUID, sealing: Sealing) -> None:
        """Add a revision to the chain and its pictures to those that wait.

        Only the newest revision's pictures are sent (PRODUCT.md, "Snapshots and privacy"): what earlier revisions of
        the segment name and this one names no more is destroyed here, and if it is not sent yet it never is.
        """
        with self._database.transaction():
            head = self.head(device)
            digest = chain.digest(sealing.salt, sealing.content)
            self._database.execute(
                "INSERT INTO revision (link, link_hash, digest, salt, content, contract, start_ms, revision, worked_ms,"
                " end_ms, sealed_ms, is_joined, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting')",
                (
                    head.length, chain.extend(head, (digest,)).hash, digest, sealing.salt, sealing.content,
                    str(sealing.contract), sealing.start_ms, sealing.revision, sealing.worked_ms, sealing.end_ms,
                    sealing.sealed_ms, sealing.is_joined,
                ),
            )  # fmt: skip
            self._database.execute_many(
                "INSERT INTO upload (contract, sha256, link, is_sent, failure) VALUES (?1, ?2, ?3,"
                " EXISTS (SELECT 1 FROM upload WHERE contract = ?1 AND sha256 = ?2 AND is_sent),"
                " (SELECT max(failure) FROM upload WHERE contract = ?1 AND sha256 = ?2))",
                [(str(sealing.contract), sha256, head.length) for sha256 in sealing.pictures],
            )
            self._take_back(sealing)
            self._recount_after_commit()

    def last_revision(self, contract: UUID, start_ms: int) -> int:
        """Give the number of a segment's last revision, 0 where there is none."""
        row = self._database.row(
            "SELECT max(revision) FROM revision WHERE contract = ? AND start_ms = ?", (str(contract), start_ms)
        )
        return 0 if row is None or row[0] is None else int(row[0])

    def standing(self, contract: UUID, start_ms: int) -> Revision | None:
        """Give the revision of a segment that counts: the newest that was not refused."""
        found = self._revisions(f"contract = ? AND start_ms = ? AND {_NEWEST}", (str(contract), start_ms))
        return found[0] if found else None

    def standing_between(self, from_ms: int, to_ms: int) -> list[Revision]:
        """Give the revision that counts of every segment that starts in a range, in order of time."""
        return self._revisions(f"start_ms >= ? AND start_ms < ? AND {_NEWEST}", (from_ms, to_ms), "start_ms, contract")

    def newest(self, contract: UUID, start_ms: int) -> Revision | None:
        """Give the newest revision of a segment, refused or not."""
        found = self._revisions("contract = ? AND start_ms = ?", (str(contract), start_ms), "revision DESC LIMIT 1")
        return found[0] if found else None

    def between(self, from_ms: int, to_ms: int) -> list[Revision]:
        """Give the newest revision of every segment that starts in a range, refused or not, in order of time."""
        newest = (
            "revision = (SELECT max(revision) FROM revision AS other WHERE other.contract = revision.contract"
            " AND other.start_ms = revision.start_ms)"
        )
        return self._revisions(f"start_ms >= ? AND start_ms < ? AND {newest}", (from_ms, to_ms), "start_ms, contract")

    def worked_ms(self, from_ms: int, to_ms: int) -> dict[UUID, int]:
        """Sum the sealed time that counts, by contract, of the segments that start in a range."""
        rows = self._database.rows(
            "SELECT contract, sum(worked_ms) FROM revision"  # noqa: S608 (this module's own words)
            f" WHERE start_ms >= ? AND start_ms < ? AND {_NEWEST} GROUP BY contract",
            (from_ms, to_ms),
        )
        return {UUID(contract): int(worked_ms) for contract, worked_ms in rows}

    def next_batch(self, limit: int) -> list[Revision]:
        """Give a contiguous run of the chain that begins with the first link still waiting; it parts no joined pair."""
        found = self._revisions(f"link >= {_FIRST} AND link <= {_FIRST} + ?", (limit,))
        run = [one for number, one in enumerate(found) if one.link == found[0].link + number]  # damage may leave a hole
        while len(run) > limit or (len(run) == limit and len(found) > limit and found[limit].is_joined):
            run.pop()
        return run

    def settle(self, link: int, outcome: Outcome) -> None:
        """Keep the marketplace's answer to a link."""
        row: tuple[str | int | None, ...]
        match outcome:
            case Accepted(received_ms=received_ms) | Duplicate(received_ms=received_ms):
                row = ("accepted", None, None, received_ms, link)
            case Rejected(code=code, sentence=sentence):
                row = ("rejected", code, sentence, None, link)
            case RetryLater():
                return
        with self._database.transaction():
            self._database.execute(
                "UPDATE revision SET state = ?, code = ?, sentence = ?, received_ms = ? WHERE link = ?", row
            )
            if self._database.execute(
                "UPDATE revision SET content = NULL, salt = NULL WHERE link = ? AND is_deleted AND content IS NOT NULL",
                (link,),
            ):
                self._database.destroys()
            self._recount_after_commit(keeps_pictures=row[0] == "accepted")

    def delete_before(self, contract: UUID, start_ms: int, revision: int) -> None:
        """Destroy content and salt of a segment's revisions before one; those not sent yet travel bare.

        The first half of a move keeps its content until it is judged: the other half is judged with it.
        """
        scope = (str(contract), start_ms, revision)
        with self._database.transaction():
            self._database.execute(
                "UPDATE revision SET is_deleted = 1 WHERE contract = ? AND start_ms = ? AND revision < ?", scope
            )
            self._database.execute(
                "UPDATE revision SET content = NULL, salt = NULL WHERE contract = ? AND start_ms = ? AND revision < ?"
                " AND NOT (state = 'waiting' AND EXISTS (SELECT 1 FROM revision AS other WHERE other.is_joined"
                " AND other.link = revision.link + 1 AND other.content IS NOT NULL))",
                scope,
            )
            self._database.destroys()

    def pictures_of(self, contract: UUID, start_ms: int) -> set[str]:
        """Give the SHA-256 of the pictures of a segment that are still kept or were sent."""
        rows = self._database.rows(
            "SELECT sha256 FROM upload JOIN revision USING (link) WHERE revision.contract = ? AND start_ms = ?",
            (str(contract), start_ms),
        )
        return {str(sha256) for (sha256,) in rows}

    def offer_again(self, from_link: int) -> None:
        """Offer every link from one on again, and all its pictures: the marketplace lacks them."""
        with self._database.transaction():
            self._database.execute("UPDATE revision SET state = 'waiting' WHERE link >= ?", (from_link,))
            self._database.execute("UPDATE upload SET is_sent = 0, failure = NULL WHERE link >= ?", (from_link,))
            self._recount_after_commit()

    def offer_kept_again(self) -> None:
        """Offer everything again whose content is still here: the marketplace was restored from a backup."""
        row = self._database.row("SELECT min(link) FROM revision WHERE content IS NOT NULL")
        if row is not None and row[0] is not None:
            self.offer_again(int(row[0]))

    def waiting(self) -> Waiting:
        """Count what waits and what was refused."""
        if self._counted is None:
            self._counted = self._segments_waiting(*self._pictures_waiting())
        return self._counted

    def recount(self) -> None:
        """Count anew at the next asking: the database was exchanged."""
        self._counted = None

    def uploads(self, limit: int) -> list[tuple[UUID, str]]:
        """Give contract and SHA-256 of pictures to send, oldest first: an accepted revision names them, none failed."""
        rows = self._database.rows(
            "SELECT upload.contract, upload.sha256 FROM upload JOIN revision USING (link)"  # noqa: S608 (own words)
            " WHERE NOT upload.is_sent AND upload.failure IS NULL AND revision.state = 'accepted'"
            f" AND NOT {_UNDECIDED}"
            " GROUP BY upload.contract, upload.sha256 ORDER BY min(upload.link), upload.sha256 LIMIT ?",
            (limit,),
        )
        return [(UUID(contract), str(sha256)) for contract, sha256 in rows]

    def is_to_send(self, contract: UUID, sha256: str) -> bool:
        """Tell whether a picture is still to be sent: it may have been withheld since it was asked for."""
        row = self._database.row(
            "SELECT 1 FROM upload JOIN revision USING (link) WHERE upload.contract = ? AND sha256 = ?"  # noqa: S608 (own)
            f" AND NOT is_sent AND NOT {_UNDECIDED}",
            (str(contract), sha256),
        )
        return row is not None

    def mark_sent(self, contract: UUID, sha256: str) -> None:
        """Record that the marketplace has a picture."""
        with self._database.transaction():
            changed = self._database.execute(
                "UPDATE upload SET is_sent = 1 WHERE contract = ? AND sha256 = ? AND NOT is_sent",
                (str(contract), sha256),
            )
            if changed:
                self._database.after_commit(lambda: self._count_settled(failed=0))

    def mark_failed(self, contract: UUID, sha256: str, sentence: str) -> None:
        """Record why a picture will never arrive; it is not offered again unless the marketplace is restored."""
        with self._database.transaction():
            changed = self._database.execute(
                "UPDATE upload SET failure = ? WHERE contract = ? AND sha256 = ? AND NOT is_sent AND failure IS NULL",
                (sentence, str(contract), sha256),
            )
            if changed:
                self._database.after_commit(lambda: self._count_settled(failed=1))

    def picture_failures(self, from_ms: int, to_ms: int) -> dict[int, list[str]]:
        """Give why pictures never arrive, by the link that names them, of the segments that start in a range."""
        found: dict[int, list[str]] = {}
        for link, sentence in self._database.rows(
            "SELECT DISTINCT link, failure FROM upload JOIN revision USING (link) WHERE failure IS NOT NULL"
            " AND start_ms >= ? AND start_ms < ? ORDER BY link, failure",
            (from_ms, to_ms),
        ):
            found.setdefault(int(link), []).append(str(sentence))
        return found

    def _take_back(self, sealing: Sealing) -> None:
        """Take back the pictures of a segment's earlier revisions that the newest one does not name."""
        rows = self._database.rows(
            "SELECT upload.sha256, upload.link FROM revision JOIN upload USING (link) WHERE revision.contract = ?"
            " AND revision.start_ms = ? AND revision.revision < ?",
            (str(sealing.contract), sealing.start_ms, sealing.revision),
        )
        gone = [(sha256, link) for sha256, link in rows if sha256 not in sealing.pictures]
        self._database.execute_many("DELETE FROM upload WHERE sha256 = ? AND link = ?", gone)
        self._destruction.of(dict.fromkeys(sha256 for sha256, _ in gone))

    def _recount_after_commit(self, *, keeps_pictures: bool = False) -> None:
        def recount() -> None:
            kept = self._counted
            self._counted = (
                self._segments_waiting(kept.pictures, kept.failed_pictures) if kept and keeps_pictures else None
            )

        self._database.after_commit(recount)

    def _count_settled(self, *, failed: int) -> None:
        """Count a picture that waits no more."""
        if (kept := self._counted) is not None:
            self._counted = replace(kept, pictures=kept.pictures - 1, failed_pictures=kept.failed_pictures + failed)

    def _segments_waiting(self, pictures: int, failed: int) -> Waiting:
        row = self._database.rows(
            "SELECT count(*) FILTER (WHERE state = 'waiting'), min(sealed_ms) FILTER (WHERE state = 'waiting'),"
            " count(*) FILTER (WHERE state = 'rejected') FROM revision WHERE state <> 'accepted'"
        )[0]
        first = self._database.row(
            "SELECT start_ms FROM revision WHERE state = 'waiting' AND content IS NOT NULL ORDER BY start_ms LIMIT 1"
        )
        first_ms = None if first is None else int(first[0])
        return Waiting(int(row[0]), pictures, row[1], int(row[2]), failed, first_ms)

    def _pictures_waiting(self) -> tuple[int, int]:
        """Count the pictures that wait and those that failed, each once a contract."""
        waiting, failed = (
            self._database.rows(
                "SELECT count(DISTINCT upload.contract || sha256) FROM upload JOIN revision USING (link)"  # noqa: S608 (below)
                f" WHERE NOT is_sent AND failure IS {which} AND state <> 'rejected'"
            )[0][0]
            for which in ("NULL", "NOT NULL")
        )
        return int(waiting), int(failed)

    def _revisions(self, condition: str, values: tuple[str | int, ...], order: str = "link") -> list[Revision]:
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM revision WHERE {condition} ORDER BY {order}",  # noqa: S608 (likewise)
            values,
        )
        return [
            Revision(
                link, bytes(link_hash), bytes(digest), salt, content, UUID(contract), start_ms, revision, worked_ms,
                state, sentence, bool(is_joined),
            )
            for (
                link, link_hash, digest, salt, content, contract, start_ms, revision, worked_ms, state, sentence,
                is_joined,
            ) in rows
        ]  # fmt: skip
