    -- Orders and refunds as they were sent, each in the site's currency by the rate of its moment, half a minor unit
    -- rounded away from 0. `rate` is 0 where no rate converts.
    order_events AS
    (
        WITH
            arrayFirstIndex(
                (known, since) -> known = toString(currency) AND since <= toUnixTimestamp64Milli(occurred_at),
                {rate_currencies:Array(String)}, {rate_since:Array(UInt64)}) AS rate,
            {rate_denominators:Array(UInt64)}[rate] AS denominator
        SELECT
            order_id, action, visitor, $VALUE AS own_value, user_id_only, by_server_key, received_at, journal, position,
            toUnixTimestamp64Milli(occurred_at) AS at_ms,
            if(rate = 0, 0, toInt64(if(amount_minor < 0, -1, 1) * intDiv(
                toInt256(abs(toInt128(amount_minor))) * {rate_numerators:Array(UInt64)}[rate] * 2 + denominator,
                toInt256(greatest(denominator, 1)) * 2))) AS base_minor,
            toUInt8(amount_minor != 0 AND rate = 0) AS unconverted,
            -- Whether the filters of the report keep the event, where it has some.
            $IF_FILTERED{toUInt8($KEEPS) AS kept,}
            -- A refund that names only its order is of all of it. One whose amount cannot be read is of nothing.
            toUInt8(action = 8 AND amount_minor = 0 AND NOT arrayExists(
                violation -> match(violation, '^(revenue|total|value|amount|price)'), violations)) AS whole
        FROM events
        $FILTER_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND action IN (7, 8)
          AND (order_id != '' OR (occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
                              AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')))
    ),
    -- Each order once: as the site's server sent it first, else as a browser sent it first. `visit` is where it belongs
    -- among the sessions: the first browser that sent it, if there is one.
    orders AS
    (
        SELECT
            order_id,
            argMin((at_ms, base_minor, unconverted, visitor),
                   (NOT by_server_key, at_ms, received_at, journal, position)) AS counted,
            argMin((visitor, at_ms, user_id_only, own_value$IF_FILTERED{, kept}), (user_id_only, at_ms, received_at, journal, position)) AS visit
        FROM order_events
        WHERE action = 7 AND order_id != ''
        GROUP BY order_id
    ),
    -- Each refund of an order, oldest first, as long as something of the order is left.
    refunds AS
    (
        SELECT order_id, refund.1 AS at_ms, refund.2 AS visitor, refund.3 AS user_id_only, refund.4 AS own_value, refund.5 AS base_minor
               $IF_FILTERED{, refund.6 AS kept}
        FROM
        (
            SELECT
                order_id,
                arraySort(groupArray((at_ms, received_at, journal, position, whole, toInt64(abs(base_minor)), visitor, user_id_only, own_value$IF_FILTERED{, kept}))) AS sent,
                greatest(any(orders.counted.2), 0) AS paid,
                arrayMap(amount -> least(amount, paid),
                         arrayCumSum(arrayMap(refund -> if(refund.5, paid, refund.6), sent))) AS refunded,
                arrayJoin(arrayZip(
                    arrayMap(refund -> refund.1, sent),
                    arrayMap(refund -> refund.7, sent),
                    arrayMap(refund -> refund.8, sent),
                    arrayMap(refund -> refund.9, sent),
                    arrayMap((now, before) -> now - before, refunded, arrayPushFront(arrayPopBack(refunded), 0))
                    $IF_FILTERED{, arrayMap(refund -> refund.10, sent)})) AS refund
            FROM order_events
            -- Refunds are few, and a join reads its right side into memory.
            INNER JOIN
            (
                SELECT * FROM orders WHERE order_id IN (SELECT order_id FROM order_events WHERE action = 8)
            ) AS orders USING (order_id)
            WHERE action = 8 AND order_id != ''
            GROUP BY order_id
        )
    ),
    -- What changes the revenue of the period, at its moment, and the visitor and moment whose session it belongs to.
    money AS
    (
        SELECT counted.1 AS at_ms, toUInt8(1) AS orders, counted.2 AS revenue_minor, counted.3 AS unconverted,
               visit.1 AS visitor, visit.2 AS visit_ms, visit.3 AS user_id_only, visit.4 AS own_value
        FROM orders
        WHERE at_ms >= {from_ms:Int64} AND at_ms < {to_ms:Int64} $IF_FILTERED{AND visit.5 = 1}
        UNION ALL
        SELECT at_ms, 0, -base_minor, 0, visitor, at_ms, user_id_only, own_value
        FROM refunds
        WHERE at_ms >= {from_ms:Int64} AND at_ms < {to_ms:Int64} $IF_FILTERED{AND kept = 1}
        UNION ALL
        SELECT at_ms, toUInt8(action = 7), if(action = 7, base_minor, -toInt64(abs(base_minor))), unconverted * toUInt8(action = 7),
               visitor, at_ms, user_id_only, own_value
        FROM order_events
        WHERE order_id = '' $IF_FILTERED{AND kept = 1}
    )
