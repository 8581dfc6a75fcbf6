-- What does `events` hold of a range of the journal, every column of it read? And how many of its rows have a copy in the
-- tables that views fill: the conditions are the views' own (`visitor_events_view`, `exposures_view`).
--   journal UInt64, start UInt64, end UInt64 (exclusive)
SELECT
    count() AS rows, uniqExact(position) AS positions,
    countIf(visitor != 0 AND robot = '') AS visitors, countIf(exposure != '' AND robot = '') AS exposures,
    sum(cityHash64(*)) AS read
FROM events
WHERE journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
