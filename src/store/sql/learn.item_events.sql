-- The item events of a site (looked at, put into the cart, ordered), visitor after visitor and oldest
-- first within each: the order visits are cut in, and the order they are stored in, so that nothing is sorted.
-- Parameters: site, since (milliseconds, inclusive).
SELECT visitor, toUnixTimestamp64Milli(occurred_at) AS at, action, items, toString(category) AS category_text
FROM visitor_events
WHERE site_id = {site:UInt32}
  AND occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
  AND action IN (1, 3, 7)
  AND notEmpty(items)
ORDER BY visitor, occurred_at, position
SETTINGS optimize_read_in_order = 1, max_threads = 2, max_block_size = 16384
