"""Destroying pictures so that no crash leaves one behind.

What is to go is noted in the transaction that decides it, and goes once that is on the disk
(PRODUCT.md, "Snapshots and privacy": deletion destroys).
"""

from collections.abc import Iterable

from tracker.domain.errors import MachineError
from tracker.store.database import Database
from tracker.store.pictures import Pictures

_NAMED = (
    "EXISTS (SELECT 1 FROM picture WHERE sha256 = ?1 OR thumbnail_sha256 = ?1)"
    " OR EXISTS (SELECT 1 FROM upload WHERE sha256 = ?1)"
)


class Destruction:
    """Notes picture files to destroy, and destroys them.

    `trouble` says why files are still there; they go with the next attempt, at the latest when Daybook starts again.
    """

    def __init__(self, database: Database, pictures: Pictures) -> None:
        self._database = database
        self._pictures = pictures
        self.trouble: str | None = None

    def of(self, names: Iterable[str]) -> None:
        """Destroy the files among these that nothing names any more, once the open transaction is on the disk."""
        noted = 0
        with self._database.transaction():
            for name in names:
                noted += self._database.execute(
                    f"INSERT OR IGNORE INTO destruction (sha256) SELECT ?1 WHERE NOT ({_NAMED})",
                    (name,),
                )
            if noted:
                self._database.destroys()
                self._database.after_commit(self.carry_out)

    def carry_out(self) -> None:
        """Destroy what is noted. A failure is kept in `trouble`: what was decided is on the disk all the same."""
        names = [str(row[0]) for row in self._database.rows("SELECT sha256 FROM destruction")]
        if not names:
            self.trouble = None
            return
        try:
            for name in names:
                if not self._is_named(name):  # the very same bytes may have been kept again since
                    self._pictures.destroy(name)
            with self._database.transaction():
                self._database.execute("DELETE FROM destruction")
        except (OSError, MachineError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.trouble = f"A picture that is to be destroyed is still on the disk ({reason}). Daybook tries again."
        else:
            self.trouble = None

    def sweep(self) -> None:
        """Destroy the files that no row names: a process died between keeping them and recording them.

        Nothing may be kept meanwhile that is not recorded yet.

        Raises:
            MachineError: the folder cannot be read.
        """
        self._pictures.remove_drafts()
        self.of(sorted(self._pictures.names() - self._names()))

    def _names(self) -> set[str]:
        rows = self._database.rows(
            "SELECT sha256 FROM picture UNION SELECT thumbnail_sha256 FROM picture UNION SELECT sha256 FROM upload"
        )
        return {str(row[0]) for row in rows}

    def _is_named(self, name: str) -> bool:
        return bool(self._database.rows(f"SELECT {_NAMED}", (name,))[0][0])
