-- Makes a generation of rows the one that is used for a day.
--   site UInt32, day UInt32 (days since 1970), generation UInt64, counted Array(UInt64), session_ms Int64, version UInt16
INSERT INTO visit_days (site_id, day, generation, counted, session_ms, version)
SELECT {site:UInt32}, toDate({day:UInt32}), {generation:UInt64}, {counted:Array(UInt64)}, {session_ms:Int64}, {version:UInt16}
