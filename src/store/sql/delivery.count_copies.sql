-- Counts the rows of a journal range in a table filled by a view, and reads all their columns.
--   table Identifier, journal UInt64, start UInt64, end UInt64 (exclusive)
SELECT count() AS rows, uniqExact(position) AS positions, sum(cityHash64(*)) AS read
FROM {table:Identifier}
WHERE journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
