-- Number of rows of one journal position in a table.
--   table Identifier, journal UInt64, position UInt64
SELECT count()
FROM {table:Identifier}
WHERE journal = {journal:UInt64} AND position = {position:UInt64}
