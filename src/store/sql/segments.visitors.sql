-- The visitors of people for whom a rule certainly holds; placeholders as in segments.count.
WITH
$PEOPLE
    rows AS
    (
    $ROWS
    )
SELECT DISTINCT arrayJoin(visitors) AS visitor
FROM
(
    SELECT visitors, toBool($UNDER) AS under
    FROM
    (
        SELECT who, groupUniqArray(visitor) AS visitors, $COLUMNS
        FROM rows
        GROUP BY who
    )
    WHERE $OVER
)
WHERE under
LIMIT {limit:UInt64}
