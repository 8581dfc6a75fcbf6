-- The latest events.
--   site UInt32, from_ms/to_ms Int64, limit UInt32
SELECT
    toUnixTimestamp64Milli(occurred_at) AS at_ms,
    visitor,
    kind,
    toString(name) AS name,
    path,
    toString(country) AS country,
    toString(device) AS device,
    if(empty(items), '', items[1]) AS item
FROM events
WHERE site_id = {site:UInt32} AND robot = ''
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
ORDER BY occurred_at DESC, received_at DESC, journal DESC, position DESC
LIMIT {limit:UInt32}
