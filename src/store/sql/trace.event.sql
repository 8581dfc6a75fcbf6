-- The stored rows of a message; more than one is an error.
--   site UInt32, message UInt128
SELECT
    journal, position, name, toUnixTimestamp64Milli(occurred_at) AS occurred_ms, toUnixTimestamp64Milli(received_at) AS received_ms,
    visitor, robot, _part AS part
FROM events
PREWHERE site_id = {site:UInt32} AND message = {message:UInt128}
ORDER BY journal, position
LIMIT 10
