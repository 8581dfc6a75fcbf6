-- Sites that are gone from here and whose events are still to be erased from the warehouse.
CREATE TABLE removed_sites (
    site_id    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    removed_at INTEGER NOT NULL,
    erased_at  INTEGER
) STRICT;
