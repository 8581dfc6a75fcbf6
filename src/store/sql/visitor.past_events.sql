-- The newest events of some visitors that rules mention, a visitor's together, oldest first, with what rules may ask of
-- them: the columns of segments.histories.
--   site UInt32, visitors Array(UInt128), names Array(String), page_views UInt8 (page and screen views too), limit UInt64
--   (events of a visitor)
-- Events are stored by day, then by visitor: only the visitors' days are read.
SELECT
    visitor AS who, visitor, journal, position, toUnixTimestamp64Milli(occurred_at) AS at, kind, action,
    toString(name) AS name_text,
    toUnixTimestamp64Milli(session_start) AS session, items, item_prices, item_quantities,
    toString(category) AS category_text, amount_minor, toString(currency) AS currency_text, order_id,
    toBool(action = 8 AND amount_minor = 0 AND NOT arrayExists(
        violation -> match(violation, '^(revenue|total|value|amount|price)'), violations)) AS refunds_whole_order,
    by_server_key,
    user_id, user_verified, toString(host) AS host_text, path, title,
    toString(channel) AS channel_text, toString(source) AS source_text, toString(medium) AS medium_text,
    toString(campaign) AS campaign_text, toString(referrer_host) AS referrer_text,
    toString(country) AS country_text, toString(city) AS city_text, toString(device) AS device_text,
    toString(os) AS os_text, toString(browser) AS browser_text, toString(language) AS language_text,
    if(kind = 4 AND length(properties) > 4096, '', properties) AS needed
FROM
(
    SELECT *
    FROM events
    WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)} AND robot = ''
      AND toDate(occurred_at) IN (
          SELECT DISTINCT toDate(occurred_at) FROM visitor_events
          WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)})
      AND (has({names:Array(String)}, toString(name)) OR ({page_views:UInt8} AND kind IN (2, 3)))
    ORDER BY visitor, occurred_at DESC, position DESC
    LIMIT {limit:UInt64} BY visitor
)
ORDER BY visitor, at, position
