-- Every event of a site's people, a person's and within it a visitor's together, oldest first.
--   site UInt32, after UInt128 (people up to this one are left out), names Array(String) and page_views UInt8 (events
--   whose properties are needed)
-- $PEOPLE, $WHO, $JOIN join the visitors of one person.
WITH
$PEOPLE
    {site:UInt32} AS site
SELECT
    $WHO AS who, visitor, journal, position, toUnixTimestamp64Milli(occurred_at) AS at, kind, action,
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
    if(kind = 4, if(length(properties) <= 4096, properties, ''),
       if(name IN {names:Array(String)} OR ({page_views:UInt8} = 1 AND kind IN (2, 3)), properties, '')) AS needed
FROM events
$JOIN
WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND who > {after:UInt128}
ORDER BY who, visitor, occurred_at, received_at, position
