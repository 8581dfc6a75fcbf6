-- Answers of surveys, complaints and feedback of a period, newest first.
--   site UInt32, from_ms/to_ms Int64, names Array(String) (in lower case, words separated by a space), limit UInt32
-- $PEOPLE, $WHO, $JOIN: as in reports.sources; $VISITS, $FILTER_JOIN, $IF_FILTERED: see store::filters. Properties longer than 16,384 bytes are left out.
WITH
$PEOPLE
$VISITS
    answers AS
    (
        SELECT
            visitor,
            toUnixTimestamp64Milli(occurred_at) AS at_ms,
            journal,
            position,
            lowerUTF8(replaceRegexpAll(toString(name), '[ _-]+', ' ')) AS answer_name,
            if(length(properties) <= 16384, properties, '{}') AS content
        FROM events
        $FILTER_JOIN
        WHERE site_id = {site:UInt32} AND robot = '' AND kind = 1 $IF_FILTERED{AND $KEEPS}
          AND has({names:Array(String)}, lowerUTF8(replaceRegexpAll(toString(name), '[ _-]+', ' ')))
          AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    )
SELECT
    $WHO AS who, at_ms, answer_name, JSONExtractString(content, 'contact_channel') AS contact_channel, content
FROM answers
$JOIN
ORDER BY at_ms DESC, journal DESC, position DESC
LIMIT {limit:UInt32}
