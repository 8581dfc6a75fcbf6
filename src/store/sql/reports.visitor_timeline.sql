-- Latest events of a visitor.
--   site UInt32, visitors Array(UInt128), from_ms/to_ms Int64, limit UInt32
SELECT
    toUnixTimestamp64Milli(occurred_at) AS at_ms,
    kind,
    toString(name) AS name,
    JSONExtractString(properties, 'contact_channel') AS contact_channel,
    path,
    if(empty(items), '', items[1]) AS item,
    properties
FROM events
WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)} AND robot = ''
  -- `events` is ordered by day and `visitor_events` by visitor, so the latter finds the few days to read.
  AND toDate(occurred_at) IN
  (
      SELECT toDate(occurred_at)
      FROM visitor_events
      WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}
        AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
        AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
      ORDER BY occurred_at DESC
      LIMIT {limit:UInt32}
  )
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
ORDER BY occurred_at DESC, received_at DESC, journal DESC, position DESC
LIMIT {limit:UInt32}
