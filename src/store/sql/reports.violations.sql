-- Schema violations of events of a period, with their counts and an example.
--   site UInt32, from_ms/to_ms Int64, limit UInt32; the rates are not used
-- An event with several violations counts for each. The example is the properties of the newest event whose properties
-- are short enough to be returned completely.
SELECT
    if(kind IN (2, 3), 'page', toString(name)) AS event,
    toString(arrayJoin(violations)) AS violation,
    count() AS events,
    max(toUnixTimestamp64Milli(occurred_at)) AS last_ms,
    argMaxIf(properties, (occurred_at, position), length(properties) <= 2000) AS example
FROM events
WHERE site_id = {site:UInt32} AND robot = '' AND notEmpty(violations)
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY event, violation
ORDER BY events DESC, event, violation
LIMIT {limit:UInt32}
