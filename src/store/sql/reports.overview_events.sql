-- How many events, page views and visitors were there in a period, by interval and in total?
--   site UInt32, from_ms/to_ms Int64 (from inclusive, to exclusive), steps Array(Int64) (the beginning of each interval)
-- One row per interval that has events, and one row with is_total = 1. Robots are left out. Anonymous events (visitor
-- 0) count as events and page views, not as visitors. $FILTER_CTES, $FILTER_JOIN, $IF_FILTERED, $IF_STORED: see
-- store::filters.
WITH
$FILTER_CTES
    {site:UInt32} AS site
SELECT
    roundDown(at_ms, {steps:Array(Int64)}) AS bucket_ms,
    toUInt8(grouping(bucket_ms)) AS is_total,
    sum(happened) AS events,
    sum(viewed) AS pageviews,
    uniqExactIf(visitor, visitor != 0) AS visitors
FROM
(
    SELECT toUnixTimestamp64Milli(occurred_at) AS at_ms, visitor, toUInt32(1) AS happened, toUInt32(kind IN (2, 3)) AS viewed
    FROM events
    $FILTER_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' $IF_FILTERED{AND $KEEPS} $IF_STORED{AND toDate(occurred_at) NOT IN {stored_days:Array(Date)}}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    $IF_STORED{
    UNION ALL
    SELECT toInt64(toUInt16(day)) * 86400000 + quarter * 900000 AS at_ms, visitor, events, pageviews
    FROM visitor_quarters
    WHERE site_id = {site:UInt32} AND day IN {stored_days:Array(Date)} AND generation IN {stored_generations:Array(UInt64)}
      AND at_ms >= {from_ms:Int64} AND at_ms < {to_ms:Int64}}
)
GROUP BY GROUPING SETS ((bucket_ms), ())
ORDER BY is_total, bucket_ms
