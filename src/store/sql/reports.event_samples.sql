-- The latest events of a name.
--   site UInt32, from_ms/to_ms Int64, limit UInt32
-- $EVENT: whether an event is meant; $FILTER_CTES, $FILTER_JOIN, $IF_FILTERED: see store::filters.
WITH
$FILTER_CTES
    {site:UInt32} AS site
SELECT toUnixTimestamp64Milli(occurred_at) AS at_ms, path AS page, toString(device) AS device_class, toString(country) AS country_code, properties AS sent
FROM events
$FILTER_JOIN
WHERE site_id = {site:UInt32} AND robot = '' AND $EVENT $IF_FILTERED{AND $KEEPS}
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
ORDER BY occurred_at DESC, received_at DESC, journal DESC, position DESC
LIMIT {limit:UInt32}
