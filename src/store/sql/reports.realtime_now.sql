-- Active visitors: total, and by page, source and country.
--   site UInt32, from_ms Int64 (start of the events that are read), active_ms Int64 (visitors with an event since then
--   are active), to_ms Int64
-- One row per fact and value: all ('', ''), page (path, title), source (channel, source), country (code, ''), each with
-- its number of visitors; the ten most frequent of each. Every visitor has one page, the last viewed; one source, the
-- first outside channel Internal, else Direct; one country.
SELECT truth.1 AS fact, truth.2 AS value, truth.3 AS detail, count() AS visitors
FROM
(
    SELECT
        argMaxIf((if(path = '', toString(name), path), title), (occurred_at, received_at, position), kind IN (2, 3)) AS page,
        argMinIf((toString(channel), toString(source)), (occurred_at, received_at, position), channel != 'Internal') AS arrival,
        argMaxIf(toString(country), (occurred_at, received_at, position), country != '') AS place,
        arrayJoin([
            ('all', '', ''),
            ('page', page.1, page.2),
            ('source', if(arrival.1 = '', 'Direct', arrival.1), arrival.2),
            ('country', place, '')]) AS truth
    FROM events
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY visitor
    HAVING max(occurred_at) >= fromUnixTimestamp64Milli({active_ms:Int64}, 'UTC')
)
WHERE truth.1 != 'page' OR truth.2 != ''
GROUP BY truth
ORDER BY visitors DESC, value, detail
LIMIT 10 BY fact
