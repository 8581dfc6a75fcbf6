-- Parts written within the last seconds, newest first.
--   seconds Int64
SELECT table, name, rows, level
FROM system.parts
WHERE active AND database = currentDatabase() AND dateDiff('second', modification_time, now()) <= {seconds:Int64}
ORDER BY modification_time DESC
