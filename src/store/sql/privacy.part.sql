-- Ends that a visitor belongs to a user; see migration 0069.
--   site UInt32, visitor UInt128, user String, at_ms Int64
INSERT INTO identity_ends (site_id, visitor, user_id, ended_at, version)
SELECT
    {site:UInt32}, {visitor:UInt128}, {user:String}, fromUnixTimestamp64Milli({at_ms:Int64}, 'UTC'), toUInt64({at_ms:Int64})
