-- Which pages were viewed in a period?
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, search String ('' for all), limit UInt32
-- $PEOPLE, $WHO, $JOIN: as in reports.sources. A page is its path; a screen of an app, which has none, is its name. The
-- title is the latest one. Entries and exits count the sessions (see reports.overview_sessions) that began in the period
-- and whose first and last page view it was. Arabic and Persian forms of one letter are the same in a search.
-- With filters the kept page views count, and the sessions that have a kept event; $VISITS, $VISIT_JOIN, $FILTER_JOIN,
-- $IF_FILTERED, $IF_STORED, raw_from_ms/raw_to_ms: see store::filters. `total` on every row counts the pages found before the limit.
WITH
$PEOPLE
$VISITS
    replaceAll(replaceAll(replaceAll({search:String}, 'ي', 'ی'), 'ى', 'ی'), 'ك', 'ک') AS searched
SELECT page_path AS path, page_title AS title, pageviews, visitors, entries, exits, count() OVER () AS total
FROM
(
    SELECT
        if(path = '', toString(name), path) AS page_path,
        argMaxIf(title, occurred_at, title != '') AS page_title,
        count() AS pageviews,
        uniqExactIf($WHO, visitor != 0) AS visitors
    FROM events
    $JOIN
    $VISIT_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND kind IN (2, 3) $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY page_path
) AS views
LEFT JOIN
(
    SELECT end.1 AS page_path, sum(end.2) AS entries, sum(end.3) AS exits
    FROM
    (
        WITH arrayFilter(event -> event.5, session) AS seen
        SELECT
            arrayJoin(if(empty(seen), [], [(seen[1].6, 1, 0), (seen[-1].6, 0, 1)])) AS end
        FROM
        (
            SELECT
                arrayJoin(arraySplit(
                    (event, before) -> event.1 - before.1 > {session_ms:Int64},
                    arraySort(groupArray((
                        toUnixTimestamp64Milli(occurred_at), received_at, journal, position, kind IN (2, 3),
                        multiIf(kind NOT IN (2, 3), '', path = '', toString(name), path)
                        $IF_FILTERED{, $KEEPS}))) AS history,
                    arrayPushFront(arrayPopBack(history), history[1]))) AS session
            FROM events
            $FILTER_JOIN
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
              AND occurred_at >= fromUnixTimestamp64Milli({raw_from_ms:Int64} - 86400000, 'UTC')
              AND occurred_at < fromUnixTimestamp64Milli({raw_to_ms:Int64} + 86400000, 'UTC')
            GROUP BY visitor
        )
        WHERE session[1].1 BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1
          $IF_FILTERED{AND arrayExists(event -> event.7, session)}
          $IF_STORED{AND toDate(toUInt16(intDiv(session[1].1, 86400000))) NOT IN {stored_days:Array(Date)}
        UNION ALL
        SELECT arrayJoin([(entry_page, 1, 0), (exit_page, 0, 1)])
        FROM visits
        WHERE site_id = {site:UInt32} AND day IN {stored_days:Array(Date)} AND generation IN {stored_generations:Array(UInt64)}
          AND began_ms BETWEEN {from_ms:Int64} AND {to_ms:Int64} - 1 AND pageviews > 0}
    )
    GROUP BY page_path
) AS ends USING (page_path)
WHERE searched = ''
   OR positionCaseInsensitiveUTF8(replaceAll(replaceAll(replaceAll(page_path, 'ي', 'ی'), 'ى', 'ی'), 'ك', 'ک'), searched) > 0
   OR positionCaseInsensitiveUTF8(replaceAll(replaceAll(replaceAll(page_title, 'ي', 'ی'), 'ى', 'ی'), 'ك', 'ک'), searched) > 0
ORDER BY pageviews DESC, page_path
LIMIT {limit:UInt32}
