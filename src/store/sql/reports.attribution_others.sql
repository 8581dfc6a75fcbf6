-- The journeys of people who did not convert in a period: the values of their sessions in it, in order.
--   site UInt32, from_ms/to_ms Int64, window_ms Int64, session_ms Int64, limit UInt32, and the parameters of $MONEY and of
--   the conversion
-- Placeholders as in reports.attribution_touches. A journey are the sessions begun in the window before its last.
WITH
$PEOPLE
$VISITS
$MONEY,
$CONVERSIONS,
    sessions AS
    (
        SELECT
            visitor,
            session[1].1 AS began_ms,
            arrayFirst(event -> event.5, session) AS arrival
        FROM
        (
            SELECT
                visitor,
                arrayJoin(arraySplit(
                    (event, before) -> event.1 - before.1 > {session_ms:Int64},
                    arraySort(groupArray((
                        toUnixTimestamp64Milli(occurred_at), received_at, journal, position,
                        channel NOT IN ('Internal', 'Direct'), $DIMENSION, kind < 4
                        $IF_FILTERED{, toUInt8($KEEPS)}))) AS history,
                    arrayPushFront(arrayPopBack(history), history[1]))) AS session
            FROM events
            $FILTER_JOIN
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
              AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64} - 86400000, 'UTC')
              AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64} + 86400000, 'UTC')
            GROUP BY visitor
        )
        WHERE arrayExists(event -> event.7, session) $IF_FILTERED{AND arrayExists(event -> event.8 = 1, session)}
          AND began_ms >= {from_ms:Int64} AND began_ms < {to_ms:Int64}
    )
SELECT journey, toUInt64(count()) AS people
FROM
(
    SELECT
        $WHO AS who,
        arraySort(groupArray((began_ms, if(arrival.5, arrival.6, '')))) AS visited,
        arrayMap(visit -> visit.2, arrayFilter(visit -> visit.1 >= visited[-1].1 - {window_ms:Int64}, visited)) AS journey
    FROM sessions
    $JOIN
    GROUP BY who
    HAVING who NOT IN (SELECT $WHO FROM conversions $JOIN WHERE visitor != 0)
)
GROUP BY journey
LIMIT {limit:UInt32}
