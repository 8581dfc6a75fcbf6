-- Item events of a site (view, add to cart, order), grouped by visitor and oldest first for each. This is the order in
-- which visits are split, and the storage order, so that nothing is sorted.
--   site UInt32, since Int64 (milliseconds, inclusive)
SELECT visitor, toUnixTimestamp64Milli(occurred_at) AS at, action, items, toString(category) AS category_text
FROM visitor_events
WHERE site_id = {site:UInt32}
  AND occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
  AND action IN (1, 3, 7)
  AND notEmpty(items)
ORDER BY visitor, occurred_at, position
SETTINGS optimize_read_in_order = 1, max_threads = 2, max_block_size = 16384
