-- Starts to remove a visitor's rows from a table, in the background.
--   table Identifier, site UInt32, visitor UInt128
ALTER TABLE {table:Identifier}
DELETE WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}
SETTINGS mutations_sync = 0
