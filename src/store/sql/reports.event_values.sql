-- How often did an event happen in each interval, by value?
--   site UInt32, from_ms/to_ms Int64, steps Array(Int64) (the beginning of each interval), values_max UInt32
-- $EVENT: whether an event is meant, $BY: its value; $PEOPLE, $JOIN: as in reports.sources; $VISITS, $VISIT_JOIN,
-- $IF_FILTERED: see store::filters. One row for each interval and value; all but the most frequent values are one, `$other`.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site,
    valued AS
    (
        SELECT
            roundDown(toUnixTimestamp64Milli(occurred_at), {steps:Array(Int64)}) AS bucket_ms,
            $BY AS value,
            toUInt64(count()) AS events
        FROM events
        $JOIN
        $VISIT_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND $EVENT $IF_FILTERED{AND $KEEPS}
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
        GROUP BY bucket_ms, value
    )
SELECT bucket_ms, if(place <= {values_max:UInt32}, value, '$other') AS shown, sum(events) AS events
FROM
(
    SELECT bucket_ms, value, events, dense_rank() OVER (ORDER BY total DESC, value) AS place
    FROM (SELECT bucket_ms, value, events, sum(events) OVER (PARTITION BY value) AS total FROM valued)
)
GROUP BY bucket_ms, shown
ORDER BY bucket_ms, shown
