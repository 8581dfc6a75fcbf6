-- Segments: edited as JSON, compiled by the catalogue before they take effect.
CREATE TABLE segments (
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT;
