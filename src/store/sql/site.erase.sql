-- Starts to remove the rows of a site from a table, in the background.
--   table Identifier, site UInt32
ALTER TABLE {table:Identifier} DELETE WHERE site_id = {site:UInt32} SETTINGS mutations_sync = 0
