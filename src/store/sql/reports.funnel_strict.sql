-- The same as reports.funnel, for steps that must follow each other with nothing between: every event of a
-- visitor is looked at, and a mark says (bit 25) that events without a mark of their own lie before it.
--   site UInt32, from_ms/to_ms Int64, last_ms Int64, entry_bits UInt32, groups Array(String), and the
--   parameters of the fragments $MARKS and $GROUP
SELECT
    visitor,
    arrayFilter(
        mark -> bitAnd(mark, 33554431) != 0,
        arrayMap(
            (key, before) ->
                bitShiftLeft(toUInt64(bitShiftRight(key, 200)), 26)
                + bitAnd(toUInt64(key), 67108863)
                + if(bitAnd(toUInt64(before), 67108863) = 0, 33554432, 0),
            keys,
            arrayPushFront(arrayPopBack(keys), keys[1]))) AS marks
FROM
(
    SELECT
        visitor,
        arraySort(groupArray(
            bitShiftLeft(toUInt256(since_ms), 200)
            + bitShiftLeft(toUInt256(toUnixTimestamp64Milli(received_at)), 154)
            + bitShiftLeft(toUInt256(journal), 90)
            + bitShiftLeft(toUInt256(position), 26)
            + toUInt256(flags))) AS keys
    FROM
    (
        SELECT
            visitor, received_at, journal, position,
            toUInt64(toUnixTimestamp64Milli(occurred_at) - {from_ms:Int64}) AS since_ms,
            $MARKS AS steps,
            toUInt32(if(steps = 0, 0, bitOr(steps, bitShiftLeft(toUInt32($GROUP), 20)))) AS flags
        FROM events
        WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at <= fromUnixTimestamp64Milli({last_ms:Int64}, 'UTC')
    )
    GROUP BY visitor
    HAVING bitAnd(groupBitOr(if(since_ms < {to_ms:Int64} - {from_ms:Int64}, flags, 0)), {entry_bits:UInt32}) != 0
)
