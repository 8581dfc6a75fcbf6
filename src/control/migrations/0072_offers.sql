-- Share of people who see no offer, in hundredths of a per cent.
ALTER TABLE sites ADD COLUMN holdout_bp INTEGER NOT NULL DEFAULT 0;

-- Impressions of an offer's budget that were handed out: shown, or reserved for a decision, or part of a block that the
-- service holds in memory.
CREATE TABLE offer_budgets (
    site_id INTEGER NOT NULL,
    offer   TEXT NOT NULL,
    used    INTEGER NOT NULL,
    PRIMARY KEY (site_id, offer),
    FOREIGN KEY (site_id, offer) REFERENCES offers (site_id, id) ON DELETE CASCADE
) STRICT;

-- Coupons of offers. `person` is a hash; NULL: not given. A coupon that was given and not seen (`seen_at`) in time may be
-- given to another person.
CREATE TABLE offer_coupons (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id  INTEGER NOT NULL,
    offer    TEXT NOT NULL,
    code     TEXT NOT NULL,
    person   TEXT,
    given_at INTEGER,
    seen_at  INTEGER,
    UNIQUE (site_id, offer, code),
    FOREIGN KEY (site_id, offer) REFERENCES offers (site_id, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX offer_coupons_of_person ON offer_coupons (site_id, offer, person) WHERE person IS NOT NULL;
CREATE INDEX offer_coupons_free ON offer_coupons (site_id, offer, number) WHERE person IS NULL;
CREATE INDEX offer_coupons_unseen ON offer_coupons (given_at) WHERE person IS NOT NULL AND seen_at IS NULL;

-- Slots that pages asked for; `paths` is a JSON array of the last ones.
CREATE TABLE seen_slots (
    site_id       INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    slot          TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    requests      INTEGER NOT NULL,
    paths         TEXT NOT NULL,
    PRIMARY KEY (site_id, slot)
) STRICT;

-- Slots as marketers configured them, as JSON.
CREATE TABLE slot_settings (
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    slot       TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, slot)
) STRICT;
