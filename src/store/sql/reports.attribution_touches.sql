-- The sessions of people who converted in a period: when each began, whether it came directly, and its value.
--   site UInt32, from_ms/to_ms Int64 (of the conversions), since_ms/until_ms Int64 (of the sessions), session_ms Int64, and
--   the parameters of $MONEY and of the conversion
-- $DIMENSION is the column asked for; the other placeholders as in reports.goals. Sessions as in reports.overview_sessions,
-- their values as in reports.sources.
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
                        channel NOT IN ('Internal', 'Direct'), $DIMENSION, kind < 4))) AS history,
                    arrayPushFront(arrayPopBack(history), history[1]))) AS session
            FROM events
            $JOIN
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
              AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64} - 86400000, 'UTC')
              AND occurred_at < fromUnixTimestamp64Milli({until_ms:Int64} + 86400000, 'UTC')
              AND $WHO IN (SELECT $WHO FROM conversions $JOIN WHERE visitor != 0)
            GROUP BY visitor
        )
        WHERE arrayExists(event -> event.7, session) AND began_ms >= {since_ms:Int64} AND began_ms < {until_ms:Int64}
    )
SELECT
    $WHO AS who,
    arraySort(groupArray((began_ms, toUInt8(arrival.5 = 0), if(arrival.5, arrival.6, '')))) AS touches
FROM sessions
$JOIN
GROUP BY who
