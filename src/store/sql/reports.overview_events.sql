-- How many events, page views and visitors were there in a period, by interval and in total?
--   site UInt32, from_ms/to_ms Int64 (from inclusive, to exclusive), steps Array(Int64) (the beginning of each interval)
-- One row per interval that has events, and one row with is_total = 1. Robots are left out. Anonymous events (visitor
-- 0) count as events and page views, not as visitors. $FILTER_CTES, $FILTER_JOIN, $IF_FILTERED: see store::filters.
WITH
$FILTER_CTES
    {site:UInt32} AS site
SELECT
    roundDown(toUnixTimestamp64Milli(occurred_at), {steps:Array(Int64)}) AS bucket_ms,
    toUInt8(grouping(bucket_ms)) AS is_total,
    count() AS events,
    countIf(kind IN (2, 3)) AS pageviews,
    uniqExactIf(visitor, visitor != 0) AS visitors
FROM events
$FILTER_JOIN
WHERE site_id = {site:UInt32} AND robot = '' $IF_FILTERED{AND $KEEPS}
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY GROUPING SETS ((bucket_ms), ())
ORDER BY is_total, bucket_ms
