-- How many orders were there in a period, and what revenue, by interval and in total?
--   site UInt32, from_ms/to_ms Int64, steps Array(Int64) (the beginning of each interval), and the parameters of $MONEY
-- $MONEY is fragment.money.sql; $FILTER_CTES: see store::filters. One row per interval that has any, and one row with is_total = 1. Revenue is orders minus
-- refunds, in the site's currency; orders that no rate converts are counted separately.
WITH
$FILTER_CTES
$MONEY
SELECT
    roundDown(at_ms, {steps:Array(Int64)}) AS bucket_ms,
    toUInt8(grouping(bucket_ms)) AS is_total,
    toUInt64(sum(money.orders)) AS orders,
    toInt64(sum(revenue_minor)) AS revenue_minor,
    toUInt64(sum(unconverted)) AS other_currency_orders
FROM money
GROUP BY GROUPING SETS ((bucket_ms), ())
ORDER BY is_total, bucket_ms
