-- The newest item events of a site (looked at, put into the cart, ordered), visitor after visitor and
-- oldest first within each: the order visits are cut in.
-- Parameters: site, since (milliseconds, inclusive), limit.
SELECT visitor, at, action, items, toString(category) AS category_text
FROM
(
    SELECT visitor, toUnixTimestamp64Milli(occurred_at) AS at, action, items, category, position
    FROM visitor_events
    WHERE site_id = {site:UInt32}
      AND occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
      AND action IN (1, 3, 7)
      AND notEmpty(items)
    ORDER BY occurred_at DESC
    LIMIT {limit:UInt64}
)
ORDER BY visitor, at, position
