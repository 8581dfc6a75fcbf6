-- Experiments: edited as JSON, compiled by the catalogue before they take effect. The salt of a run decides who gets which
-- variant; `body` has it. A removed experiment leaves its key with the time of its removal, so that what was counted under
-- it is not counted for another one.
CREATE TABLE experiments (
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT;

CREATE TABLE removed_experiments (
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT;
