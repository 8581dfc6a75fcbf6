-- The days with events whose rows in `visits` and `visitor_quarters` are missing or not current, the latest first, with
-- the number of events of the day before, of the day and of the day after.
--   site UInt32, to_day UInt32 (days since 1970, inclusive), session_ms Int64, version UInt16, before UInt64 (rows made
--   since then, Unix time in milliseconds, are left for later), limit UInt32
WITH
    (
        SELECT (groupArray(day), groupArray(events))
        FROM (SELECT day, sum(events) AS events FROM event_days WHERE site_id = {site:UInt32} GROUP BY day)
    ) AS counts
SELECT
    toUInt32(day) AS day_number,
    arrayMap(each -> counts.2[indexOf(counts.1, each)], [day - 1, day, day + 1]) AS counted_now
FROM (SELECT arrayJoin(counts.1) AS day) AS days
LEFT JOIN
(
    SELECT day, generation, counted, session_ms, version FROM visit_days FINAL WHERE site_id = {site:UInt32}
) AS stored USING (day)
WHERE day <= toDate({to_day:UInt32})
  AND (counted_now != counted OR session_ms != {session_ms:Int64} OR version != {version:UInt16})
  AND (generation < {before:UInt64} OR session_ms != {session_ms:Int64} OR version != {version:UInt16})
ORDER BY day DESC
LIMIT {limit:UInt32}
