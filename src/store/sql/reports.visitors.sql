-- Which countries, devices, browsers, systems or languages did the visitors of a period have?
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, limit UInt32
-- $VALUE is the column asked for; $PEOPLE, $WHO, $JOIN: as in reports.sources. A session (see reports.overview_sessions)
-- counts for the first value in it, '' if it has none. Anonymous page views count for their own value. With filters the
-- kept events count, and the sessions that have one; $VISITS, $FILTER_JOIN, $IF_FILTERED, $IF_STORED,
-- raw_from_ms/raw_to_ms: see store::filters.
WITH
$PEOPLE
$VISITS
    histories AS
    (
        SELECT
            visitor,
            arrayJoin(arraySplit(
                (event, before) -> event.1 - before.1 > {session_ms:Int64},
                arraySort(groupArray((
                    toUnixTimestamp64Milli(occurred_at), received_at, journal, position,
                    $VALUE,
                    kind IN (2, 3),
                    kind < 4
                    $IF_FILTERED{, $KEEPS}))) AS history,
                arrayPushFront(arrayPopBack(history), history[1]))) AS session
        FROM events
        $FILTER_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
          AND occurred_at >= fromUnixTimestamp64Milli({raw_from_ms:Int64} - 86400000, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({raw_to_ms:Int64} + 86400000, 'UTC')
        GROUP BY visitor
    )
SELECT
    value,
    uniqExactIf(who, is_visitor) AS visitors,
    sum(sessions_begun) AS sessions,
    sum(views) AS pageviews
FROM
(
    SELECT
        arrayFirst(event -> event.5 != '', session).5 AS value,
        $WHO AS who,
        arrayExists(event -> event.7 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1 $IF_FILTERED{AND event.8}, session) AS is_visitor,
        toUInt64(session[1].1 >= {from_ms:Int64}) AS sessions_begun,
        toUInt64(arrayCount(event -> event.6 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1 $IF_FILTERED{AND event.8}, session)) AS views
    FROM histories
    $JOIN
    WHERE (is_visitor
        $IF_FILTERED{OR (session[1].1 >= {from_ms:Int64} AND arrayExists(event -> event.8, session)
            AND arrayExists(event -> event.7 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1, session))})
        $IF_STORED{AND toDate(toUInt16(intDiv(session[1].1, 86400000))) NOT IN {stored_days:Array(Date)}

    UNION ALL

    SELECT $VALUE, $WHO, arrayExists(act -> began_ms + intDiv(act, 2) BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1, acts) AS is_here, toUInt64(began_ms >= {from_ms:Int64}),
        toUInt64(arrayCount(act -> act % 2 = 1 AND began_ms + intDiv(act, 2) BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1, acts))
    FROM visits
    $JOIN
    WHERE site_id = {site:UInt32} AND day IN {stored_days:Array(Date)} AND generation IN {stored_generations:Array(UInt64)} AND is_here}

    UNION ALL

    SELECT $VALUE AS value, toUInt128(0), 0, 0, count()
    FROM events
    $FILTER_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor = 0 AND kind IN (2, 3) $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY value
)
GROUP BY value
ORDER BY visitors DESC, pageviews DESC, value
LIMIT {limit:UInt32}
