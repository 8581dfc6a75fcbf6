-- Counts the events of a day by visitor and quarter of an hour.
--   site UInt32, day UInt32 (days since 1970), generation UInt64
INSERT INTO visitor_quarters (site_id, day, generation, quarter, visitor, events, pageviews)
SELECT
    {site:UInt32}, toDate({day:UInt32}), {generation:UInt64},
    toUInt8(intDiv(toUnixTimestamp64Milli(occurred_at) - toInt64({day:UInt32}) * 86400000, 900000)) AS quarter_of_day,
    visitor, count(), countIf(kind IN (2, 3))
FROM events
WHERE site_id = {site:UInt32} AND robot = ''
  AND occurred_at >= fromUnixTimestamp64Milli(toInt64({day:UInt32}) * 86400000, 'UTC')
  AND occurred_at < fromUnixTimestamp64Milli(toInt64({day:UInt32}) * 86400000 + 86400000, 'UTC')
GROUP BY visitor, quarter_of_day
