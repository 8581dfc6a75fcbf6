-- Which parts were written within the last seconds, newest first?
--   seconds UInt64
SELECT table, name, rows, level
FROM system.parts
WHERE active AND database = currentDatabase() AND modification_time >= now() - {seconds:UInt64}
ORDER BY modification_time DESC
