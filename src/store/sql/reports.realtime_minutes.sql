-- Visitors and page views of each of the last minutes.
--   site UInt32, from_ms/to_ms Int64 (whole minutes)
SELECT
    intDiv(toUnixTimestamp64Milli(occurred_at), 60000) * 60000 AS minute_ms,
    uniqExactIf(visitor, visitor != 0) AS visitors,
    countIf(kind IN (2, 3)) AS pageviews
FROM events
WHERE site_id = {site:UInt32} AND robot = ''
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY minute_ms
ORDER BY minute_ms
