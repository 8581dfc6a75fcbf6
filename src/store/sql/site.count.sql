-- Number of rows of a site in a table.
--   table Identifier, site UInt32
SELECT count()
FROM {table:Identifier}
WHERE site_id = {site:UInt32}
