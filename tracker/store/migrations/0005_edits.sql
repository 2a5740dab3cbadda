-- Time moved between contracts is two links, the second joined to the first: the marketplace takes both or neither.
ALTER TABLE revision ADD COLUMN is_joined INTEGER NOT NULL DEFAULT 0;
-- A content that goes with its answer: deleted since, but the first half of a move that is not judged yet.
ALTER TABLE revision ADD COLUMN is_deleted INTEGER NOT NULL DEFAULT 0;

-- The edit that can still be taken back. It is asked for at asked_ms (marketplace time) in the boot boot_id.
CREATE TABLE pending_edit (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    sort     TEXT    NOT NULL,
    contract TEXT    NOT NULL,
    target   TEXT,                  -- of a move
    from_ms  INTEGER NOT NULL,
    to_ms    INTEGER NOT NULL CHECK (to_ms > from_ms),
    memo     TEXT,
    label    TEXT,
    asked_ms INTEGER NOT NULL,
    boot_id  TEXT    NOT NULL,
    boot_ms  INTEGER NOT NULL
) STRICT;
