-- Which parts hold a stretch of the journal twice: those of one partition with the same rows and positions.
-- The newest of each stays; the answer names the others. Parts with other rows in them are left out.
-- Parameters: table, journal, start, end (exclusive).
SELECT part
FROM
(
    SELECT
        part, partition_id, rows_of_stretch, lowest, highest,
        max(block) OVER (PARTITION BY partition_id, rows_of_stretch, lowest, highest) AS newest,
        block
    FROM
    (
        SELECT
            _part AS part, _partition_id AS partition_id, count() AS rows_of_stretch,
            min(position) AS lowest, max(position) AS highest,
            toUInt64(splitByChar('_', _part)[-2]) AS block
        FROM {table:Identifier}
        WHERE journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
        GROUP BY _part, _partition_id
    ) AS found
    INNER JOIN
    (
        SELECT name, rows FROM system.parts
        WHERE active AND database = currentDatabase() AND table = {table:String}
    ) AS parts ON parts.name = found.part AND parts.rows = found.rows_of_stretch
)
WHERE block < newest
