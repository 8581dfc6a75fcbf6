-- The highest number of a site that has events.
SELECT max(site_id) FROM events
