-- Who is who: which visitors were said to be which person (the site's user id). Filled from the events by
-- `identify`, by any other call that carries a user id, and by `alias`. To add a row twice changes nothing.
CREATE TABLE IF NOT EXISTS identities
(
    site_id  UInt32,
    user_id  String,
    visitor  UInt128,
    -- Whether the site's own word was among them: signed, or sent with its key.
    verified SimpleAggregateFunction(max, UInt8),
    first_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (site_id, user_id, visitor)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1,
         fsync_part_directory = 1;

-- Two user ids of one person: `previous_id` was renamed to `user_id`.
CREATE TABLE IF NOT EXISTS aliases
(
    site_id     UInt32,
    previous_id String,
    user_id     String,
    at          DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (site_id, previous_id)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1,
         fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS identities_view TO identities AS
SELECT
    site_id, user_id, visitor, max(toUInt8(user_verified)) AS verified, min(occurred_at) AS first_at,
    max(occurred_at) AS last_at
FROM events
WHERE user_id != '' AND visitor != 0 AND robot = ''
GROUP BY site_id, user_id, visitor;

-- An alias of an anonymous id that has the form of a visitor's says who that visitor is …
CREATE MATERIALIZED VIEW IF NOT EXISTS aliased_visitors_view TO identities AS
SELECT
    site_id, user_id,
    reinterpretAsUInt128(reverse(unhex(replaceAll(JSONExtractString(properties, 'previousId'), '-', '')))) AS visitor,
    max(toUInt8(user_verified)) AS verified, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM events
WHERE kind = 6 AND user_id != '' AND robot = ''
  AND match(replaceAll(JSONExtractString(properties, 'previousId'), '-', ''), '^[0-9a-fA-F]{32}$')
GROUP BY site_id, user_id, visitor;

-- … and any other renames a person.
CREATE MATERIALIZED VIEW IF NOT EXISTS aliases_view TO aliases AS
SELECT site_id, JSONExtractString(properties, 'previousId') AS previous_id, user_id, occurred_at AS at
FROM events
WHERE kind = 6 AND user_id != '' AND robot = ''
  AND JSONExtractString(properties, 'previousId') NOT IN ('', user_id)
  AND NOT match(replaceAll(JSONExtractString(properties, 'previousId'), '-', ''), '^[0-9a-fA-F]{32}$');

-- What was stored before.
INSERT INTO identities
SELECT
    site_id, user_id, visitor, max(toUInt8(user_verified)), min(occurred_at), max(occurred_at)
FROM events
WHERE user_id != '' AND visitor != 0 AND robot = ''
GROUP BY site_id, user_id, visitor;

INSERT INTO aliases
SELECT site_id, JSONExtractString(properties, 'previousId'), user_id, occurred_at
FROM events
WHERE kind = 6 AND user_id != '' AND robot = ''
  AND JSONExtractString(properties, 'previousId') NOT IN ('', user_id)
  AND NOT match(replaceAll(JSONExtractString(properties, 'previousId'), '-', ''), '^[0-9a-fA-F]{32}$');
