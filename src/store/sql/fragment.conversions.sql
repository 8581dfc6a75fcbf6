    -- What a step counts, with the time and visitor whose sessions led to it: each order once (see fragment.money, whose
    -- own_value are the matching steps, as bits), its refunds, and every other event. A refund takes from its order's
    -- conversion, when it happens.
    conversions AS
    (
        SELECT visit.1 AS visitor, visit.2 AS visit_ms, visit.4 AS bits, toUInt8(1) AS made, counted.2 AS revenue_minor
        FROM orders
        WHERE counted.1 >= {from_ms:Int64} AND counted.1 < {to_ms:Int64} AND bits != 0 $IF_FILTERED{AND visit.5 = 1}
        UNION ALL
        SELECT ordered.visit.1, ordered.visit.2, ordered.visit.4, 0, -refunds.base_minor
        FROM refunds
        INNER JOIN (SELECT order_id, visit FROM orders WHERE visit.4 != 0 $IF_FILTERED{AND visit.5 = 1}) AS ordered USING (order_id)
        WHERE refunds.at_ms >= {from_ms:Int64} AND refunds.at_ms < {to_ms:Int64}
        UNION ALL
        SELECT visitor, at_ms, own_value, 1, base_minor
        FROM order_events
        WHERE action = 7 AND order_id = '' AND own_value != 0 $IF_FILTERED{AND kept = 1}
        UNION ALL
        SELECT visitor, toUnixTimestamp64Milli(occurred_at), $BITS, 1, 0
        FROM events
        $FILTER_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND action != 7 AND $BITS != 0 $IF_FILTERED{AND $KEEPS}
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    )
