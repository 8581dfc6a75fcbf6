-- Like reports.funnel, for steps that must follow each other with no other event between: all events of a visitor are
-- read, and bit 25 of an element means that other events lie before it.
--   site UInt32, from_ms/to_ms Int64, last_ms Int64, entry_bits UInt32, groups Array(String), ignored Array(String)
--   (names of events that may lie between), and the parameters of the fragments $MARKS and $GROUP
-- $KEPT are the filters.
-- $PEOPLE, $WHO, $JOIN join the visitors of one person; $VISITS, $VISIT_JOIN add the source of the session, where asked for.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT
    who AS visitor,
    arrayFilter(
        mark -> bitAnd(mark, 33554431) != 0,
        arrayMap(
            (key, before) ->
                bitShiftLeft(toUInt64(bitShiftRight(key, 90)), 26)
                + bitAnd(toUInt64(key), 67108863)
                + if(bitAnd(toUInt64(before), 67108863) = 0, 33554432, 0),
            keys,
            arrayPushFront(arrayPopBack(keys), keys[1]))) AS marks
FROM
(
    SELECT
        who,
        arraySort(groupArray(
            bitOr(
                bitShiftLeft(toUInt128(bitOr(bitShiftLeft(since_ms, 26), bitShiftRight(delay_ms, 6))), 64),
                toUInt128(bitOr(bitOr(bitShiftLeft(delay_ms, 58), bitShiftLeft(toUInt64(toUInt32(position)), 26)), toUInt64(flags)))))) AS keys
    FROM
    (
        SELECT
            $WHO AS who, position,
            toUInt64(toUnixTimestamp64Milli(occurred_at) - {from_ms:Int64}) AS since_ms,
            toUInt64(least(greatest(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(occurred_at) + 300000, 0), 4294967295)) AS delay_ms,
            $MARKS AS steps,
            toUInt32(if(steps = 0, 0, bitOr(steps, bitShiftLeft(toUInt32($GROUP), 20)))) AS flags
        FROM events
        $JOIN
        $VISIT_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at <= fromUnixTimestamp64Milli({last_ms:Int64}, 'UTC')
          AND NOT (kind = 1 AND name IN {ignored:Array(String)})$KEPT
    )
    GROUP BY who
    HAVING bitAnd(groupBitOr(if(since_ms < {to_ms:Int64} - {from_ms:Int64}, flags, 0)), {entry_bits:UInt32}) != 0
)
