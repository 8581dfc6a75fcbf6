-- Removals of rows that are not finished, with the error of those that fail.
SELECT latest_fail_reason
FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done AND NOT is_killed AND command LIKE '%DELETE WHERE%'
