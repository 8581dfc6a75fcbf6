-- Who reached goals in a period, how often, and for what revenue?
--   site UInt32, from_ms/to_ms Int64, and the parameters of $MONEY and of the goals
-- $MONEY and $CONVERSIONS are fragments, $BITS the goals that an event reaches. $PEOPLE, $WHO, $JOIN: as in
-- reports.sources; $VISITS, $FILTER_JOIN, $IF_FILTERED: see store::filters.
WITH
$PEOPLE
$VISITS
$MONEY,
$CONVERSIONS
SELECT
    toUInt64(arrayJoin(bitPositionsToArray(toUInt32(bits)))) AS goal,
    uniqExactIf($WHO, visitor != 0 AND made = 1) AS people,
    toUInt64(sum(made)) AS conversions_made,
    toInt64(sum(revenue_minor)) AS revenue
FROM conversions
$JOIN
GROUP BY goal
