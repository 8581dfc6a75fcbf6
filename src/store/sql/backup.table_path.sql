-- Directory of a table.
--   table String
SELECT data_paths[1]
FROM system.tables
WHERE database = currentDatabase() AND name = {table:String}
