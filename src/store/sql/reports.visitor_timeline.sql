-- What did this visitor do last?
--   site UInt32, visitors Array(String) (32 hexadecimal digits each), from_ms/to_ms Int64, limit UInt32
SELECT
    toUnixTimestamp64Milli(occurred_at) AS at_ms,
    kind,
    toString(name) AS name,
    path,
    if(empty(items), '', items[1]) AS item,
    properties
FROM events
WHERE site_id = {site:UInt32} AND visitor IN arrayMap(hex -> reinterpretAsUInt128(reverse(unhex(hex))), {visitors:Array(String)}) AND robot = ''
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
ORDER BY occurred_at DESC, received_at DESC, journal DESC, position DESC
LIMIT {limit:UInt32}
