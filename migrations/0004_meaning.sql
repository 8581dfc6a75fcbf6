-- What else an address tells of a campaign (utm_id, utm_source_platform, utm_creative_format,
-- utm_marketing_tactic), and what of the site's schema an event does not keep to.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS marks Map(LowCardinality(String), String),
    ADD COLUMN IF NOT EXISTS violations Array(LowCardinality(String));

-- A profile adds up money of several currencies; '' is of before this was kept, and the site's own.
ALTER TABLE visitor_events ADD COLUMN IF NOT EXISTS currency LowCardinality(String) AFTER amount_minor;

ALTER TABLE visitor_events_view MODIFY QUERY
SELECT
    site_id, visitor, occurred_at, journal, position, kind, action, name, session_start,
    items, item_prices, item_quantities, category, amount_minor, currency, user_id, user_verified, path,
    channel, source, campaign, country, device,
    if(action IN (10, 11), JSONExtractString(properties, 'slot'), '') AS slot,
    if(kind = 4 AND length(properties) <= 4096, properties, '') AS traits
FROM events
WHERE visitor != 0 AND robot = '';
