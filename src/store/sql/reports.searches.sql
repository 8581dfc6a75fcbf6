-- What did visitors search for on the site?
--   site UInt32, from_ms/to_ms Int64, limit UInt32
-- $PEOPLE, $WHO, $JOIN: as in reports.sources; $VISITS, $VISIT_JOIN, $IF_FILTERED: see store::filters. A search is an event
-- with `query`, or the view of a page with the terms in its address (q, query, s, search). Terms that differ in case or
-- spaces are one. `no_results`: the event stated that there were none.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT
    searched AS terms,
    toUInt64(count()) AS searches,
    uniqExactIf(who, is_visitor) AS people,
    toUInt64(countIf(found_nothing)) AS no_results
FROM
(
    SELECT
        $WHO AS who, visitor != 0 AS is_visitor,
        concat('?', trim(LEADING '?' FROM query)) AS address,
        arrayFirst(text -> text != '', arrayMap(
            key -> if(position(address, concat(key, '=')) = 0, '', decodeURLFormComponent(extractURLParameter(address, key))),
            ['q', 'query', 's', 'search'])) AS of_address,
        trim(BOTH ' ' FROM replaceRegexpAll(lowerUTF8(leftUTF8(
            if(kind = 1, JSONExtractString(properties, 'query'), of_address), 200)), '\\s+', ' ')) AS searched,
        arrayExists(
            key -> JSONHas(properties, key) AND trim(BOTH '"' FROM JSONExtractRaw(properties, key)) = '0',
            ['results', 'results_count', 'result_count', 'resultsCount', 'number_of_results']) AS found_nothing
    FROM events
    $JOIN
    $VISIT_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND action = 9 $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
)
WHERE searched != ''
GROUP BY terms
ORDER BY searches DESC, terms
LIMIT {limit:UInt32}
