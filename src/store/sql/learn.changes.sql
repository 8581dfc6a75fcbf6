-- Which sites have item events, how many, and how far they go: a site whose answer is the same as
-- before has nothing new to learn from.
-- Parameters: since (milliseconds, inclusive).
SELECT site_id, count() AS events, max(position) AS newest_position
FROM visitor_events
WHERE occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
  AND action IN (1, 3, 7)
GROUP BY site_id
ORDER BY site_id
