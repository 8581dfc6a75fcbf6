-- Fills `identities` from a journal range like `identities_view`. Duplicate rows are harmless.
--   journal UInt64, start UInt64, end UInt64 (exclusive)
INSERT INTO identities
SELECT
    site_id, user_id, visitor, max(toUInt8(user_verified)) AS verified, min(occurred_at) AS first_at,
    max(occurred_at) AS last_at
FROM events
WHERE user_id != '' AND visitor != 0 AND robot = ''
  AND journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
GROUP BY site_id, user_id, visitor
