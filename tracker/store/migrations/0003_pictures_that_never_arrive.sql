-- Why a picture will never arrive at the marketplace, as told to the person: it was refused, or its file is gone.
ALTER TABLE upload ADD COLUMN failure TEXT;
DROP INDEX upload_waiting;
CREATE INDEX upload_waiting ON upload (link) WHERE NOT is_sent AND failure IS NULL;
CREATE INDEX upload_failed ON upload (link) WHERE failure IS NOT NULL;
