-- What did each visitor do that a funnel names, in order?
--   site UInt32, from_ms/to_ms Int64 (when a way may begin), last_ms Int64 (when the last step may lie),
--   entry_bits UInt32 (the steps a way may begin with), names Array(String), page_views UInt8, groups
--   Array(String), and the parameters of the fragments
-- $MARKS, $GROUP are fragments that store::funnel chooses from fixed texts: which steps (bits 0 to 19) and
-- exclusions (bit 24) an event matches, and its place in `groups`. Nothing a user wrote is in them.
-- A mark is (milliseconds since from_ms) * 2^26 + flags, the flags being the 26 bits that
-- reports::funnel::matcher explains. Marks are in order of occurred_at, then of arrival (received_at,
-- journal, position): all of it is packed into one wide number, because arrays of numbers are gathered
-- and sorted several times faster than arrays of tuples. Visitors without an entry are left out.
SELECT
    visitor,
    arrayMap(
        key -> bitOr(bitShiftLeft(toUInt64(bitShiftRight(key, 200)), 26), bitAnd(toUInt64(key), 67108863)),
        arraySort(groupArray(
            bitShiftLeft(toUInt256(since_ms), 200)
            + bitShiftLeft(toUInt256(toUnixTimestamp64Milli(received_at)), 154)
            + bitShiftLeft(toUInt256(journal), 90)
            + bitShiftLeft(toUInt256(position), 26)
            + toUInt256(flags)))) AS marks
FROM
(
    SELECT
        visitor, received_at, journal, position,
        toUInt64(toUnixTimestamp64Milli(occurred_at) - {from_ms:Int64}) AS since_ms,
        $MARKS AS steps,
        toUInt32(bitOr(steps, bitShiftLeft(toUInt32($GROUP), 20))) AS flags
    FROM events
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({last_ms:Int64}, 'UTC')
      AND (has({names:Array(String)}, name) OR ({page_views:UInt8} = 1 AND kind IN (2, 3)))
)
WHERE steps != 0
GROUP BY visitor
HAVING bitAnd(groupBitOr(if(since_ms < {to_ms:Int64} - {from_ms:Int64}, flags, 0)), {entry_bits:UInt32}) != 0
