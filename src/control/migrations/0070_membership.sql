-- Segments whose members are followed. `number` identifies one version of the rule and is never used again. A segment
-- with `counted` 0 is still being counted over the stored past, as of `counted_at` and the events before `position` of
-- the journal.
CREATE TABLE followed_segments (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id     INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    segment     TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    journal     TEXT NOT NULL,
    position    INTEGER NOT NULL,
    counted_at  INTEGER NOT NULL,
    counted     INTEGER NOT NULL,
    members     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (site_id, segment)
) STRICT;

-- People who are in a segment, or whose answer changes at a known time. `person` is the visitor, or a hash of the user
-- id; `segments` is a list of (number, since). At `wake_at` or later an answer may change without an event.
CREATE TABLE segment_people (
    site_id  INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    person   BLOB NOT NULL,
    visitor  BLOB NOT NULL,
    user_id  TEXT NOT NULL,
    wake_at  INTEGER,
    segments BLOB NOT NULL,
    PRIMARY KEY (site_id, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX segment_people_due ON segment_people (wake_at) WHERE wake_at IS NOT NULL;

-- Visitors to evaluate once that is possible: a segment is being counted, or their past could not be read.
CREATE TABLE segment_waiting (
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    visitor BLOB NOT NULL,
    reason  INTEGER NOT NULL,
    event   TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, visitor)
) STRICT, WITHOUT ROWID;

-- Who entered or left, when and why: reason 0 event, 1 time, 2 value.
CREATE TABLE segment_changes (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    segment TEXT NOT NULL,
    visitor BLOB NOT NULL,
    user_id TEXT NOT NULL,
    entered INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    reason  INTEGER NOT NULL,
    event   TEXT NOT NULL
) STRICT;
CREATE INDEX segment_changes_listed ON segment_changes (site_id, segment, number);
CREATE INDEX segment_changes_of_visitor ON segment_changes (site_id, visitor);
CREATE INDEX segment_changes_by_time ON segment_changes (at);

-- Members at the end of a day of the site, and how many entered and left. Days without a change have no row.
CREATE TABLE segment_days (
    site_id INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    segment TEXT NOT NULL,
    day     TEXT NOT NULL,
    members INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    left    INTEGER NOT NULL,
    PRIMARY KEY (site_id, segment, day)
) STRICT, WITHOUT ROWID;

-- Up to where the journal's events were evaluated; no row while no segment is followed.
CREATE TABLE segment_cursor (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    journal  TEXT NOT NULL,
    position INTEGER NOT NULL
) STRICT;
