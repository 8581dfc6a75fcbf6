-- Views of each item of each site in slots, the most viewed first.
--   since Int64 (milliseconds, inclusive), limit UInt64
SELECT site_id, arrayJoin(items) AS item, uniq(decision) AS views
FROM exposures
WHERE occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND action = 10
GROUP BY site_id, item
ORDER BY views DESC
LIMIT {limit:UInt64}
