-- Hashes by which a visitor can be looked up, one JSON object each.
--   site UInt32, visitor UInt128
SELECT formatRowNoNewline('JSONEachRow', *) AS row
FROM
(
    SELECT field, lower(hex(hash)) AS sha256, max(verified) = 1 AS verified, toString(max(last_at)) AS last_at
    FROM contact_keys
    WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}
    GROUP BY field, hash
    ORDER BY field, hash
)
