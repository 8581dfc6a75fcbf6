-- What owners chose for their recommendations (JSON), and what they had chosen before, so that they can go back.
ALTER TABLE sites ADD COLUMN recommending TEXT NOT NULL DEFAULT '{}';

CREATE TABLE recommending_choices (
    id      INTEGER PRIMARY KEY,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    choice  TEXT NOT NULL
) STRICT;
CREATE INDEX recommending_choices_of_site ON recommending_choices (site_id, id);

-- What tuning found, time after time.
CREATE TABLE tunings (
    id      INTEGER PRIMARY KEY,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    found   TEXT NOT NULL
) STRICT;
CREATE INDEX tunings_of_site ON tunings (site_id, id);
