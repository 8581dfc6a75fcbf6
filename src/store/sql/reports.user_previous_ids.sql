-- Previous ids of users.
--   site UInt32, users Array(String), limit UInt32
SELECT previous_id
FROM aliases
WHERE site_id = {site:UInt32}
GROUP BY previous_id
HAVING argMax(user_id, (at, user_id)) IN {users:Array(String)}
ORDER BY previous_id
LIMIT {limit:UInt32}
