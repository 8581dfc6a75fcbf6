-- Starts to remove the rows of visitors before a time from a table, in the background.
--   table Identifier, time Identifier, site UInt32, visitors Array(UInt128), before_ms Int64
ALTER TABLE {table:Identifier}
DELETE WHERE site_id = {site:UInt32} AND visitor IN {visitors:Array(UInt128)}
    AND {time:Identifier} < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
SETTINGS mutations_sync = 0
