-- Marks as the marketplace told them, of every device of the person; what one names never counts again.
CREATE TABLE mark (
    id       INTEGER PRIMARY KEY,
    number   INTEGER NOT NULL,
    contract TEXT    NOT NULL,
    device   TEXT    NOT NULL,
    start_ms INTEGER NOT NULL,
    content  BLOB    NOT NULL UNIQUE
) STRICT;
CREATE INDEX mark_by_segment ON mark (start_ms, contract);

-- Contracts as they were told, one row for each version of the policy: a segment is judged by the version that it names.
CREATE TABLE learnt (
    contract TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    content  BLOB    NOT NULL,
    PRIMARY KEY (contract, version)
) STRICT, WITHOUT ROWID;

-- Whose lock comes first among what waits, at once, with a year waiting too.
CREATE INDEX revision_due ON revision (start_ms) WHERE state = 'waiting' AND content IS NOT NULL;
