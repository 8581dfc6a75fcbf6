-- Visitors with this verified user id, the least recently identified first; at most the newest `limit`.
--   site UInt32, user String, limit UInt64
SELECT visitor
FROM
(
    SELECT visitor, max(last_at) AS last
    FROM identities
    WHERE site_id = {site:UInt32} AND user_id = {user:String}
    GROUP BY visitor
    HAVING max(verified) = 1
    ORDER BY last DESC, visitor
    LIMIT {limit:UInt64}
)
ORDER BY last, visitor
