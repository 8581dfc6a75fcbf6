-- Parts with rows of a journal range, and whether each contains nothing else.
--   table Identifier, table_name String, journal UInt64, start UInt64, end UInt64 (exclusive)
SELECT part, ours = rows AS alone
FROM
(
    SELECT _part AS part, count() AS ours
    FROM {table:Identifier}
    WHERE journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
    GROUP BY _part
) AS found
INNER JOIN
(
    SELECT name, rows FROM system.parts
    WHERE active AND database = currentDatabase() AND table = {table_name:String}
) AS parts ON parts.name = found.part
