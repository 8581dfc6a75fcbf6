-- Current ids of users that were renamed by an alias.
--   site UInt32, users Array(String)
SELECT argMax(user_id, (at, user_id)) AS now
FROM aliases
WHERE site_id = {site:UInt32} AND previous_id IN {users:Array(String)}
GROUP BY previous_id
