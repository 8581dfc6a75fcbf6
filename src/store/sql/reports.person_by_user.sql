-- The visitor of a user id: what the site vouched for counts before what anyone can say.
--   site UInt32, user String
SELECT visitor
FROM identities
WHERE site_id = {site:UInt32} AND user_id = {user:String}
GROUP BY visitor
ORDER BY max(verified) DESC, max(last_at) DESC, visitor
LIMIT 1
