-- Makes reports read the events of days instead of what was counted of them; returns when it is done.
--   site UInt32, from_ms/to_ms Int64 (of the first and the last day)
ALTER TABLE visit_days
DELETE WHERE site_id = {site:UInt32}
    AND day BETWEEN toDate(fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')) AND toDate(fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC'))
SETTINGS mutations_sync = 1
