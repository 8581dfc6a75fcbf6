-- When an item was first in the catalogue; of those that are there already the last change is all that is known.
ALTER TABLE items ADD COLUMN added_at INTEGER NOT NULL DEFAULT 0;
UPDATE items SET added_at = updated_at;

-- What marketers say about shelves of recommended items: a JSON object for each slot; the slot '' is the whole site.
CREATE TABLE shelf_rules (
    site_id    INTEGER NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    slot       TEXT NOT NULL,
    body       TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (site_id, slot)
) STRICT;
