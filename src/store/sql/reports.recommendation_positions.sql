-- Views and clicks of recommended slots in a period by position, for all decisions and for those with an explored item
-- at the position.
--   site UInt32, from_ms/to_ms Int64, slot String (empty: all)
-- One row per position, with sums over visitors (see reports.recommendations). Explored items are placed at all
-- positions alike, so their click-through shows the effect of the position rather than of the best items.
WITH decided AS
(
    SELECT
        decision,
        any(visitor) AS who,
        any(explored) AS tried,
        min(toUnixTimestamp64Milli(occurred_at)) AS at_ms,
        any(items) AS shown,
        groupUniqArrayIf(clicked, clicked > 0) AS places
    FROM exposures
    WHERE site_id = {site:UInt32}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64} + 86400000, 'UTC')
      AND ({slot:String} = '' OR slot = {slot:String})
    GROUP BY decision
    HAVING at_ms < {to_ms:Int64}
)
SELECT
    place AS at,
    count() AS clusters,
    sum(n) AS views, sum(n * n) AS views_squared,
    sum(c) AS clicked_views, sum(c * c) AS clicked_squared, sum(n * c) AS views_clicked,
    countIf(tn > 0) AS tried_clusters,
    sum(tn) AS tried_views, sum(tn * tn) AS tried_squared,
    sum(tc) AS tried_clicked, sum(tc * tc) AS tried_clicked_squared, sum(tn * tc) AS tried_views_clicked
FROM
(
    SELECT
        place, if(who = 0, toUInt128(decision), who) AS cluster,
        toFloat64(count()) AS n,
        toFloat64(countIf(has(places, place))) AS c,
        toFloat64(countIf(tried = place)) AS tn,
        toFloat64(countIf(tried = place AND has(places, place))) AS tc
    FROM decided
    ARRAY JOIN arrayEnumerate(shown) AS place
    GROUP BY place, cluster
)
GROUP BY place
ORDER BY place
LIMIT 100
