-- Sessions that started in each interval of a period, and bounces among them.
--   site UInt32, from_ms/to_ms Int64, interval String, timezone String, session_ms Int64
-- A session is a sequence of one visitor's events of the period without a gap longer than session_ms; it belongs to the
-- interval of its first event. A bounce is a session with exactly one page view and no other active event. Passive
-- events are slot views (action 10) and identify, group and alias calls; further page views are not "other" events.
SELECT
    toInt64(toUnixTimestamp(toDateTime(dateTrunc({interval:String}, began, {timezone:String}), {timezone:String}))) * 1000 AS bucket_ms,
    count() AS sessions,
    countIf(pageviews = 1 AND others = 0) AS bounces
FROM
(
    SELECT
        fromUnixTimestamp64Milli(toInt64(bitShiftRight(session[1], 2)), 'UTC') AS began,
        arrayCount(event -> bitTest(event, 1), session) AS pageviews,
        arrayCount(event -> bitTest(event, 0), session) AS others
    FROM
    (
        -- Each event is packed into one number (time, is page view, is other active event): arrays of numbers are cheap.
        SELECT
            arraySort(groupArray(
                bitShiftLeft(toUInt64(toUnixTimestamp64Milli(occurred_at)), 2)
                + if(kind IN (2, 3), 2, 0)
                + if(kind = 1 AND action != 10, 1, 0))) AS history,
            arrayJoin(arraySplit(
                (event, before) -> toInt64(bitShiftRight(event, 2)) - toInt64(bitShiftRight(before, 2)) > {session_ms:Int64},
                history,
                arrayPushFront(arrayPopBack(history), history[1]))) AS session
        FROM events
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
        GROUP BY visitor
    )
)
GROUP BY bucket_ms
ORDER BY bucket_ms
