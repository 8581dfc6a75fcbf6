-- The same for rows of one event name.
--   table Identifier, time Identifier, site UInt32, before_ms Int64, name String
ALTER TABLE {table:Identifier}
DELETE WHERE site_id = {site:UInt32} AND {time:Identifier} < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    AND name = {name:String}
SETTINGS mutations_sync = 0
