-- Number of visitors of a period, by interval and in total, that are additional browsers of users already counted.
--   site UInt32, from_ms/to_ms Int64, interval String, timezone String
-- One row per interval, and one with is_total = 1. A visitor belongs to the user it was last identified with, verified
-- identifications first; aliases of a user id are followed up to three times.
WITH
    renamed AS
    (
        SELECT previous_id, argMax(user_id, (at, user_id)) AS now
        FROM aliases WHERE site_id = {site:UInt32} GROUP BY previous_id
    ),
    said AS
    (
        SELECT visitor, argMax(user_id, (proved, last, user_id)) AS user
        FROM
        (
            SELECT visitor, user_id, max(verified) AS proved, max(last_at) AS last
            FROM identities WHERE site_id = {site:UInt32} GROUP BY visitor, user_id
        )
        GROUP BY visitor
    ),
    people AS
    (
        SELECT said.visitor AS visitor, multiIf(c.now != '', c.now, b.now != '', b.now, a.now != '', a.now, said.user) AS person
        FROM said
        LEFT JOIN renamed AS a ON said.user = a.previous_id
        LEFT JOIN renamed AS b ON a.now = b.previous_id
        LEFT JOIN renamed AS c ON b.now = c.previous_id
    ),
    several AS
    (
        SELECT visitor, person FROM people
        WHERE person IN (SELECT person FROM people GROUP BY person HAVING count() > 1)
    )
SELECT
    toInt64(toUnixTimestamp(toDateTime(dateTrunc({interval:String}, occurred_at, {timezone:String}), {timezone:String}))) * 1000 AS bucket_ms,
    toUInt8(grouping(bucket_ms)) AS is_total,
    toUInt64(uniqExact(visitor) - uniqExact(person)) AS further
FROM
(
    SELECT occurred_at, visitor
    FROM events
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor IN (SELECT visitor FROM several)
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
) AS seen
INNER JOIN several USING (visitor)
GROUP BY GROUPING SETS ((bucket_ms), ())
ORDER BY is_total, bucket_ms
