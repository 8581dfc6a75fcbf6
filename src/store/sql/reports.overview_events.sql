-- Events, visitors, orders and revenue of a period, by interval and in total.
--   site UInt32, from_ms/to_ms Int64 (from inclusive, to exclusive), interval String (hour, day, week or month),
--   timezone String (IANA name), rate_currencies Array(String) and rate_since, rate_numerators, rate_denominators
--   Array(UInt64), the newest rate first
-- One row per interval with events, and one with is_total = 1. Robots are excluded. Anonymous events (visitor 0) count
-- as events and page views, not as visitors. Revenue is orders minus refunds in the site's currency, each converted at
-- the rate in effect at its time; orders without a rate are counted separately.
WITH
    -- Rate in effect at the event's time, and the amount in the site's currency, rounded half away from zero.
    if(action IN (7, 8), arrayFirstIndex(
        (known, since) -> known = toString(currency) AND since <= toUnixTimestamp64Milli(occurred_at),
        {rate_currencies:Array(String)}, {rate_since:Array(UInt64)}), 0) AS rate,
    {rate_denominators:Array(UInt64)}[rate] AS denominator,
    if(rate = 0, 0, toInt64(if((action = 7) = (amount_minor < 0), -1, 1) * intDiv(
        toInt256(abs(toInt128(amount_minor))) * {rate_numerators:Array(UInt64)}[rate] * 2 + denominator,
        toInt256(greatest(denominator, 1)) * 2))) AS base_minor
SELECT
    toInt64(toUnixTimestamp(toDateTime(dateTrunc({interval:String}, occurred_at, {timezone:String}), {timezone:String}))) * 1000 AS bucket_ms,
    toUInt8(grouping(bucket_ms)) AS is_total,
    count() AS events,
    countIf(kind IN (2, 3)) AS pageviews,
    uniqExactIf(visitor, visitor != 0) AS visitors,
    countIf(action = 7) AS orders,
    sum(base_minor) AS revenue_minor,
    countIf(action = 7 AND amount_minor != 0 AND rate = 0) AS other_currency_orders
FROM events
WHERE site_id = {site:UInt32} AND robot = ''
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY GROUPING SETS ((bucket_ms), ())
ORDER BY is_total, bucket_ms
