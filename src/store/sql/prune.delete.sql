-- Starts to remove a site's rows before a time from a table, in the background.
--   table Identifier, time Identifier, site UInt32, before_ms Int64
ALTER TABLE {table:Identifier}
DELETE WHERE site_id = {site:UInt32} AND {time:Identifier} < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
SETTINGS mutations_sync = 0
