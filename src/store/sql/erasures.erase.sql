-- Starts to remove the rows of visitors from a table, in the background.
--   table Identifier, site UInt32, visitors Array(UInt128)
ALTER TABLE {table:Identifier}
DELETE WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}
SETTINGS mutations_sync = 0
