-- People: which sites they see, whether personal data is masked for them, their second factor, their logins.

-- The e-mail address with its case folded in every script, which makes a user unique. SQLite folds ASCII alone;
-- what is beyond it is folded when the file is opened.
ALTER TABLE users ADD COLUMN email_key TEXT NOT NULL DEFAULT '';
UPDATE users SET email_key = lower(email);
CREATE UNIQUE INDEX users_by_email ON users (email_key);

ALTER TABLE users ADD COLUMN all_sites      INTEGER NOT NULL DEFAULT 1; -- 0: only those in user_sites
ALTER TABLE users ADD COLUMN masked         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN last_login_at  INTEGER;
ALTER TABLE users ADD COLUMN totp_secret    TEXT;                       -- base32; NULL: no second factor
ALTER TABLE users ADD COLUMN totp_pending   TEXT;                       -- shown, not yet confirmed by a code
ALTER TABLE users ADD COLUMN totp_last_step INTEGER NOT NULL DEFAULT 0; -- a code works once

CREATE TABLE user_sites (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, site_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, code_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE logins_new (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash   TEXT NOT NULL UNIQUE,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    user_agent   TEXT NOT NULL DEFAULT '',
    network      TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO logins_new (token_hash, user_id, created_at, last_seen_at, expires_at)
    SELECT token_hash, user_id, unixepoch() * 1000, unixepoch() * 1000, expires_at FROM logins;
DROP TABLE logins;
ALTER TABLE logins_new RENAME TO logins;
CREATE INDEX logins_of_user ON logins (user_id, last_seen_at);

-- A link that makes an account, once.
CREATE TABLE invitations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    email      TEXT NOT NULL,
    email_key  TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL CHECK (role IN ('owner', 'marketer', 'viewer')),
    all_sites  INTEGER NOT NULL,
    masked     INTEGER NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE invitation_sites (
    invitation_id INTEGER NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    site_id       INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    PRIMARY KEY (invitation_id, site_id)
) STRICT, WITHOUT ROWID;
