-- The user that a visitor was last identified with, verified identifications first.
--   site UInt32, visitor UInt128
-- No row if the visitor is anonymous.
SELECT user_id
FROM identities
WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}
GROUP BY user_id
ORDER BY max(verified) DESC, max(last_at) DESC, user_id
LIMIT 1
