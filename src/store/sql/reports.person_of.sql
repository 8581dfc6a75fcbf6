-- Who was this visitor last said to be? The site's own word counts before a page's.
--   site UInt32, visitor UInt128
-- No row when nobody said anything.
SELECT user_id
FROM identities
WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}
GROUP BY user_id
ORDER BY max(verified) DESC, max(last_at) DESC, user_id
LIMIT 1
