-- Number of a site's events before a time.
--   site UInt32, before_ms Int64, is_named Bool, name String
SELECT count()
FROM events
WHERE site_id = {site:UInt32} AND occurred_at < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
  AND (NOT {is_named:Bool} OR name = {name:String})
