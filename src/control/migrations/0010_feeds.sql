-- The address a site's items are fetched from: what the owner says and how the last visit went (JSON objects), what
-- is asked of it before its time (0 nothing, 1 to be fetched, 2 and what left it is really gone).
CREATE TABLE feeds (
    site_id   INTEGER PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    settings  TEXT NOT NULL,
    state     TEXT NOT NULL,
    requested INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Items that were in it when it was last taken: those that left it since are made unavailable.
CREATE TABLE feed_items (
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    id      TEXT NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;
