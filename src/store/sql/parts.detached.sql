-- Parts that the engine detached because it could not use them.
SELECT table, name, assumeNotNull(reason) AS reason, bytes_on_disk, path
FROM system.detached_parts
WHERE database = currentDatabase() AND ifNull(reason, '') NOT IN ('', 'ignored', 'attaching', 'deleting', 'tmp-fetch')
ORDER BY table, name
LIMIT 10000
