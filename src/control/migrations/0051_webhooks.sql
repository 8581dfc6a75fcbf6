-- Addresses that are called when something happens. `events` is a JSON array of names. `dropped` counts calls that were
-- not queued because too many waited.
CREATE TABLE webhooks (
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    url        TEXT NOT NULL,
    events     TEXT NOT NULL,
    enabled    INTEGER NOT NULL,
    secret     TEXT NOT NULL,
    dropped    INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT;

-- One call: state 0 waiting, 1 delivered, 2 given up. `visitor` is erased with the person.
CREATE TABLE webhook_deliveries (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    site_id     INTEGER NOT NULL,
    webhook     TEXT NOT NULL,
    type        TEXT NOT NULL,
    visitor     TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    state       INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     INTEGER NOT NULL,
    give_up_at  INTEGER NOT NULL,
    last_status INTEGER,
    last_error  TEXT NOT NULL DEFAULT '',
    finished_at INTEGER,
    FOREIGN KEY (site_id, webhook) REFERENCES webhooks (site_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (site_id, webhook, next_at) WHERE state = 0;
CREATE INDEX webhook_deliveries_listed ON webhook_deliveries (site_id, webhook, number);
CREATE INDEX webhook_deliveries_of_visitor ON webhook_deliveries (site_id, visitor);

-- Up to where the journal's events were queued; no row while no webhook is called by events.
CREATE TABLE webhook_cursor (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    journal  TEXT NOT NULL,
    position INTEGER NOT NULL
) STRICT;
