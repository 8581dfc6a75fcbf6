-- What did each visitor do that a funnel names, in order?
--   site UInt32, from_ms/to_ms Int64 (when a way may begin), last_ms Int64 (when the last step may lie),
--   entry_bits UInt32 (the steps a way may begin with), names Array(String), page_views UInt8, groups
--   Array(String), and the parameters of the fragments
-- $MARKS, $GROUP are fragments that store::funnel chooses from fixed texts: which steps (bits 0 to 19) and
-- exclusions (bit 24) an event matches, and its place in `groups`. Nothing a user wrote is in them.
-- A mark is (milliseconds since from_ms) * 2^26 + flags, the flags being the 26 bits that
-- reports::funnel::matcher explains. Marks are in order of occurred_at, then of arrival (received_at, then
-- position). Gathering and sorting arrays of numbers costs half of what arrays of tuples cost, so all of it
-- is one number of 128 bits: 38 of time, 32 of delay (received_at after occurred_at, which tells the same
-- once occurred_at is equal; beyond 49 days it is all the same and position decides), 32 of position (the
-- low ones, which tell two events of one moment apart), 26 of flags. Visitors without an entry are left out.
SELECT
    visitor,
    arrayMap(
        key -> bitOr(bitShiftLeft(toUInt64(bitShiftRight(key, 90)), 26), bitAnd(toUInt64(key), 67108863)),
        arraySort(groupArray(
            bitOr(
                bitShiftLeft(toUInt128(bitOr(bitShiftLeft(since_ms, 26), bitShiftRight(delay_ms, 6))), 64),
                toUInt128(bitOr(bitOr(bitShiftLeft(delay_ms, 58), bitShiftLeft(toUInt64(toUInt32(position)), 26)), toUInt64(flags))))))) AS marks
FROM
(
    SELECT
        visitor, position,
        toUInt64(toUnixTimestamp64Milli(occurred_at) - {from_ms:Int64}) AS since_ms,
        toUInt64(least(greatest(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(occurred_at) + 300000, 0), 4294967295)) AS delay_ms,
        $MARKS AS steps,
        toUInt32(bitOr(steps, bitShiftLeft(toUInt32($GROUP), 20))) AS flags
    FROM events
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({last_ms:Int64}, 'UTC')
      AND (name IN {names:Array(String)} OR ({page_views:UInt8} = 1 AND kind IN (2, 3)))
)
WHERE steps != 0
GROUP BY visitor
HAVING bitAnd(groupBitOr(if(since_ms < {to_ms:Int64} - {from_ms:Int64}, flags, 0)), {entry_bits:UInt32}) != 0
