-- Instants are UTC milliseconds since the epoch unless their name says otherwise.

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Journal: time and activity of segments that are not sealed yet.
CREATE TABLE worked (
    id              INTEGER PRIMARY KEY,
    contract        TEXT    NOT NULL,
    start_ms        INTEGER NOT NULL,
    end_ms          INTEGER NOT NULL CHECK (end_ms > start_ms),
    kind            TEXT    NOT NULL,
    memo            TEXT    NOT NULL,
    label           TEXT,
    policy_version  INTEGER NOT NULL,
    clock_offset_ms INTEGER NOT NULL,
    is_provisional  INTEGER NOT NULL
) STRICT;
CREATE INDEX worked_by_end ON worked (end_ms);

CREATE TABLE activity (
    contract       TEXT    NOT NULL,
    at_ms          INTEGER NOT NULL,
    source         TEXT    NOT NULL,
    keys           INTEGER NOT NULL,
    clicks         INTEGER NOT NULL,
    scrolls        INTEGER NOT NULL,
    moved          INTEGER NOT NULL,
    is_provisional INTEGER NOT NULL,
    PRIMARY KEY (contract, at_ms)
) STRICT, WITHOUT ROWID;

-- The instants drawn for a segment, once.
CREATE TABLE instant (
    contract   TEXT    NOT NULL,
    segment_ms INTEGER NOT NULL,
    offset_ms  INTEGER NOT NULL,
    is_taken   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (contract, segment_ms, offset_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshot (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    contract       TEXT    NOT NULL,
    at_ms          INTEGER NOT NULL,
    status         TEXT    NOT NULL,
    reason         TEXT,
    leaves_ms      INTEGER,          -- when a held one may leave; NULL once decided
    is_provisional INTEGER NOT NULL
) STRICT;
CREATE INDEX snapshot_by_time ON snapshot (contract, at_ms);

CREATE TABLE picture (
    snapshot         INTEGER NOT NULL REFERENCES snapshot ON DELETE CASCADE,
    monitor          INTEGER NOT NULL,
    width            INTEGER NOT NULL,
    height           INTEGER NOT NULL,
    sha256           TEXT    NOT NULL,
    size             INTEGER NOT NULL,
    thumbnail_sha256 TEXT    NOT NULL,
    thumbnail_size   INTEGER NOT NULL,
    PRIMARY KEY (snapshot, monitor)
) STRICT, WITHOUT ROWID;

-- The timer as of the last tick; a row at start-up means that the program ended without stopping.
CREATE TABLE running (
    only          INTEGER PRIMARY KEY CHECK (only = 1),
    contract      TEXT    NOT NULL,
    counted_to_ms INTEGER NOT NULL
) STRICT;

-- Outbox: the device's chain of sealed revisions.
CREATE TABLE revision (
    link        INTEGER PRIMARY KEY,
    link_hash   BLOB    NOT NULL,
    digest      BLOB    NOT NULL,
    salt        BLOB,
    content     BLOB,
    contract    TEXT    NOT NULL,
    start_ms    INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    worked_ms   INTEGER NOT NULL,
    end_ms      INTEGER NOT NULL,    -- of its last interval
    sealed_ms   INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'accepted', 'rejected')),
    code        TEXT,
    sentence    TEXT,
    received_ms INTEGER,
    UNIQUE (contract, start_ms, revision)
) STRICT;
CREATE INDEX revision_waiting ON revision (link) WHERE state <> 'accepted';
CREATE INDEX revision_by_start ON revision (start_ms);

CREATE TABLE upload (
    contract TEXT    NOT NULL,
    sha256   TEXT    NOT NULL,
    link     INTEGER NOT NULL REFERENCES revision,
    is_sent  INTEGER NOT NULL,
    PRIMARY KEY (contract, sha256, link)
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_waiting ON upload (link) WHERE NOT is_sent;
