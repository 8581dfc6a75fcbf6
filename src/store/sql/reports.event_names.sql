-- Which events were there, how often, and of how many people?
--   site UInt32, from_ms/to_ms Int64, limit UInt32
-- Placeholders as in reports.searches. Page and screen views are one event, `page`.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT
    if(kind IN (2, 3), 'page', toString(name)) AS event_name,
    toUInt64(count()) AS events,
    uniqExactIf($WHO, visitor != 0) AS people
FROM events
$JOIN
$VISIT_JOIN
WHERE site_id = {site:UInt32} AND robot = '' AND kind IN (1, 2, 3) $IF_FILTERED{AND $KEEPS}
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY event_name
HAVING event_name != ''
ORDER BY events DESC, event_name
LIMIT {limit:UInt32}
