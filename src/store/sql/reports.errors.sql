-- Which errors of the pages' scripts were there?
--   site UInt32, from_ms/to_ms Int64, limit UInt32
-- Placeholders as in reports.searches. `source` is the script's address.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT
    message_text,
    source_text,
    toUInt64(count()) AS events,
    uniqExactIf(who, is_visitor) AS people,
    min(at_ms) AS first_ms,
    max(at_ms) AS last_ms
FROM
(
    SELECT
        $WHO AS who, visitor != 0 AS is_visitor, toUnixTimestamp64Milli(occurred_at) AS at_ms,
        leftUTF8(JSONExtractString(properties, 'message'), 300) AS message_text,
        leftUTF8(if(JSONHas(properties, 'filename'), JSONExtractString(properties, 'filename'),
                    JSONExtractString(properties, 'source')), 500) AS source_text
    FROM events
    $JOIN
    $VISIT_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND kind = 1 AND name = 'Error Occurred' $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
)
GROUP BY message_text, source_text
ORDER BY events DESC, message_text, source_text
LIMIT {limit:UInt32}
