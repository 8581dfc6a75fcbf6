-- Removes a journal range from parts that contain other rows too; returns when it is done.
--   table Identifier, journal UInt64, start UInt64, end UInt64 (exclusive)
DELETE FROM {table:Identifier}
WHERE journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
SETTINGS lightweight_deletes_sync = 2
