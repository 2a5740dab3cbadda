"""What a copy still had open where the link that sealed it later is lost.

Sealing removes a segment's rows from the journal. A damaged file whose journal can be read, but not the part of the
chain that holds the segment, has its time in neither place; the copy made before has it in the journal. There it counts
again: time that idleness took away after the copy may be there once more, but no work is lost, and the person is told.
"""

from typing import Final

from tracker.store.database import Database
from wire.words import SEGMENT_MS

_IN_SEGMENT: Final = {"activity": "at_ms", "snapshot": "at_ms", "instant": "segment_ms"}
_KEPT: Final = ("worked", "picture", *_IN_SEGMENT)


def remember(database: Database) -> None:
    """Put the copy's open rows aside, before another file's are merged into it."""
    for name in _KEPT:
        database.execute(f"CREATE TEMP TABLE copied_{name} AS SELECT * FROM {name}")  # noqa: S608 (own words)


def reopen(database: Database, links: int) -> None:
    """Bring back the remembered time that no journal row and no later link holds, with what belongs to it.

    Args:
        database: what the merge made.
        links: how many links the copy had.
    """
    segment = f"start_ms - start_ms % {SEGMENT_MS}"
    columns = ", ".join(str(row[1]) for row in database.rows("PRAGMA table_info(worked)") if row[1] != "id")
    database.execute(
        f"CREATE TEMP TABLE reopened AS SELECT {columns}, {segment} AS segment_ms FROM copied_worked AS copied"  # noqa: S608
        " WHERE NOT EXISTS (SELECT 1 FROM worked WHERE start_ms < copied.end_ms AND end_ms > copied.start_ms)"
        " AND NOT EXISTS (SELECT 1 FROM revision WHERE revision.contract = copied.contract AND link >= ?"
        " AND revision.start_ms = copied.start_ms - copied.start_ms % ?)",
        (links, SEGMENT_MS),
    )
    database.execute(f"INSERT INTO worked ({columns}) SELECT {columns} FROM reopened")  # noqa: S608 (own words)
    database.execute("CREATE TEMP TABLE known AS SELECT id FROM snapshot")
    for name, instant in _IN_SEGMENT.items():
        database.execute(
            f"INSERT OR IGNORE INTO {name} SELECT * FROM copied_{name} AS copied WHERE EXISTS (SELECT 1 FROM reopened"  # noqa: S608
            f" WHERE reopened.contract = copied.contract AND segment_ms <= copied.{instant}"
            f" AND segment_ms + ? > copied.{instant})",
            (SEGMENT_MS,),
        )
    database.execute(
        "INSERT OR IGNORE INTO picture SELECT * FROM copied_picture WHERE snapshot IN (SELECT id FROM snapshot"
        " WHERE id NOT IN (SELECT id FROM known)) AND sha256 NOT IN (SELECT sha256 FROM destruction)"
    )
