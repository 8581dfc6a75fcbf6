-- Fills `identities` from a journal range like `aliased_visitors_view`.
--   journal UInt64, start UInt64, end UInt64 (exclusive)
INSERT INTO identities
SELECT
    site_id, user_id,
    reinterpretAsUInt128(reverse(unhex(replaceAll(if(JSONHas(properties, 'previousVisitor'), JSONExtractString(properties, 'previousVisitor'),
           JSONExtractString(properties, 'previousId')), '-', '')))) AS visitor,
    max(toUInt8(user_verified)) AS verified, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM events
WHERE kind = 6 AND user_id != '' AND robot = ''
  AND match(replaceAll(if(JSONHas(properties, 'previousVisitor'), JSONExtractString(properties, 'previousVisitor'),
           JSONExtractString(properties, 'previousId')), '-', ''), '^[0-9a-fA-F]{32}$')
  AND journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
GROUP BY site_id, user_id, visitor
