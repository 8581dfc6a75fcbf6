-- Number and newest arrival of the orders and refunds of each site. If both are unchanged, so are its customers.
SELECT site_id, count() AS events, toUnixTimestamp64Milli(max(received_at)) AS newest_ms
FROM events
WHERE action IN (7, 8) AND robot = ''
GROUP BY site_id
ORDER BY site_id
