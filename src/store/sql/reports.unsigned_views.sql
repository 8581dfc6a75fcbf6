-- Number of views of slots with items without a signed exposure token.
--   site UInt32, from_ms/to_ms Int64
SELECT countIf(exposure = '' AND notEmpty(items)) AS unproved
FROM events
WHERE site_id = {site:UInt32} AND robot = '' AND action = 10 AND name = 'Slot Viewed'
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
