-- Which pages were viewed in a period?
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, search String ('' for all), limit UInt32
-- $PEOPLE, $WHO, $JOIN: as in reports.sources. A page is its path; a screen of an app, which has none, is its name. The
-- title is the latest one. Entries and exits count the sessions (see reports.overview_sessions) that began in the period
-- and whose first and last page view it was. Arabic and Persian forms of one letter are the same in a search.
-- `total` on every row counts the pages found before the limit.
WITH
$PEOPLE
    replaceAll(replaceAll(replaceAll({search:String}, 'ي', 'ی'), 'ى', 'ی'), 'ك', 'ک') AS searched
SELECT path, title, pageviews, visitors, entries, exits, count() OVER () AS total
FROM
(
    SELECT
        if(path = '', toString(name), path) AS path,
        argMaxIf(title, occurred_at, title != '') AS title,
        count() AS pageviews,
        uniqExactIf($WHO, visitor != 0) AS visitors
    FROM events
    $JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND kind IN (2, 3)
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY path
) AS views
LEFT JOIN
(
    SELECT end.1 AS path, sum(end.2) AS entries, sum(end.3) AS exits
    FROM
    (
        SELECT
            arrayFilter(event -> event.5, session) AS seen,
            arrayJoin(if(empty(seen), [], [(seen[1].6, 1, 0), (seen[-1].6, 0, 1)])) AS end
        FROM
        (
            SELECT
                arrayJoin(arraySplit(
                    (event, before) -> event.1 - before.1 > {session_ms:Int64},
                    arraySort(groupArray((
                        toUnixTimestamp64Milli(occurred_at), received_at, journal, position, kind IN (2, 3),
                        multiIf(kind NOT IN (2, 3), '', path = '', toString(name), path)))) AS history,
                    arrayPushFront(arrayPopBack(history), history[1]))) AS session
            FROM events
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
              AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64} - 86400000, 'UTC')
              AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64} + 86400000, 'UTC')
            GROUP BY visitor
        )
        WHERE session[1].1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1
    )
    GROUP BY path
) AS ends USING (path)
WHERE searched = ''
   OR positionCaseInsensitiveUTF8(replaceAll(replaceAll(replaceAll(path, 'ي', 'ی'), 'ى', 'ی'), 'ك', 'ک'), searched) > 0
   OR positionCaseInsensitiveUTF8(replaceAll(replaceAll(replaceAll(title, 'ي', 'ی'), 'ى', 'ی'), 'ك', 'ک'), searched) > 0
ORDER BY pageviews DESC, path
LIMIT {limit:UInt32}
