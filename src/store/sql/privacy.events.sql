-- All stored data of a visitor, one JSON object per event, oldest first.
--   site UInt32, visitor UInt128, limit UInt64
SELECT formatRowNoNewline('JSONEachRow', *) AS event
FROM
(
    SELECT *
    FROM events
    WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128}
    ORDER BY occurred_at, received_at, journal, position
    LIMIT {limit:UInt64}
)
