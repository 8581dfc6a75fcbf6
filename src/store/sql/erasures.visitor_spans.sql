-- First and last event of every visitor of a site.
--   site UInt32
SELECT visitor, toUnixTimestamp64Milli(min(occurred_at)) AS first_ms, toUnixTimestamp64Milli(max(occurred_at)) AS last_ms
FROM events
WHERE site_id = {site:UInt32} AND visitor != 0
GROUP BY visitor
