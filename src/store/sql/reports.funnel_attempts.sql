-- Like reports.funnel, with what funnels with optional steps, sessions, ranges of exclusions, segments or differences
-- need of each event.
--   site UInt32, from_ms/to_ms Int64, last_ms Int64, entry_bits UInt32, strict UInt8 (1: all events are read, except
--   ignored ones), names Array(String), page_views UInt8, ignored Array(String), groups Array(String), and the
--   parameters of the fragments
-- An element of `attempts` is (session, milliseconds since from_ms, flags, details); they are ordered by session, then
-- as in reports.funnel. $SESSION is 0 where sessions do not matter. Flags are the steps (bits 0 to 19) and the index of
-- the breakdown value ($GROUP, bits 20 to 23). $DETAILS: the exclusions (bits 0 to 19), the index of the value of each
-- column that is compared (4 bits each, from 20), and the segments (from 44).
-- $KEPT are the filters. $PEOPLE, $WHO, $JOIN join the visitors of one person; $VISITS, $VISIT_JOIN add the session,
-- where asked for.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT
    who AS visitor,
    arrayMap(
        event -> (event.1, event.2, event.5, event.6),
        arraySort(groupArray((of_session, since_ms, arrived_ms, position, flags, details)))) AS attempts
FROM
(
    SELECT
        $WHO AS who, position,
        toInt64($SESSION) AS of_session,
        toInt64(toUnixTimestamp64Milli(occurred_at) - {from_ms:Int64}) AS since_ms,
        toUnixTimestamp64Milli(received_at) AS arrived_ms,
        $MARKS AS steps,
        toUInt64($DETAILS) AS details,
        toUInt32(bitOr(steps, bitShiftLeft(toUInt32($GROUP), 20))) AS flags
    FROM events
    $JOIN
    $VISIT_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({last_ms:Int64}, 'UTC')
      AND if({strict:UInt8} = 1,
             NOT (kind = 1 AND name IN {ignored:Array(String)}),
             name IN {names:Array(String)} OR ({page_views:UInt8} = 1 AND kind IN (2, 3)))$KEPT
)
WHERE {strict:UInt8} = 1 OR steps != 0 OR bitAnd(details, 1048575) != 0
GROUP BY who
HAVING bitAnd(groupBitOr(if(since_ms < {to_ms:Int64} - {from_ms:Int64}, steps, 0)), {entry_bits:UInt32}) != 0
