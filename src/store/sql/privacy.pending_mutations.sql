-- Pending erasures of a visitor in a table.
--   table String, site String, visitor String: the numbers as they appear in the statement
SELECT latest_fail_reason
FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done AND NOT is_killed
  AND command LIKE '%DELETE WHERE%' AND position(command, {site:String}) > 0 AND position(command, {visitor:String}) > 0
