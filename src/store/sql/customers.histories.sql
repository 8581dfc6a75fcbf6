-- What is known of each customer of a site: whoever ordered before the end, by person or by visitor.
--   site UInt32, from_ms Int64 (0), to_ms Int64 (the end), since_ms Int64 (the beginning of the period), zone String, and
--   the parameters of $MONEY
-- $PEOPLE, $WHO, $JOIN: as in reports.sources; $MONEY is fragment.money.sql; $IF_FILTERED: see store::filters, for filters
-- by segment only. One row per customer: orders, revenue less
-- refunds and last order in the period (each order and refund at its own moment); and over all time before the end, in days
-- of the time zone: days with orders after the first, days from the first to the last of them and to the end, and the
-- repeat days with an amount with their amounts less what was refunded of these orders. An order, with its refunds, belongs
-- to the visitor of the event that counts, or without one to the first browser that sent it; customer 0
-- has the orders of unknown visitors.
WITH
$PEOPLE
$MONEY,
    order_visitors AS
    (
        SELECT
            order_id, if(counted.4 != 0, counted.4, visit.1) AS visitor, counted.1 AS ordered_ms,
            counted.2 AS paid_minor, counted.3 AS unconverted
        FROM orders
    ),
    changes AS
    (
        SELECT visitor, ordered_ms AS at_ms, ordered_ms, toUInt32(1) AS is_order, paid_minor AS change_minor, unconverted
        FROM order_visitors
        UNION ALL
        SELECT order_visitors.visitor, refunds.at_ms, order_visitors.ordered_ms, toUInt32(0), -refunds.base_minor, toUInt8(0)
        FROM
        (
            SELECT * FROM order_visitors WHERE order_id IN (SELECT order_id FROM order_events WHERE action = 8)
        ) AS order_visitors
        INNER JOIN refunds ON refunds.order_id = order_visitors.order_id
        UNION ALL
        SELECT
            visitor, at_ms, at_ms, toUInt32(action = 7),
            if(action = 7, base_minor, -toInt64(abs(base_minor))), toUInt8(unconverted AND action = 7)
        FROM order_events
        WHERE order_id = ''
    ),
    days AS
    (
        SELECT
            $WHO AS customer,
            toInt32(toDate(toTimeZone(fromUnixTimestamp64Milli(ordered_ms, 'UTC'), {zone:String}))) AS day,
            sumIf(is_order, at_ms >= {since_ms:Int64}) AS period_orders,
            sumIf(change_minor, at_ms >= {since_ms:Int64}) AS period_minor,
            maxIf(at_ms, is_order = 1 AND at_ms >= {since_ms:Int64}) AS period_last_ms,
            sumIf(is_order, at_ms >= {since_ms:Int64} AND change_minor = 0) AS period_no_amount,
            sumIf(is_order, at_ms >= {since_ms:Int64} AND unconverted) AS period_unconverted,
            sum(is_order) AS day_orders,
            max(is_order = 1 AND change_minor > 0) AS has_amount,
            greatest(sum(change_minor), 0) AS day_minor
        FROM changes
        $JOIN
        WHERE at_ms < {to_ms:Int64} $IF_FILTERED{AND $KEEPS}
        GROUP BY customer, day
    )
SELECT
    customer,
    toUInt32(sum(period_orders)) AS orders,
    toInt64(sum(period_minor)) AS revenue_minor,
    max(period_last_ms) AS last_order_ms,
    toUInt32(sum(period_no_amount)) AS no_amount,
    toUInt32(sum(period_unconverted)) AS other_currency,
    toUInt32(countIf(day_orders > 0) - 1) AS repeat_days,
    toUInt32(maxIf(day, day_orders > 0) - minIf(day, day_orders > 0)) AS recency_days,
    toUInt32(greatest(
        toInt32(toDate(toTimeZone(fromUnixTimestamp64Milli({to_ms:Int64} - 1, 'UTC'), {zone:String})))
            - minIf(day, day_orders > 0), 0)) AS age_days,
    toUInt32(countIf(day_orders > 0 AND has_amount) - (argMinIf((has_amount, day_minor), day, day_orders > 0) AS first).1)
        AS spend_days,
    toInt64(sumIf(day_minor, day_orders > 0 AND has_amount) - if(first.1 = 1, first.2, 0)) AS spend_minor
FROM days
GROUP BY customer
HAVING sum(day_orders) > 0
ORDER BY customer
