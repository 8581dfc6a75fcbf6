-- How often was each item of each site seen in slots? The most seen first.
-- Parameters: since (milliseconds, inclusive), limit.
SELECT site_id, arrayJoin(items) AS item, uniq(decision) AS views
FROM exposures
WHERE occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND action = 10
GROUP BY site_id, item
ORDER BY views DESC
LIMIT {limit:UInt64}
