-- Where counts cannot be had: for how long there was input.
ALTER TABLE activity ADD COLUMN active_ms INTEGER NOT NULL DEFAULT 0;
