-- Names of a site's events before a time.
--   site UInt32, before_ms Int64
SELECT DISTINCT name
FROM events
WHERE site_id = {site:UInt32} AND occurred_at < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
ORDER BY name
LIMIT 100000
