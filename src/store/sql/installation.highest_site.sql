-- The highest site id that has events.
SELECT max(site_id) FROM events
