-- Tables with copies of events by journal position.
SELECT table
FROM system.columns
WHERE database = currentDatabase() AND name IN ('journal', 'position')
  AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')
GROUP BY table
HAVING count() = 2
ORDER BY table
