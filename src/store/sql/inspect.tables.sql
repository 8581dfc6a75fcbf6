-- Tables and views of a database. Parameter: its name.
SELECT name
FROM system.tables
WHERE database = {database:String}
