-- How many sessions began in each interval of a period, and how many of them bounced?
--   site UInt32, from_ms/to_ms Int64, steps Array(Int64) (the beginning of each interval), session_ms Int64, passive
--   Array(String) (events that are captured without an action of the visitor)
-- A session is a run of one visitor's events without a pause longer than session_ms; it belongs to the moment it
-- begins. A day around the period is read, so that the period cuts no session in two. A bounce is a session with exactly
-- one page view and nothing else that the visitor did. Calls of a server that name only a user, and sessions with
-- nothing but identify, group and alias, are no visits. With filters a session counts that has a kept event.
-- $FILTER_CTES, $FILTER_JOIN, $IF_FILTERED, $IF_STORED, raw_from_ms/raw_to_ms: see store::filters.
WITH
$FILTER_CTES
    {site:UInt32} AS site
SELECT
    roundDown(began_ms, {steps:Array(Int64)}) AS bucket_ms,
    count() AS sessions,
    countIf(pageviews = 1 AND actions = 0) AS bounces
FROM
(
    SELECT
        toInt64(bitShiftRight(session[1], 4)) AS began_ms,
        arrayCount(event -> bitTest(event, 1), session) AS pageviews,
        arrayCount(event -> bitTest(event, 0), session) AS actions
    FROM
    (
        -- An event is packed into one number (moment, kept by filters?, visit?, page view?, action?): arrays of numbers are cheap.
        SELECT
            arraySort(groupArray(
                bitShiftLeft(toUInt64(toUnixTimestamp64Milli(occurred_at)), 4)
                $IF_FILTERED{+ if($KEEPS, 8, 0)}
                + if(kind < 4, 4, 0)
                + if(kind IN (2, 3), 2, 0)
                + if(kind = 1 AND action != 10 AND name NOT IN {passive:Array(String)}, 1, 0))) AS history,
            arrayJoin(arraySplit(
                (event, before) -> toInt64(bitShiftRight(event, 4)) - toInt64(bitShiftRight(before, 4)) > {session_ms:Int64},
                history,
                arrayPushFront(arrayPopBack(history), history[1]))) AS session
        FROM events
        $FILTER_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND NOT user_id_only
          AND occurred_at >= fromUnixTimestamp64Milli({raw_from_ms:Int64} - 86400000, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({raw_to_ms:Int64} + 86400000, 'UTC')
        GROUP BY visitor
    )
    WHERE began_ms >= {from_ms:Int64} AND began_ms < {to_ms:Int64}
      AND arrayExists(event -> bitTest(event, 2), session)
      $IF_FILTERED{AND arrayExists(event -> bitTest(event, 3), session)}
      $IF_STORED{AND toDate(toUInt16(intDiv(began_ms, 86400000))) NOT IN {stored_days:Array(Date)}
    UNION ALL
    SELECT began_ms, pageviews, actions
    FROM visits
    WHERE site_id = {site:UInt32} AND day IN {stored_days:Array(Date)} AND generation IN {stored_generations:Array(UInt64)}
      AND began_ms >= {from_ms:Int64} AND began_ms < {to_ms:Int64} AND notEmpty(acts)}
)
GROUP BY bucket_ms
ORDER BY bucket_ms
