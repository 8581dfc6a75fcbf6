-- Page views of a period by page.
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, search String ('' for all), limit UInt32
-- A page is identified by its path; app screens without a path by their name. The title is the latest one. Entries and
-- exits are sessions (see reports.overview_sessions) with this page as their first or last page view. `total` on every
-- row is the number of pages before the limit.
SELECT path, title, pageviews, visitors, entries, exits, count() OVER () AS total
FROM
(
    SELECT
        if(path = '', toString(name), path) AS path,
        argMaxIf(title, occurred_at, title != '') AS title,
        count() AS pageviews,
        uniqExactIf(visitor, visitor != 0) AS visitors
    FROM events
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
            arrayFilter(event -> event.5, arrayJoin(arraySplit(
                (event, before) -> event.1 - before.1 > {session_ms:Int64},
                history,
                arrayPushFront(arrayPopBack(history), history[1])))) AS seen,
            arrayJoin(if(empty(seen), [], [(seen[1].6, 1, 0), (seen[-1].6, 0, 1)])) AS end
        FROM
        (
            SELECT arraySort(groupArray((
                toUnixTimestamp64Milli(occurred_at), received_at, journal, position, kind IN (2, 3),
                multiIf(kind NOT IN (2, 3), '', path = '', toString(name), path)))) AS history
            FROM events
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
              AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
              AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
            GROUP BY visitor
        )
    )
    GROUP BY path
) AS ends USING (path)
WHERE {search:String} = ''
   OR positionCaseInsensitiveUTF8(path, {search:String}) > 0
   OR positionCaseInsensitiveUTF8(title, {search:String}) > 0
ORDER BY pageviews DESC, path
LIMIT {limit:UInt32}
