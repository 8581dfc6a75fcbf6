-- Number of people for whom a rule certainly holds, of their visitors, and of people for whom it may hold.
--   site UInt32, and the parameters of the fragments
-- $ROWS, $COLUMNS, $UNDER, $OVER are made by store::people of fixed texts: one row per visitor and table, what is added up
-- for a person, and where the rule holds certainly and at most. They never contain user input. $PEOPLE, $WHO, $JOIN join
-- the visitors of one person; without $JOIN each visitor is a person.
WITH
$PEOPLE
    rows AS
    (
    $ROWS
    )
SELECT
    toUInt64(countIf(under)) AS people, toUInt64(sumIf(browsers, under)) AS visitors,
    toUInt64(countIf(NOT under)) AS unclear, toUInt64(maxIf(browsers, NOT under)) AS visitors_max
FROM
(
    SELECT browsers, toBool($UNDER) AS under
    FROM
    (
        SELECT who, $COLUMNS
        FROM rows
        GROUP BY who
    )
    WHERE $OVER
)
