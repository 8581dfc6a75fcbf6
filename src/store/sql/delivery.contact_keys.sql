-- Fills `contact_keys` from a journal range like `contact_keys_view`. Duplicate rows are harmless.
--   journal UInt64, start UInt64, end UInt64 (exclusive)
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
      AND journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
)
WHERE length(key.2) >= 5
GROUP BY site_id, hash, field, visitor
