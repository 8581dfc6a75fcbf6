-- How many people of each cohort came back, by interval?
--   site UInt32, from_ms/to_ms Int64 (the range of first events), last_ms Int64 (the end of the last interval), steps
--   Array(Int64) (the beginning of each interval)
-- $STARTS and $RETURNS: whether an event is a first one, or a return. $PEOPLE, $WHO, $JOIN: as in reports.sources;
-- $VISITS, $VISIT_JOIN, $IF_FILTERED: see store::filters.
-- A person's first event of the period, in order of time, then arrival, begins its cohort; it is no return itself. One
-- row for each cohort with interval_ms = -1: its people; and one for each interval: those of them who came back in it.
-- Events are first reduced to one row per person and interval. The key of an event orders like (occurred_at, received_at,
-- position): 42 bits of time, 32 of delay, 32 of position, and one above them, so that no key is 0.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT cohort_ms, arrayJoin(intervals) AS interval_ms, toUInt64(count()) AS people
FROM
(
    SELECT
        argMin(bucket_ms, entry_key) AS cohort_ms,
        min(entry_key) AS entry,
        groupArrayIf((bucket_ms, return_key), return_key != 0) AS returned,
        arrayPushFront(
            arrayMap(back -> back.1, arrayFilter(back -> back.2 > entry, returned)), toInt64(-1)) AS intervals
    FROM
    (
        SELECT
            who, bucket_ms,
            min(if(starts, event_key, toUInt128(-1))) AS entry_key,
            max(if(returns, event_key, toUInt128(0))) AS return_key
        FROM
        (
            SELECT
                $WHO AS who,
                roundDown(toUnixTimestamp64Milli(occurred_at), {steps:Array(Int64)}) AS bucket_ms,
                toUInt64(toUnixTimestamp64Milli(occurred_at)) AS since_ms,
                toUInt64(least(greatest(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(occurred_at) + 300000, 0), 4294967295)) AS delay_ms,
                bitOr(
                    bitShiftLeft(toUInt128(bitOr(bitShiftLeft(toUInt64(1), 42), since_ms)), 64),
                    toUInt128(bitOr(bitShiftLeft(delay_ms, 32), toUInt64(toUInt32(position))))) AS event_key,
                toUInt8($STARTS AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')) AS starts,
                toUInt8($RETURNS) AS returns
            FROM events
            $JOIN
            $VISIT_JOIN
            WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0 $IF_FILTERED{AND $KEEPS}
              AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
              AND occurred_at < fromUnixTimestamp64Milli({last_ms:Int64}, 'UTC')
        )
        WHERE starts OR returns
        GROUP BY who, bucket_ms
    )
    GROUP BY who
)
WHERE entry != toUInt128(-1)
GROUP BY cohort_ms, interval_ms
