-- The visitors of people for whom a rule may hold; placeholders as in segments.count.
--   after UInt128, limit UInt64: of the people in order of id; $CONDITION says which of them
    rows AS
    (
    $ROWS
    ),
    candidates AS
    (
        SELECT arrayJoin(visitors) AS visitor
        FROM
        (
            SELECT who, visitors
            FROM
            (
                SELECT who, visitors, toBool($UNDER) AS under, toBool($OVER) AS over
                FROM
                (
                    SELECT who, groupUniqArray(visitor) AS visitors, $COLUMNS
                    FROM rows
                    GROUP BY who
                )
            )
            WHERE $CONDITION
        )
    ),
