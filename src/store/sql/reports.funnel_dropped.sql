-- Who are these visitors?
--   site UInt32, visitors Array(String) (32 hexadecimal digits each)
SELECT
    visitor,
    toUnixTimestamp64Milli(max(occurred_at)) AS last_ms,
    argMaxIf(user_id, (occurred_at, position), user_id != '') AS user_id,
    argMaxIf(toString(country), (occurred_at, position), country != '') AS country,
    argMaxIf(toString(device), (occurred_at, position), device != '') AS device
FROM visitor_events
WHERE site_id = {site:UInt32}
  AND visitor IN arrayMap(hex -> reinterpretAsUInt128(reverse(unhex(hex))), {visitors:Array(String)})
GROUP BY visitor
ORDER BY last_ms DESC, visitor
