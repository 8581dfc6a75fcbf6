-- What does a table that a view fills hold of a range of the journal, every column of it read?
--   table Identifier, journal UInt64, start UInt64, end UInt64 (exclusive)
SELECT count() AS rows, uniqExact(position) AS positions, sum(cityHash64(*)) AS read
FROM {table:Identifier}
WHERE journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
