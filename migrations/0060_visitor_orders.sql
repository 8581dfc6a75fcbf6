-- A profile counts each order once, whoever reports it, and lets a refund take no more than its order. Rows from before
-- have no order id; each of them counts.
ALTER TABLE visitor_events
    ADD COLUMN IF NOT EXISTS order_id String,
    ADD COLUMN IF NOT EXISTS refunds_whole_order Bool,
    ADD COLUMN IF NOT EXISTS by_server_key Bool;
ALTER TABLE visitor_events_view MODIFY QUERY
SELECT
    site_id, visitor, occurred_at, journal, position, kind, action, name, session_start,
    items, item_prices, item_quantities, category, amount_minor, currency, user_id, user_verified, path,
    channel, source, campaign, country, device,
    if(action IN (10, 11), JSONExtractString(properties, 'slot'), '') AS slot,
    if(kind = 4 AND length(properties) <= 4096, properties, '') AS traits,
    order_id,
    toBool(action = 8 AND amount_minor = 0 AND NOT arrayExists(
        violation -> match(violation, '^(revenue|total|value|amount|price)'), violations)) AS refunds_whole_order,
    by_server_key
FROM events
WHERE visitor != 0 AND robot = '';
