-- Visitors with this verified user id, the least recently identified first; at most the newest `limit`.
--   site UInt32, user String, limit UInt64
-- Visitors that were parted from the user are left out, as in fragment.people.
SELECT visitor
FROM
(
    SELECT visitor, last
    FROM
    (
        SELECT visitor, max(last_at) AS last
        FROM identities
        WHERE site_id = {site:UInt32} AND user_id = {user:String}
        GROUP BY visitor
        HAVING max(verified) = 1
    )
    WHERE NOT arrayExists(
        ended -> ended.1 = visitor AND ended.2 >= last,
        (SELECT groupArray((visitor, ended_at)) FROM identity_ends FINAL
         WHERE site_id = {site:UInt32} AND user_id = {user:String}))
    ORDER BY last DESC, visitor
    LIMIT {limit:UInt64}
)
ORDER BY last, visitor
