-- Where windows cannot be listed, exclusion rules hold a snapshot back until the person approves it.
ALTER TABLE snapshot ADD COLUMN needs_approval INTEGER NOT NULL DEFAULT 0;
-- Why it was withheld; for the person alone, it is never sent.
ALTER TABLE snapshot ADD COLUMN withholding TEXT;
-- The active window, where the contract's policy sends window titles.
ALTER TABLE snapshot ADD COLUMN application TEXT;
ALTER TABLE snapshot ADD COLUMN title TEXT;
CREATE INDEX snapshot_to_approve ON snapshot (leaves_ms) WHERE needs_approval;
