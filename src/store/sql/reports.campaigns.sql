-- What did the sessions of each campaign bring?
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, passive Array(String) (events that are captured without an action
--   of the visitor), limit UInt32, and the parameters of $MONEY
-- Placeholders, sessions and what counts for them as in reports.sources; $VALUE is (campaign, source, medium). One row for
-- each of a session's first event that is neither direct nor from within the site; those without a campaign are left out.
-- Bounces as in reports.overview_sessions.
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
                    kind < 4,
                    kind = 1 AND action != 10 AND name NOT IN {passive:Array(String)}
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
        SELECT
            visitor,
            session[1].1 AS began_ms,
            session[-1].1 AS ended_ms,
            arrayFirst(event -> event.5, session).6 AS value,
            arrayCount(event -> event.7, session) = 1 AND NOT arrayExists(event -> event.9, session) AS is_bounce,
            $IF_FILTERED{began_ms >= {from_ms:Int64} AND arrayExists(event -> event.8 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1, session)
                AND arrayExists(event -> event.10, session) AS is_kept,}
            arrayExists(event -> event.8 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1 $IF_FILTERED{AND event.10}, session) AS is_here,
            arrayCount(event -> event.7 AND event.1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1 $IF_FILTERED{AND event.10}, session) AS pageviews
        FROM histories
        $IF_STORED{WHERE toDate(toUInt16(intDiv(began_ms, 86400000))) NOT IN {stored_days:Array(Date)}
        UNION ALL
        SELECT
            visitor, began_ms, ended_ms, if(is_referred, $VALUE, ('', '', '')) AS value, pageviews = 1 AND actions = 0 AS is_bounce,
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
    value.1 AS campaign, value.2 AS source, value.3 AS medium,
    uniqExactIf(who, is_visitor) AS visitors,
    sum(sessions_begun) AS sessions,
    sum(bounced) AS bounces,
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
        toUInt64(sessions_begun = 1 AND is_bounce) AS bounced,
        toUInt64(pageviews) AS views,
        arrayFilter(sale -> sale.1 BETWEEN began_ms AND ended_ms, made) AS own,
        toUInt64(arraySum(sale -> sale.2, own)) AS orders,
        toInt64(arraySum(sale -> sale.3, own)) AS revenue_minor
    FROM sessions
    LEFT JOIN sales USING (visitor)
    $JOIN
    WHERE value.1 != '' AND (is_here OR notEmpty(own) $IF_FILTERED{OR is_kept})

    UNION ALL

    SELECT $VALUE AS value, toUInt128(0), 0, 0, 0, countIf(kind IN (2, 3)) AS views, [], 0, 0
    FROM events
    $FILTER_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor = 0 AND campaign != '' $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY value
    HAVING views > 0

    UNION ALL

    SELECT own_value AS value, toUInt128(0), 0, 0, 0, 0, [], toUInt64(orders), revenue_minor
    FROM money
    WHERE visitor = 0 AND own_value.1 != ''

$USER_SALES
)
GROUP BY value
ORDER BY visitors DESC, pageviews DESC, value
LIMIT {limit:UInt32}
