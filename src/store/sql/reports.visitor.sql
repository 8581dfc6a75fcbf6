-- Who is this visitor, in one line? Several visitors are one person's browsers.
--   site UInt32, visitors Array(String) (32 hexadecimal digits each), currency String
-- No row when there is none. Revenue is orders minus refunds in the site's currency.
SELECT
    toUnixTimestamp64Milli(min(occurred_at)) AS first_ms,
    toUnixTimestamp64Milli(max(occurred_at)) AS last_ms,
    count() AS events,
    countIf(kind IN (2, 3)) AS pageviews,
    argMaxIf(user_id, (occurred_at, position), user_id != '') AS user_id,
    argMaxIf(toString(country), (occurred_at, position), country != '') AS country,
    argMaxIf(toString(device), (occurred_at, position), device != '') AS device,
    countIf(action = 7) AS orders,
    ifNull((
        SELECT sum(if(action = 7, amount_minor, -amount_minor))
        FROM events
        WHERE site_id = {site:UInt32} AND visitor IN arrayMap(hex -> reinterpretAsUInt128(reverse(unhex(hex))), {visitors:Array(String)})
          AND robot = '' AND action IN (7, 8) AND currency = {currency:String}
    ), 0) AS revenue_minor
FROM visitor_events
WHERE site_id = {site:UInt32} AND visitor IN arrayMap(hex -> reinterpretAsUInt128(reverse(unhex(hex))), {visitors:Array(String)})
HAVING events > 0
