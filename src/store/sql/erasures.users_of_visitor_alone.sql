-- User ids that belong to this visitor and to no other.
--   site UInt32, visitor UInt128
SELECT user_id
FROM identities
WHERE site_id = {site:UInt32}
  AND user_id IN (SELECT user_id FROM identities WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128})
GROUP BY user_id
HAVING uniqExact(visitor) = 1
LIMIT 1000
