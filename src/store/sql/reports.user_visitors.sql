-- Visitors of a user. A visitor belongs to the user it was last identified with, verified identifications first;
-- not to one that it was parted from, as in fragment.people.
--   site UInt32, users Array(String) (all ids of the user), limit UInt32
SELECT visitor
FROM
(
    SELECT visitor, user_id, max(verified) AS proved, max(last_at) AS last
    FROM identities
    WHERE site_id = {site:UInt32}
      AND visitor IN (SELECT visitor FROM identities WHERE site_id = {site:UInt32} AND user_id IN {users:Array(String)})
    GROUP BY visitor, user_id
)
WHERE NOT arrayExists(
    ended -> ended.1 = visitor AND ended.2 = user_id AND (ended.3 >= last OR proved = 0),
    (SELECT groupArray((visitor, user_id, ended_at)) FROM identity_ends FINAL WHERE site_id = {site:UInt32}))
GROUP BY visitor
HAVING argMax(user_id, (proved, last, user_id)) IN {users:Array(String)}
ORDER BY max(last) DESC, visitor
LIMIT {limit:UInt32}
