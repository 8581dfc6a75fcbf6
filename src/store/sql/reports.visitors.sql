-- Visitors of a period by country, device, browser, OS or language.
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, by String (country, device, browser, os or language),
--   limit UInt32
-- A session (see reports.overview_sessions) has the first non-empty value of its events, '' if there is none. Anonymous
-- page views count for the value of each event.
SELECT
    value,
    uniqExactIf(who, who != 0) AS visitors,
    countIf(who != 0) AS sessions,
    sum(session_pageviews) AS pageviews
FROM
(
    SELECT
        visitor AS who,
        arrayFirst(event -> event.5 != '', session).5 AS value,
        toUInt64(arraySum(event -> event.6, session)) AS session_pageviews
    FROM
    (
        SELECT
            visitor,
            arraySort(groupArray((
                toUnixTimestamp64Milli(occurred_at), received_at, journal, position,
                toString(multiIf({by:String} = 'country', country, {by:String} = 'device', device,
                                 {by:String} = 'browser', browser, {by:String} = 'os', os, language)),
                kind IN (2, 3)))) AS history,
            arrayJoin(arraySplit(
                (event, before) -> event.1 - before.1 > {session_ms:Int64},
                history,
                arrayPushFront(arrayPopBack(history), history[1]))) AS session
        FROM events
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
        GROUP BY visitor
    )

    UNION ALL

    SELECT
        toUInt128(0) AS who,
        toString(multiIf({by:String} = 'country', country, {by:String} = 'device', device,
                         {by:String} = 'browser', browser, {by:String} = 'os', os, language)) AS value,
        count() AS session_pageviews
    FROM events
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor = 0 AND kind IN (2, 3)
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY value
)
GROUP BY value
ORDER BY visitors DESC, pageviews DESC, value
LIMIT {limit:UInt32}
