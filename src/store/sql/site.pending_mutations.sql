-- Number of pending removals of a site's rows from a table.
--   table String, site UInt32
SELECT count()
FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done
  AND match(command, concat('site_id = ', toString({site:UInt32}), '\\D*$'))
