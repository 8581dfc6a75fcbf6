-- How long a site keeps events, in days; of one name, or (empty name) of every name without a row of its own.
CREATE TABLE retention (
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    days INTEGER NOT NULL CHECK (days > 0),
    PRIMARY KEY (site_id, event)
) STRICT;
