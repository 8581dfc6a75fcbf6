CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE sites (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL,
    origins         TEXT NOT NULL, -- JSON array of texts
    write_key       TEXT NOT NULL UNIQUE,
    secret          TEXT NOT NULL,
    currency        TEXT NOT NULL DEFAULT 'EUR',
    timezone        TEXT NOT NULL DEFAULT 'UTC',
    robots          TEXT NOT NULL DEFAULT 'drop' CHECK (robots IN ('drop', 'keep')),
    consent_default TEXT NOT NULL DEFAULT 'granted' CHECK (consent_default IN ('granted', 'denied')),
    honour_gpc      INTEGER NOT NULL DEFAULT 1,
    demo            INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    email         TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role          TEXT NOT NULL CHECK (role IN ('owner', 'marketer', 'viewer')),
    password_hash TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

-- Tokens and keys are kept as BLAKE3 hashes: a stolen database opens no door.
CREATE TABLE logins (
    token_hash TEXT PRIMARY KEY,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    scope      TEXT NOT NULL CHECK (scope IN ('read', 'server', 'admin')),
    key_hash   TEXT NOT NULL UNIQUE,
    hint       TEXT NOT NULL, -- the first characters, to tell keys apart
    created_at INTEGER NOT NULL
) STRICT;

-- Documents: edited as JSON, compiled by the catalogue before they take effect.
CREATE TABLE items (
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT;

CREATE TABLE offers (
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT;

CREATE TABLE funnels (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    question   TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;
