-- Which items were viewed, put into carts and bought?
--   site UInt32, from_ms/to_ms Int64, limit UInt32, and the rates of the parameters of fragment.money
-- Placeholders as in reports.goals. An order counts once (see fragment.money): the lines that the site's server sent
-- first, else those of the first browser. Prices are converted as there; refunds are not of items and take nothing.
WITH
$PEOPLE
$VISITS
    bought AS
    (
        SELECT
            order_id,
            argMin((at_ms, lines, rate_of_order), (NOT by_server_key, at_ms, received_at, journal, position)) AS counted,
            argMin((visitor, user_id_only$IF_FILTERED{, is_kept}), (user_id_only, at_ms, received_at, journal, position)) AS visit
        FROM
        (
            SELECT
                if(order_id = '', concat('#', toString(journal), '-', toString(position)), order_id) AS order_id,
                visitor, user_id_only, by_server_key, received_at, journal, position,
                toUnixTimestamp64Milli(occurred_at) AS at_ms,
                arrayZip(items, item_prices, item_quantities) AS lines,
                arrayFirstIndex(
                    (known, since) -> known = toString(currency) AND since <= toUnixTimestamp64Milli(occurred_at),
                    {rate_currencies:Array(String)}, {rate_since:Array(UInt64)}) AS rate_of_order
                $IF_FILTERED{, toUInt8($KEEPS) AS is_kept}
            FROM events
            $FILTER_JOIN
            WHERE site_id = {site:UInt32} AND robot = '' AND action = 7
        )
        GROUP BY order_id
    ),
    happened AS
    (
        SELECT visitor, arrayJoin(items) AS item, toUInt8(action = 3) AS is_cart, toUInt8(0) AS is_bought, toUInt64(0) AS units, toInt64(0) AS revenue
        FROM events
        $FILTER_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND action IN (1, 3) AND name != 'Product Clicked' $IF_FILTERED{AND $KEEPS}
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
        UNION ALL
        SELECT
            visit.1, line.1, 0, 1, line.3,
            if(counted.3 = 0, 0, toInt64(intDiv(
                toInt256(line.2) * line.3 * {rate_numerators:Array(UInt64)}[counted.3] * 2 + {rate_denominators:Array(UInt64)}[counted.3],
                toInt256(greatest({rate_denominators:Array(UInt64)}[counted.3], 1)) * 2)))
        FROM bought
        ARRAY JOIN counted.2 AS line
        WHERE counted.1 >= {from_ms:Int64} AND counted.1 < {to_ms:Int64} $IF_FILTERED{AND visit.3 = 1}
    )
SELECT
    item,
    uniqExactIf($WHO, visitor != 0 AND is_cart = 0 AND is_bought = 0) AS viewers,
    uniqExactIf($WHO, visitor != 0 AND is_cart = 1) AS carts,
    uniqExactIf($WHO, visitor != 0 AND is_bought = 1) AS buyers,
    toUInt64(sum(happened.units)) AS units_sold,
    toInt64(sum(happened.revenue)) AS revenue_minor
FROM happened
$JOIN
GROUP BY item
ORDER BY revenue_minor DESC, viewers DESC, item
LIMIT {limit:UInt32}
