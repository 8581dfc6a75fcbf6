-- Last activity and attributes of visitors.
--   site UInt32, visitors Array(UInt128)
SELECT
    visitor,
    toUnixTimestamp64Milli(max(occurred_at)) AS last_ms,
    argMaxIf(user_id, (occurred_at, position), user_id != '') AS user_id,
    argMaxIf(toString(country), (occurred_at, position), country != '') AS country,
    argMaxIf(toString(device), (occurred_at, position), device != '') AS device
FROM visitor_events
WHERE site_id = {site:UInt32}
  AND visitor IN {visitors:Array(UInt128)}
GROUP BY visitor
ORDER BY last_ms DESC, visitor
