"""How long what the marketplace has acknowledged stays on this computer.

PRODUCT.md, "Offline and sync": until 14 days after the lock of its week or after the acknowledgement, whichever is
later. Then content, salt and pictures go, and the bare link stays, so that the chain stays whole.
"""

from typing import Final

from tracker.store.database import Database
from tracker.store.destruction import Destruction
from wire.week import DAY_MS, lock_ms

KEPT_MS: Final = 14 * DAY_MS
_AT_ONCE: Final = 200


class Retention:
    """Removes what has been kept long enough."""

    def __init__(self, database: Database, destruction: Destruction) -> None:
        self._database = database
        self._destruction = destruction

    def step(self, now_ms: int) -> bool:
        """Remove some of it, and tell whether there is more. A revision whose picture still waits stays whole.

        Args:
            now_ms: marketplace time, never a provisional one.
        """
        rows = self._database.rows(
            "SELECT link, start_ms FROM revision WHERE state = 'accepted' AND content IS NOT NULL AND start_ms < ?1"
            " AND received_ms <= ?1 AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.link = revision.link"
            " AND NOT is_sent AND failure IS NULL) ORDER BY start_ms LIMIT ?2",
            (now_ms - KEPT_MS, _AT_ONCE),
        )
        links = [int(link) for link, start_ms in rows if lock_ms(int(start_ms)) + KEPT_MS <= now_ms]
        if not links:
            return False
        with self._database.transaction():
            gone = list[str]()
            for link in links:
                self._database.execute("UPDATE revision SET content = NULL, salt = NULL WHERE link = ?", (link,))
                found = self._database.rows("DELETE FROM upload WHERE link = ? RETURNING sha256", (link,))
                gone += [str(sha256) for (sha256,) in found]
            self._database.destroys()
            self._destruction.of(dict.fromkeys(gone))
        return len(rows) == _AT_ONCE
