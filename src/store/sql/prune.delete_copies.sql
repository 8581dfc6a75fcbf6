-- The same for a table that knows its events by their positions only.
--   table Identifier, time Identifier, site UInt32, before_ms Int64, name String
ALTER TABLE {table:Identifier}
DELETE WHERE site_id = {site:UInt32} AND {time:Identifier} < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
    AND (journal, position) IN (
        SELECT journal, position
        FROM events
        WHERE site_id = {site:UInt32} AND occurred_at < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
          AND name = {name:String})
SETTINGS mutations_sync = 0
