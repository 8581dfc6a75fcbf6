-- Whether a database exists.
--   database String
SELECT count()
FROM system.databases
WHERE name = {database:String}
