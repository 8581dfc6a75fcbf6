-- Number and newest position of the item events of each site. If both are unchanged, there is nothing new to learn.
--   since Int64 (milliseconds, inclusive)
SELECT site_id, count() AS events, max(position) AS newest_position
FROM visitor_events
WHERE occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
  AND action IN (1, 3, 7)
GROUP BY site_id
ORDER BY site_id
