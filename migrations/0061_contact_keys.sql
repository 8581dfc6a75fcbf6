-- Who has an e-mail address or a phone number, by SHA-256 of its normalized form: for systems that know nothing else of a
-- person. Filled from the traits of `identify`: e-mail trimmed and in lower case; of a phone number the digits, Persian and
-- Arabic ones as Latin, with a leading `+`, also for `00`. To add a row twice changes nothing.
CREATE TABLE IF NOT EXISTS contact_keys
(
    site_id  UInt32,
    hash     FixedString(32),
    field    LowCardinality(String),
    visitor  UInt128,
    -- Whether the site vouched for the person's id when it said so.
    verified SimpleAggregateFunction(max, UInt8),
    last_at  SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (site_id, hash, field, visitor)
SETTINGS non_replicated_deduplication_window = 10000,
         fsync_after_insert = 1,
         fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS contact_keys_view TO contact_keys AS
SELECT
    site_id, SHA256(key.2) AS hash, key.1 AS field, visitor, max(toUInt8(user_verified)) AS verified,
    max(occurred_at) AS last_at
FROM
(
    SELECT
        site_id, visitor, user_verified, occurred_at,
        if(JSONType(properties, 'phone') IN ('Int64', 'UInt64'), JSONExtractRaw(properties, 'phone'),
            JSONExtractString(properties, 'phone')) AS phone,
        arrayJoin([
            ('email', lowerUTF8(trimBoth(JSONExtractString(properties, 'email')))),
            ('phone', replaceRegexpOne(replaceRegexpAll(
                translateUTF8(phone, '۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩', '01234567890123456789'), '[^0-9+]', ''), '^00', '+'))
        ]) AS key
    FROM events
    WHERE kind = 4 AND visitor != 0 AND robot = ''
      AND (JSONHas(properties, 'email') OR JSONHas(properties, 'phone'))
)
WHERE length(key.2) >= 5
GROUP BY site_id, hash, field, visitor;

-- What was stored before.
INSERT INTO contact_keys
SELECT
    site_id, SHA256(key.2) AS hash, key.1 AS field, visitor, max(toUInt8(user_verified)) AS verified,
    max(occurred_at) AS last_at
FROM
(
    SELECT
        site_id, visitor, user_verified, occurred_at,
        if(JSONType(properties, 'phone') IN ('Int64', 'UInt64'), JSONExtractRaw(properties, 'phone'),
            JSONExtractString(properties, 'phone')) AS phone,
        arrayJoin([
            ('email', lowerUTF8(trimBoth(JSONExtractString(properties, 'email')))),
            ('phone', replaceRegexpOne(replaceRegexpAll(
                translateUTF8(phone, '۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩', '01234567890123456789'), '[^0-9+]', ''), '^00', '+'))
        ]) AS key
    FROM events
    WHERE kind = 4 AND visitor != 0 AND robot = ''
      AND (JSONHas(properties, 'email') OR JSONHas(properties, 'phone'))
)
WHERE length(key.2) >= 5
GROUP BY site_id, hash, field, visitor;
