-- Tables with rows of sites by time, whatever created them, with the column that says when a row's event occurred; of
-- identities, when it was seen last.
SELECT
    table,
    argMin(name, transform(name,
        ['occurred_at', 'session_start', 'started_at', 'hour', 'day', 'date', 'last_at', 'at'], [1, 2, 3, 4, 5, 6, 7, 8], 9)) AS time,
    toUInt8(any(has_name)) AS has_name,
    toUInt8(any(has_position)) AS has_position
FROM
(
    SELECT
        table, name, type,
        max(name = 'name') OVER (PARTITION BY table) AS has_name,
        max(name = 'position') OVER (PARTITION BY table) AS has_position,
        max(name = 'site_id') OVER (PARTITION BY table) AS has_site
    FROM system.columns
    WHERE database = currentDatabase()
)
WHERE has_site
  AND name IN ('occurred_at', 'session_start', 'started_at', 'hour', 'day', 'date', 'last_at', 'at')
  AND match(type, 'Date')
  -- How many events were inserted remains true; it says which days have any.
  AND table NOT IN ('event_days', 'visit_days')
  AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')
GROUP BY table
ORDER BY table
