-- Who is on the site now: on which page, from which source and country?
--   site UInt32, from_ms Int64 (where looking for the beginning of sessions starts), active_ms Int64 (who did something
--   since then is here), to_ms Int64, session_ms Int64
-- One row per fact and value: all ('', ''), page (path, title), source (channel, source), country (code, ''), each
-- with the number of visitors; the ten most frequent of each. A visitor has one page, the last viewed; one source, that
-- of the current session (see reports.sources); one country, the last known.
SELECT truth.1 AS fact, truth.2 AS value, truth.3 AS detail, count() AS visitors
FROM
(
    SELECT
        arrayLast(event -> event.5, session) AS viewed,
        arrayFirst(event -> event.6 NOT IN ('Internal', 'Direct'), session) AS arrival,
        arrayLast(event -> event.10 != '', session) AS located,
        arrayJoin([
            ('all', '', ''),
            ('page', viewed.8, viewed.9),
            ('source', if(arrival.6 = '', 'Direct', arrival.6), arrival.7),
            ('country', located.10, '')]) AS truth
    FROM
    (
        SELECT
            arraySplit(
                (event, before) -> event.1 - before.1 > {session_ms:Int64},
                arraySort(groupArray((
                    toUnixTimestamp64Milli(occurred_at), received_at, journal, position,
                    kind IN (2, 3), toString(channel), toString(source),
                    if(path = '', toString(name), path), title, toString(country)))) AS history,
                arrayPushFront(arrayPopBack(history), history[1]))[-1] AS session
        FROM events
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
          AND visitor IN
          (
              SELECT visitor FROM events
              WHERE site_id = {site:UInt32} AND robot = ''
                AND occurred_at >= fromUnixTimestamp64Milli({active_ms:Int64}, 'UTC')
                AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
          )
        GROUP BY visitor
    )
)
WHERE truth.1 != 'page' OR truth.2 != ''
GROUP BY truth
ORDER BY visitors DESC, value, detail
LIMIT 10 BY fact
