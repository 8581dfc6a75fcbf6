-- Which tables hold rows of visitors? Those with columns for site and visitor, whoever made them.
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
  AND name IN (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'site_id')
  AND name IN (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'visitor')
ORDER BY name
