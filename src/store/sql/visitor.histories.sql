-- The newest events of some visitors: a visitor's together, oldest first.
--   site UInt32, visitors Array(UInt128), since Int64 (milliseconds, inclusive), limit UInt64 (events of a visitor)
SELECT
    visitor, journal, position, toUnixTimestamp64Milli(occurred_at) AS at, kind, action, toString(name) AS name_text,
    toUnixTimestamp64Milli(session_start) AS session, items, item_prices, item_quantities,
    toString(category) AS category_text, amount_minor, toString(currency) AS currency_text,
    order_id, refunds_whole_order, by_server_key, user_id, user_verified, path,
    toString(channel) AS channel_text, toString(source) AS source_text, toString(campaign) AS campaign_text,
    toString(country) AS country_text, toString(device) AS device_text, toString(slot) AS slot_text, traits
FROM
(
    -- What was said of a user from whom a visitor was parted is left out, as in fragment.people.
    SELECT * REPLACE (
        if(is_parted, '', user_id) AS user_id,
        toBool(user_verified AND NOT is_parted) AS user_verified,
        if(is_parted, '', traits) AS traits)
    FROM
    (
        SELECT
            *,
            arrayExists(
                ended -> ended.1 = visitor AND ended.2 = user_id AND (ended.3 >= occurred_at OR NOT user_verified),
                (SELECT groupArray((visitor, user_id, ended_at)) FROM identity_ends FINAL
                 WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)})) AS is_parted
        FROM visitor_events
        WHERE site_id = {site:UInt32}
          AND visitor IN {visitors:Array(UInt128)}
          AND occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
        ORDER BY visitor, occurred_at DESC, position DESC
        LIMIT {limit:UInt64} BY visitor
    )
)
ORDER BY visitor, at, position
