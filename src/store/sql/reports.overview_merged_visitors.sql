-- How many visitors of a period, by interval and in total, are further visitors of people already counted?
--   site UInt32, from_ms/to_ms Int64, steps Array(Int64) (the beginning of each interval)
-- $PEOPLE is fragment.people.sql; $VISITS, $FILTER_JOIN, $IF_FILTERED: see store::filters. One row per interval, and one with is_total = 1.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT
    roundDown(toUnixTimestamp64Milli(occurred_at), {steps:Array(Int64)}) AS bucket_ms,
    toUInt8(grouping(bucket_ms)) AS is_total,
    toUInt64(uniqExact(visitor) - uniqExact(person)) AS further
FROM
(
    SELECT occurred_at, visitor
    FROM events
    $FILTER_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor IN (SELECT visitor FROM merged) $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
) AS seen
INNER JOIN merged USING (visitor)
GROUP BY GROUPING SETS ((bucket_ms), ())
ORDER BY is_total, bucket_ms
