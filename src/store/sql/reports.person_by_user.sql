-- The visitor of a user id: what the site vouched for counts before what anyone can say.
--   site UInt32, user String
-- Visitors that were parted from the user are left out, as in fragment.people.
SELECT visitor
FROM
(
    SELECT visitor, max(verified) AS is_verified, max(last_at) AS last
    FROM identities
    WHERE site_id = {site:UInt32} AND user_id = {user:String}
    GROUP BY visitor
)
WHERE NOT arrayExists(
    ended -> ended.1 = visitor AND (ended.2 >= last OR is_verified = 0),
    (SELECT groupArray((visitor, ended_at)) FROM identity_ends FINAL
     WHERE site_id = {site:UInt32} AND user_id = {user:String}))
ORDER BY is_verified DESC, last DESC, visitor
LIMIT 1
