-- Sums over the people of each variant of a figure after their first exposure (y), of the same before it (x), and of
-- their squares and products.
--   site UInt32, experiment String, variants Array(String), exposed_ms/to_ms Int64 (range of exposures), from_ms Int64 (the
--   earliest event that is read), before_ms Int64 (how long before the exposure x counts), names Array(String),
--   page_views UInt8, kind UInt8 (0: whether there was any, 1: number, 2: sum), whole_order UInt8 (the sum is the revenue of
--   orders less refunds), rate_exponents Array(UInt64), and the parameters of the fragments
-- $STEP and $NUMBER are made by store::funnel of fixed texts: the events that count, and the number that is added up.
-- $PEOPLE, $WHO, $JOIN, $VISITS, $VISIT_JOIN: as in reports.funnel; $MONEY is fragment.money.sql, $EXPOSED
-- fragment.exposed.sql. An order counts once, at the time and with the amount of the report that counts, if any report of it
-- passes the conditions. A refund belongs to its order's time.
WITH
$PEOPLE
$VISITS
$MONEY,
$EXPOSED,
    matched AS
    (
        WITH
            arrayFirstIndex(
                (known, since) -> known = toString(currency) AND since <= toUnixTimestamp64Milli(occurred_at),
                {rate_currencies:Array(String)}, {rate_since:Array(UInt64)}) AS rate,
            if(rate = 0, 0, {rate_numerators:Array(UInt64)}[rate] / greatest({rate_denominators:Array(UInt64)}[rate], 1)) AS rate_factor,
            if(rate = 0, 0, exp10({rate_exponents:Array(UInt64)}[rate])) AS minor_units
        SELECT
            $WHO AS who, toUnixTimestamp64Milli(occurred_at) AS at_ms, action, order_id, by_server_key, received_at, journal,
            position, toFloat64($NUMBER) AS number
        FROM events
        $JOIN
        $VISIT_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
          AND (name IN {names:Array(String)} OR ({page_views:UInt8} = 1 AND kind IN (2, 3)))
          AND $STEP
    ),
    counted_orders AS
    (
        SELECT
            orders.order_id AS order_id, orders.counted.1 AS ordered_ms,
            if(orders.counted.4 != 0, orders.counted.4, orders.visit.1) AS visitor,
            if({whole_order:UInt8} = 1, toFloat64(orders.counted.2), matching.number) AS order_value
        FROM orders
        INNER JOIN
        (
            SELECT order_id, argMin(number, (NOT by_server_key, at_ms, received_at, journal, position)) AS number
            FROM matched
            WHERE action = 7 AND order_id != ''
            GROUP BY order_id
        ) AS matching ON orders.order_id = matching.order_id
    ),
    happened AS
    (
        SELECT who AS doer, at_ms AS done_ms, toFloat64(1) AS hits, number AS amount
        FROM matched
        WHERE NOT (action = 7 AND order_id != '')
        UNION ALL
        SELECT $WHO, ordered_ms, toFloat64(1), order_value FROM counted_orders $JOIN
        UNION ALL
        SELECT $WHO, ordered_ms, toFloat64(0), refunded
        FROM
        (
            SELECT counted_orders.visitor AS visitor, counted_orders.ordered_ms AS ordered_ms, -toFloat64(refunds.base_minor) AS refunded
            FROM refunds
            INNER JOIN counted_orders ON refunds.order_id = counted_orders.order_id
            WHERE {whole_order:UInt8} = 1 AND refunds.at_ms < {to_ms:Int64}
        ) AS sent
        $JOIN
    )
SELECT
    variant, count() AS people, countIf(after != 0) AS active,
    sum(after) AS y, sum(after * after) AS yy, sum(before) AS x, sum(before * before) AS xx, sum(before * after) AS xy
FROM
(
    SELECT
        exposed.who AS who, any(exposed.variant) AS variant,
        sumIf(hits, done_ms >= first_ms AND done_ms < {to_ms:Int64}) AS hits_after,
        sumIf(amount, done_ms >= first_ms AND done_ms < {to_ms:Int64}) AS amount_after,
        sumIf(hits, done_ms < first_ms AND done_ms >= first_ms - {before_ms:Int64}) AS hits_before,
        sumIf(amount, done_ms < first_ms AND done_ms >= first_ms - {before_ms:Int64}) AS amount_before,
        toFloat64(multiIf({kind:UInt8} = 0, least(hits_after, 1), {kind:UInt8} = 1, hits_after, amount_after)) AS after,
        toFloat64(multiIf({kind:UInt8} = 0, least(hits_before, 1), {kind:UInt8} = 1, hits_before, amount_before)) AS before
    FROM exposed
    LEFT JOIN happened ON exposed.who = happened.doer
    GROUP BY exposed.who
)
GROUP BY variant
