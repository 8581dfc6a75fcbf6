-- User ids that the visitor was identified with, one JSON object each.
--   site UInt32, visitor UInt128
SELECT formatRowNoNewline('JSONEachRow', *) AS person
FROM
(
    SELECT user_id, max(verified) = 1 AS verified, toString(min(first_at)) AS first_at, toString(max(last_at)) AS last_at
    FROM identities
    WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}
    GROUP BY user_id
    ORDER BY user_id
)
