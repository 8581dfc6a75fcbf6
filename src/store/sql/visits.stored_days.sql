-- The days whose rows in `visits` and `visitor_quarters` are current, and the generation of these rows; 0 for days without
-- any event, which have no rows.
--   site UInt32, from_day/to_day UInt32 (days since 1970, inclusive), session_ms Int64, version UInt16
WITH
    (
        SELECT (groupArray(day), groupArray(events))
        FROM
        (
            SELECT day, sum(events) AS events
            FROM event_days
            WHERE site_id = {site:UInt32} AND day BETWEEN toDate({from_day:UInt32}) - 1 AND toDate({to_day:UInt32}) + 1
            GROUP BY day
        )
    ) AS counts
SELECT toUInt32(day) AS day_number, generation
FROM (SELECT toDate(arrayJoin(range({from_day:UInt32}, {to_day:UInt32} + 1))) AS day) AS days
LEFT JOIN
(
    SELECT day, generation, counted
    FROM visit_days FINAL
    WHERE site_id = {site:UInt32} AND day BETWEEN toDate({from_day:UInt32}) AND toDate({to_day:UInt32})
      AND session_ms = {session_ms:Int64} AND version = {version:UInt16}
) AS stored USING (day)
WHERE if(has(counts.1, day), counted = arrayMap(each -> counts.2[indexOf(counts.1, each)], [day - 1, day, day + 1]), generation = 0)
ORDER BY day
