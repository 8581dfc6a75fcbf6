-- The events of people for whom a rule may hold, a person's and within it a visitor's together, oldest first.
--   site UInt32, names Array(String) and page_views UInt8 (the events that the rule mentions), all_events UInt8 (whether
--   others are read too; else those since since_ms Int64, and orders of any age), columns Array(String) (those that it
--   mentions of an event)
-- $CANDIDATES, $IS_CANDIDATE: segments.candidates and the condition that uses it, or nothing; $PEOPLE, $WHO, $JOIN join the
-- visitors of one person. A condition on constants leaves the column unread.
WITH
$PEOPLE
$CANDIDATES
    {site:UInt32} AS site
SELECT
    $WHO AS who, visitor, journal, position, toUnixTimestamp64Milli(occurred_at) AS at, kind, action,
    toString(name) AS name_text,
    toUnixTimestamp64Milli(session_start) AS session, items, item_prices, item_quantities,
    toString(category) AS category_text, amount_minor, toString(currency) AS currency_text, order_id,
    toBool(action = 8 AND amount_minor = 0 AND NOT arrayExists(
        violation -> match(violation, '^(revenue|total|value|amount|price)'), violations)) AS refunds_whole_order,
    by_server_key, user_id, user_verified,
    if(has({columns:Array(String)}, 'host'), toString(host), '') AS host_text, path,
    if(has({columns:Array(String)}, 'title'), title, '') AS title,
    toString(channel) AS channel_text, toString(source) AS source_text,
    if(has({columns:Array(String)}, 'medium'), toString(medium), '') AS medium_text,
    toString(campaign) AS campaign_text,
    if(has({columns:Array(String)}, 'referrer_host'), toString(referrer_host), '') AS referrer_text,
    toString(country) AS country_text,
    if(has({columns:Array(String)}, 'city'), toString(city), '') AS city_text,
    toString(device) AS device_text,
    if(has({columns:Array(String)}, 'os'), toString(os), '') AS os_text,
    if(has({columns:Array(String)}, 'browser'), toString(browser), '') AS browser_text,
    if(has({columns:Array(String)}, 'language'), toString(language), '') AS language_text,
    if(kind = 4, if(length(properties) <= 4096, properties, ''),
       if(name IN {names:Array(String)} OR ({page_views:UInt8} = 1 AND kind IN (2, 3)), properties, '')) AS needed
FROM events
$JOIN
WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
  AND ({all_events:UInt8} = 1 OR
       ((name IN {names:Array(String)} OR ({page_views:UInt8} = 1 AND kind IN (2, 3)))
        AND (action = 7 OR occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC'))))
  $IS_CANDIDATE
ORDER BY who, visitor, occurred_at, received_at, position
