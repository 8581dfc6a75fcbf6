-- Parts of a table with the hash of their files; merged ones stay for some minutes.
--   table String
SELECT name, rows, hash_of_all_files AS hash, active AS is_active
FROM system.parts
WHERE database = currentDatabase() AND table = {table:String}
ORDER BY partition_id, min_block_number, max_block_number
