-- Whether the warehouse has the record at one place of a journal.
-- site, at (milliseconds) and visitor find it by the table's order; journal and position name it.
SELECT count()
FROM events
WHERE site_id = {site:UInt32}
  AND occurred_at = fromUnixTimestamp64Milli({at:Int64}, 'UTC')
  AND toDate(occurred_at) = toDate(fromUnixTimestamp64Milli({at:Int64}, 'UTC'))
  AND visitor = {visitor:UInt128}
  AND journal = {journal:UInt64}
  AND position = {position:UInt64}
