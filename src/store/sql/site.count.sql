-- How many rows of a site does a table hold?
--   table Identifier, site UInt32
SELECT count()
FROM {table:Identifier}
WHERE site_id = {site:UInt32}
