-- Summary of one visitor. Several visitors are the browsers of one user.
--   site UInt32, visitors Array(UInt128), rate_currencies Array(String) and rate_since, rate_numerators,
--   rate_denominators Array(UInt64), the newest rate first
-- No row if there are no events. Revenue is orders minus refunds in the site's currency, each converted at the rate in
-- effect at its time; amounts without a rate are left out. Each order counts once, as in fragment.money: as the site's
-- server sent it first, else as a browser sent it first; its refunds take no more than it.
WITH
    (
        WITH
            -- Rate in effect at the event's time, and the amount in the site's currency, rounded half away from zero.
            arrayFirstIndex(
                (known, since) -> known = toString(currency) AND since <= toUnixTimestamp64Milli(occurred_at),
                {rate_currencies:Array(String)}, {rate_since:Array(UInt64)}) AS rate,
            {rate_denominators:Array(UInt64)}[rate] AS denominator,
            if(rate = 0, 0, toInt64(if(amount_minor < 0, -1, 1) * intDiv(
                toInt256(abs(toInt128(amount_minor))) * {rate_numerators:Array(UInt64)}[rate] * 2 + denominator,
                toInt256(greatest(denominator, 1)) * 2))) AS base_minor,
            -- A refund that names only its order is of all of it. One whose amount cannot be read is of nothing.
            action = 8 AND amount_minor = 0 AND NOT arrayExists(
                violation -> match(violation, '^(revenue|total|value|amount|price)'), violations) AS whole,
            -- Without an order id, every order and refund stands for itself.
            if(order_id = '', toString((journal, position)), order_id) AS purchase
        SELECT (sum(is_order), sum(is_order * paid - refunded))
        FROM
        (
            SELECT
                toInt64(countIf(action = 7) > 0) AS is_order,
                argMinIf(base_minor, (NOT by_server_key, occurred_at, received_at, journal, position), action = 7) AS paid,
                toInt64(sumIf(abs(base_minor), action = 8)) AS sent_back,
                multiIf(any(order_id) = '', sent_back, max(whole), greatest(paid, 0), least(sent_back, greatest(paid, 0))) AS refunded
            FROM events
            WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}
              AND robot = '' AND action IN (7, 8)
              -- `events` is ordered by day and `visitor_events` by visitor, so the latter finds the few days to read.
              AND toDate(occurred_at) IN
              (
                  SELECT toDate(occurred_at)
                  FROM visitor_events
                  WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)} AND action IN (7, 8)
              )
            GROUP BY purchase
        )
    ) AS money
SELECT
    toUnixTimestamp64Milli(min(occurred_at)) AS first_ms,
    toUnixTimestamp64Milli(max(occurred_at)) AS last_ms,
    count() AS events,
    countIf(kind IN (2, 3)) AS pageviews,
    argMaxIf(user_id, (occurred_at, position), user_id != '' AND NOT arrayExists(
        ended -> ended.1 = visitor AND ended.2 = visitor_events.user_id
            AND (ended.3 >= occurred_at OR NOT user_verified),
        (SELECT groupArray((visitor, user_id, ended_at)) FROM identity_ends FINAL
         WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}))) AS user_id,
    argMaxIf(toString(country), (occurred_at, position), country != '') AS country,
    argMaxIf(toString(device), (occurred_at, position), device != '') AS device,
    toUInt64(ifNull(money.1, 0)) AS orders,
    ifNull(money.2, 0) AS revenue_minor
FROM visitor_events
WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}
HAVING events > 0
