-- Removes the rows of a generation, in the background.
--   table Identifier, site UInt32, day UInt32 (days since 1970), generation UInt64
DELETE FROM {table:Identifier}
WHERE site_id = {site:UInt32} AND day = toDate({day:UInt32}) AND generation = {generation:UInt64}
SETTINGS lightweight_deletes_sync = 0
