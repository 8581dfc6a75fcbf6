-- Whether there is a database. Parameter: its name.
SELECT count()
FROM system.databases
WHERE name = {database:String}
