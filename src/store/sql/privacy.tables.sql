-- Tables with rows of visitors: all with columns for site and visitor, whatever created them.
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
  AND name IN (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'site_id')
  AND name IN (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'visitor')
ORDER BY name
