-- What each site's recommendations were tuned to, so that a restart need not find it again.
CREATE TABLE tuned (
    site_id INTEGER PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL, -- milliseconds
    clicks  INTEGER NOT NULL, -- how many it was found on
    found   TEXT NOT NULL     -- JSON, written and read by `recommend`
) STRICT;

-- The model an owner wants whatever the trial says.
CREATE TABLE chosen_models (
    site_id INTEGER PRIMARY KEY REFERENCES sites (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    model   TEXT NOT NULL
) STRICT;
