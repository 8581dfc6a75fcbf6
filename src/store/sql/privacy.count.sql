-- Number of stored events of a visitor.
--   site UInt32, visitor UInt128
SELECT count()
FROM events
WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}
