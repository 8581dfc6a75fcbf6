-- How many people had any event in a period?
--   site UInt32, from_ms/to_ms Int64
-- $PEOPLE, $WHO, $JOIN: as in reports.sources; $VISITS, $VISIT_JOIN, $IF_FILTERED: see store::filters.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT uniqExact($WHO) AS people
FROM events
$JOIN
$VISIT_JOIN
WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 $IF_FILTERED{AND $KEEPS}
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
