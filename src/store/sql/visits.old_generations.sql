-- Rows that no question uses any more: of generations that were replaced, or never finished.
--   table Identifier, before UInt64 (generations since then are left, Unix time in milliseconds)
SELECT site_id, toUInt32(day) AS day_number, generation
FROM (SELECT DISTINCT site_id, day, generation FROM {table:Identifier} WHERE generation < {before:UInt64}) AS stored
LEFT ANTI JOIN (SELECT site_id, day, generation FROM visit_days FINAL) AS used USING (site_id, day, generation)
ORDER BY site_id, day, generation
LIMIT 100
