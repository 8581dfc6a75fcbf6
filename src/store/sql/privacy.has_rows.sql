-- Whether a table has rows of a visitor.
--   table Identifier, site UInt32, visitor UInt128
SELECT 1
FROM {table:Identifier}
WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}
LIMIT 1
