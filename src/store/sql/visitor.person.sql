-- Which visitors are one person by the site's own word? The oldest word first.
-- Parameters: site, user, limit.
SELECT visitor
FROM
(
    SELECT visitor, max(last_at) AS last
    FROM identities
    WHERE site_id = {site:UInt32} AND user_id = {user:String}
    GROUP BY visitor
    HAVING max(verified) = 1
    ORDER BY last DESC, visitor
    LIMIT {limit:UInt64}
)
ORDER BY last, visitor
