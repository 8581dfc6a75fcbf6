-- The conversions of a period, and the person and time whose sessions led to each.
--   site UInt32, from_ms/to_ms Int64, limit UInt32, and the parameters of $MONEY and of the conversion
-- Placeholders as in reports.goals.
WITH
$PEOPLE
$VISITS
$MONEY,
$CONVERSIONS
SELECT if(visitor = 0, toUInt128(0), $WHO) AS who, visit_ms AS at_ms, made, revenue_minor AS revenue
FROM conversions
$JOIN
LIMIT {limit:UInt32}
