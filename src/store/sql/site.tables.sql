-- Tables with rows of sites: all with a column for the site, whatever created them.
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
  AND name IN (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'site_id')
ORDER BY name
