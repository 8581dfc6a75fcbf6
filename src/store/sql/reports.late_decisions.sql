-- In how many sessions was a slot viewed or decided too late, and in how many of them too late at least once?
--   site UInt32, from_ms/to_ms Int64
-- A decision that comes after the deadline leaves the page's default content in place. Sessions are those of the
-- stored events.
SELECT
    uniqExact(visitor, session_start) AS sessions,
    uniqExactIf((visitor, session_start), name = 'Decision Late') AS late
FROM events
WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND kind = 1 AND name IN ('Slot Viewed', 'Decision Late')
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
