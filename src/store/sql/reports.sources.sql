-- Where did the sessions of a period come from?
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, otherwise String (the value of sessions without a source),
--   limit UInt32, and the parameters of $MONEY
-- $MONEY is fragment.money.sql; $VALUE the column asked for; $PEOPLE, $WHO, $JOIN and $USER_SALES join the visitors of
-- one person where there are such people: fragments that reports::acquisition chooses from fixed texts.
-- Sessions as in reports.overview_sessions. A session came from its first event that is neither direct nor from within
-- the site; everything in it counts for that source, also where it began before the period. Anonymous events have no
-- session: their page views and orders count for the source of each event. The order of a server that names only a user
-- counts for the person's last session begun within 24 hours before it. With filters the kept events count, and the
-- sessions that have one (is_kept); $VISITS, $FILTER_JOIN, $IF_FILTERED, $IF_STORED, raw_from_ms/raw_to_ms: see store::filters.
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
                    channel NOT IN ('Internal', 'Direct'),
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
    ),
    sessions AS
    (
        WITH arrayFirst(event -> event.5, session) AS arrival
        SELECT
            visitor,
            session[1].1 AS began_ms,
            session[-1].1 AS ended_ms,
            if(arrival.5, arrival.6, {otherwise:String}) AS value,
            $IF_FILTERED{began_ms >= {from_ms:Int64} AND arrayExists(event -> event.8 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1, session)
                AND arrayExists(event -> event.9, session) AS is_kept,}
            arrayExists(event -> event.8 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1 $IF_FILTERED{AND event.9}, session) AS is_here,
            arrayCount(event -> event.7 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1 $IF_FILTERED{AND event.9}, session) AS pageviews
        FROM histories
        $IF_STORED{WHERE toDate(toUInt16(intDiv(began_ms, 86400000))) NOT IN {stored_days:Array(Date)}
        UNION ALL
        SELECT
            visitor, began_ms, ended_ms, if(is_referred, $VALUE, {otherwise:String}) AS value,
            arrayExists(act -> began_ms + intDiv(act, 2) BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1, acts) AS is_here,
            arrayCount(act -> act % 2 = 1 AND began_ms + intDiv(act, 2) BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1, acts) AS views_here
        FROM visits
        WHERE site_id = {site:UInt32} AND day IN {stored_days:Array(Date)} AND generation IN {stored_generations:Array(UInt64)}}
    ),
    sales AS
    (
        SELECT visitor, groupArray((visit_ms, orders, revenue_minor)) AS made
        FROM money
        WHERE visitor != 0 AND NOT user_id_only
        GROUP BY visitor
    )
SELECT
    value,
    uniqExactIf(who, is_visitor) AS visitors,
    sum(sessions_begun) AS sessions,
    sum(views) AS pageviews,
    sum(orders) AS orders,
    sum(revenue_minor) AS revenue_minor
FROM
(
    SELECT
        value,
        $WHO AS who,
        is_here AS is_visitor,
        toUInt64(is_here AND began_ms >= {from_ms:Int64} $IF_FILTERED{OR is_kept}) AS sessions_begun,
        toUInt64(pageviews) AS views,
        arrayFilter(sale -> sale.1 BETWEEN began_ms AND ended_ms, made) AS own,
        toUInt64(arraySum(sale -> sale.2, own)) AS orders,
        toInt64(arraySum(sale -> sale.3, own)) AS revenue_minor
    FROM sessions
    LEFT JOIN sales USING (visitor)
    $JOIN
    WHERE is_here OR notEmpty(own) $IF_FILTERED{OR is_kept}

    UNION ALL

    SELECT $VALUE AS value, toUInt128(0), 0, 0, countIf(kind IN (2, 3)) AS views, [], 0, 0
    FROM events
    $FILTER_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor = 0 $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY value
    HAVING views > 0

    UNION ALL

    SELECT own_value AS value, toUInt128(0), 0, 0, 0, [], toUInt64(orders), revenue_minor
    FROM money
    WHERE visitor = 0

    UNION ALL

$USER_SALES
)
GROUP BY value
ORDER BY visitors DESC, pageviews DESC, value
LIMIT {limit:UInt32}
