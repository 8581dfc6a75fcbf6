-- The people seen since a time, last seen first.
--   site UInt32, from_ms Int64, before_ms Int64 and before UInt128 (only those after this place in the list), limit UInt32
-- $PEOPLE, $WHO, $JOIN: as in reports.sources.
WITH
$PEOPLE
    seen AS
    (
        SELECT visitor, max(occurred_at) AS last
        FROM events
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
        GROUP BY visitor
    )
SELECT $WHO AS who, toUnixTimestamp64Milli(max(last)) AS last_ms
FROM seen
$JOIN
GROUP BY who
HAVING (last_ms, who) < ({before_ms:Int64}, {before:UInt128})
ORDER BY last_ms DESC, who DESC
LIMIT {limit:UInt32}
