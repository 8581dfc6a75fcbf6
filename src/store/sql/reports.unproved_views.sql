-- How many views of slots with items came without the service's own word on how they were drawn?
--   site UInt32, from_ms/to_ms Int64
SELECT countIf(exposure = '' AND notEmpty(items)) AS unproved
FROM events
WHERE site_id = {site:UInt32} AND robot = '' AND action = 10 AND name = 'Slot Viewed'
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
