-- Names of the tables and views of a database.
--   database String
SELECT name
FROM system.tables
WHERE database = {database:String}
