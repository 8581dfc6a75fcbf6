-- The events of each visitor that match a funnel, in order.
--   site UInt32, from_ms/to_ms Int64 (range of entries), last_ms Int64 (latest time of the last step), entry_bits
--   UInt32 (the steps that count as an entry), names Array(String), page_views UInt8, groups Array(String), and the
--   parameters of the fragments
-- $MARKS and $GROUP are fragments that store::funnel selects from fixed texts: the steps (bits 0 to 19) and exclusions
-- (bit 24) that an event matches, and the index of its breakdown value in `groups`. They never contain user input. An
-- element of `marks` is (milliseconds since from_ms) * 2^26 + flags, the 26 bits explained in reports::funnel::matcher.
-- Elements are ordered by occurred_at, then by arrival (received_at, then position). Collecting and sorting numbers
-- costs half as much as tuples, so the sort key is one number of 128 bits: 38 of time, 32 of delay (received_at -
-- occurred_at, which orders like received_at if occurred_at is equal; beyond 49 days it is capped and position
-- decides), 32 of position (the low ones, which order events of the same time), 26 of flags. Visitors without an entry
-- are left out.
-- $KEPT are the filters.
-- $PEOPLE, $WHO, $JOIN join the visitors of one person; $VISITS, $VISIT_JOIN add the source of the session, where asked for.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT
    who AS visitor,
    arrayMap(
        key -> bitOr(bitShiftLeft(toUInt64(bitShiftRight(key, 90)), 26), bitAnd(toUInt64(key), 67108863)),
        arraySort(groupArray(
            bitOr(
                bitShiftLeft(toUInt128(bitOr(bitShiftLeft(since_ms, 26), bitShiftRight(delay_ms, 6))), 64),
                toUInt128(bitOr(bitOr(bitShiftLeft(delay_ms, 58), bitShiftLeft(toUInt64(toUInt32(position)), 26)), toUInt64(flags))))))) AS marks
FROM
(
    SELECT
        $WHO AS who, position,
        toUInt64(toUnixTimestamp64Milli(occurred_at) - {from_ms:Int64}) AS since_ms,
        toUInt64(least(greatest(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(occurred_at) + 300000, 0), 4294967295)) AS delay_ms,
        $MARKS AS steps,
        toUInt32(bitOr(steps, bitShiftLeft(toUInt32($GROUP), 20))) AS flags
    FROM events
    $JOIN
    $VISIT_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at <= fromUnixTimestamp64Milli({last_ms:Int64}, 'UTC')
      AND (name IN {names:Array(String)} OR ({page_views:UInt8} = 1 AND kind IN (2, 3)))$KEPT
)
WHERE steps != 0
GROUP BY who
HAVING bitAnd(groupBitOr(if(since_ms < {to_ms:Int64} - {from_ms:Int64}, flags, 0)), {entry_bits:UInt32}) != 0
