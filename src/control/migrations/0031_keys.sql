ALTER TABLE keys ADD COLUMN name         TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN expires_at   INTEGER; -- NULL: until it is revoked
ALTER TABLE keys ADD COLUMN last_used_at INTEGER;
