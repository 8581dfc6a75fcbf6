-- Counts the rows of a journal range in `events`, reads all their columns, and counts the rows with a copy in the
-- tables filled by views. The conditions are those of `visitor_events_view` and `exposures_view`.
--   journal UInt64, start UInt64, end UInt64 (exclusive)
SELECT
    count() AS rows, uniqExact(position) AS positions,
    countIf(visitor != 0 AND robot = '') AS visitors, countIf(exposure != '' AND robot = '') AS exposures,
    sum(cityHash64(*)) AS read
FROM events
WHERE journal = {journal:UInt64} AND position >= {start:UInt64} AND position < {end:UInt64}
