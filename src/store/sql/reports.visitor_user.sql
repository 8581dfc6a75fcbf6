-- The user that a visitor was last identified with, verified identifications first.
--   site UInt32, visitor UInt128
-- No row if the visitor is anonymous. Users from which it was parted are left out, as in fragment.people.
SELECT user_id
FROM
(
    SELECT user_id, max(verified) AS is_verified, max(last_at) AS last
    FROM identities
    WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}
    GROUP BY user_id
)
WHERE NOT arrayExists(
    ended -> ended.1 = user_id AND (ended.2 >= last OR is_verified = 0),
    (SELECT groupArray((user_id, ended_at)) FROM identity_ends FINAL
     WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}))
ORDER BY is_verified DESC, last DESC, user_id
LIMIT 1
