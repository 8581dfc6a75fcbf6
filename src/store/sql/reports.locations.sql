-- Where were the visitors of a period, and what did they buy?
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, limit UInt32, and the parameters of $MONEY
-- $MONEY is fragment.money.sql; $VALUE the pair (place, country). $PEOPLE, $WHO, $JOIN: as in reports.sources; $VISITS,
-- $FILTER_JOIN, $IF_FILTERED: see store::filters. Sessions as in reports.overview_sessions; a session counts for the first
-- place in it. Anonymous page views count for their own. An order counts for the place of its own event.
WITH
$PEOPLE
$VISITS
$MONEY,
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
                    $IF_FILTERED{, toUInt8($KEEPS)}))) AS history,
                arrayPushFront(arrayPopBack(history), history[1]))) AS session
        FROM events
        $FILTER_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64} - 86400000, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64} + 86400000, 'UTC')
        GROUP BY visitor
    )
SELECT
    place.1 AS value,
    place.2 AS of_country,
    uniqExactIf(who, is_visitor) AS visitors,
    toUInt64(sum(sessions_begun)) AS sessions,
    toUInt64(sum(views)) AS pageviews,
    toUInt64(sum(ordered)) AS orders,
    toInt64(sum(revenue)) AS revenue_minor
FROM
(
    SELECT
        arrayFirst(event -> event.5.1 != '' OR event.5.2 != '', session).5 AS place,
        $WHO AS who,
        arrayExists(event -> event.7 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1 $IF_FILTERED{AND event.8 = 1}, session) AS is_visitor,
        toUInt64(session[1].1 >= {from_ms:Int64} AND session[1].1 < {to_ms:Int64}) AS sessions_begun,
        toUInt64(arrayCount(event -> event.6 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1 $IF_FILTERED{AND event.8 = 1}, session)) AS views,
        toUInt64(0) AS ordered,
        toInt64(0) AS revenue
    FROM histories
    $JOIN
    WHERE is_visitor

    UNION ALL

    SELECT $VALUE AS place, toUInt128(0), 0, 0, count(), 0, 0
    FROM events
    $FILTER_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor = 0 AND kind IN (2, 3) $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY place

    UNION ALL

    SELECT own_value, toUInt128(0), 0, 0, 0, toUInt64(money.orders), money.revenue_minor
    FROM money
)
GROUP BY value, of_country
ORDER BY visitors DESC, pageviews DESC, value, of_country
LIMIT {limit:UInt32}
