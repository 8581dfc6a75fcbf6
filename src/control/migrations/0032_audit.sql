-- The site that an entry is about; NULL for what concerns all of them.
ALTER TABLE audit ADD COLUMN site_id INTEGER;
CREATE INDEX audit_of_site ON audit (site_id, id);
CREATE INDEX audit_by_time ON audit (at);
