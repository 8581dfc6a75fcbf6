-- The newest events of one visitor that rules mention, oldest first, with what rules may ask of them.
--   site UInt32, visitor UInt128, names Array(String), pages UInt8 (page and screen views too), limit UInt64
-- Events are stored by day, then by visitor: only the visitor's days are read.
SELECT
    journal, position, toUnixTimestamp64Milli(occurred_at) AS at, kind, action, toString(name) AS name_text, order_id,
    by_server_key, toString(currency) AS currency_text, properties, items, path, toString(host) AS host_text, title,
    toString(referrer_host) AS referrer_text, toString(channel) AS channel_text, toString(source) AS source_text,
    toString(medium) AS medium_text, toString(campaign) AS campaign_text, toString(device) AS device_text,
    toString(os) AS os_text, toString(browser) AS browser_text, toString(country) AS country_text,
    toString(city) AS city_text, toString(language) AS language_text, toString(category) AS category_text, user_id
FROM
(
    SELECT *
    FROM events
    WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128} AND robot = ''
      AND toDate(occurred_at) IN (
          SELECT DISTINCT toDate(occurred_at) FROM visitor_events
          WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128})
      AND (has({names:Array(String)}, toString(name)) OR ({pages:UInt8} AND kind IN (2, 3)))
    ORDER BY occurred_at DESC, position DESC
    LIMIT {limit:UInt64}
)
ORDER BY at, position
