-- The hour from which on a site has at most `limit` item events; 0 if its newest hour alone has more.
--   site UInt32, since Int64 (milliseconds, inclusive), limit UInt64
SELECT toInt64(toUnixTimestamp(min(hour))) * 1000 AS since_ms
FROM
(
    SELECT hour, sum(events) OVER (ORDER BY hour DESC) AS total
    FROM
    (
        SELECT toStartOfHour(toDateTime(occurred_at, 'UTC')) AS hour, count() AS events
        FROM visitor_events
        WHERE site_id = {site:UInt32}
          AND occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
          AND action IN (1, 3, 7)
        GROUP BY hour
    )
)
WHERE total <= {limit:UInt64}
