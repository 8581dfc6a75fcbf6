-- What marketers keep beside reports; `kind` is goal, saved_report or annotation, `body` JSON.
CREATE TABLE report_documents (
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, kind, id)
) STRICT;

-- Links that read one report each. The token itself is not stored. `expires_at`: NULL if it does not expire.
CREATE TABLE shares (
    id         TEXT NOT NULL,
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL UNIQUE,
    report     TEXT NOT NULL,
    question   TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (site_id, id)
) STRICT;
