-- What happened in a period, by interval and in all?
--   site UInt32, from_ms/to_ms Int64 (from inclusive, to exclusive), interval String (hour, day, week or
--   month), timezone String (IANA name), currency String (the site's)
-- One row an interval that has events, and one row with is_total = 1. Robots are kept aside. Events of
-- nobody (visitor 0) count as events and page views, not as visitors. Revenue is orders minus refunds in
-- the site's currency; orders in another one are counted apart.
SELECT
    toInt64(toUnixTimestamp(toDateTime(dateTrunc({interval:String}, occurred_at, {timezone:String}), {timezone:String}))) * 1000 AS bucket_ms,
    toUInt8(grouping(bucket_ms)) AS is_total,
    count() AS events,
    countIf(kind IN (2, 3)) AS pageviews,
    uniqExactIf(visitor, visitor != 0) AS visitors,
    countIf(action = 7) AS orders,
    sumIf(if(action = 7, amount_minor, -amount_minor), action IN (7, 8) AND currency = {currency:String}) AS revenue_minor,
    countIf(action = 7 AND amount_minor != 0 AND currency != {currency:String}) AS other_currency_orders
FROM events
WHERE site_id = {site:UInt32} AND robot = ''
  AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
GROUP BY GROUPING SETS ((bucket_ms), ())
ORDER BY is_total, bucket_ms
