-- Every transaction raises the number; a side file holds it too, so that lost commits are noticed.
CREATE TABLE commit_count (
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    number    INTEGER NOT NULL,
    destroyed INTEGER NOT NULL     -- the newest commit that destroyed something: copies older than it hold it still
) STRICT;
INSERT INTO commit_count (only, number, destroyed) VALUES (1, 0, 0);

-- Picture files that nothing names any more and that are still to be removed.
CREATE TABLE destruction (
    sha256 TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The boot that a provisional row was recorded in: each boot's clock has an error of its own.
ALTER TABLE worked ADD COLUMN boot_id TEXT;
ALTER TABLE activity ADD COLUMN boot_id TEXT;
ALTER TABLE snapshot ADD COLUMN boot_id TEXT;
UPDATE worked SET boot_id = '' WHERE is_provisional;
UPDATE activity SET boot_id = '' WHERE is_provisional;
UPDATE snapshot SET boot_id = '' WHERE is_provisional;

-- A year without a network opens, ticks and shows today as fast as a day.
CREATE INDEX worked_by_start ON worked (start_ms);
CREATE INDEX worked_to_seal ON worked (start_ms) WHERE NOT is_provisional;
CREATE INDEX worked_provisional ON worked (id) WHERE is_provisional;
CREATE INDEX activity_by_time ON activity (at_ms);
CREATE INDEX snapshot_by_instant ON snapshot (at_ms);
CREATE INDEX snapshot_held ON snapshot (leaves_ms) WHERE leaves_ms > 0; -- 0 once its hold has run out
CREATE INDEX picture_by_name ON picture (sha256);
CREATE INDEX picture_by_thumbnail ON picture (thumbnail_sha256);
CREATE INDEX instant_by_segment ON instant (segment_ms);
CREATE INDEX upload_by_name ON upload (sha256);
CREATE INDEX upload_by_link ON upload (link);
CREATE INDEX revision_unsettled ON revision (state, sealed_ms) WHERE state <> 'accepted';
CREATE INDEX revision_kept ON revision (start_ms) WHERE state = 'accepted' AND content IS NOT NULL;
