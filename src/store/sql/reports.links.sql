-- Which links that leave the site, and which downloads, were clicked?
--   site UInt32, from_ms/to_ms Int64, limit UInt32
-- Placeholders as in reports.searches. A file on another site is a download.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT
    is_download,
    url,
    toUInt64(count()) AS clicks,
    uniqExactIf(who, is_visitor) AS people
FROM
(
    SELECT
        $WHO AS who, visitor != 0 AS is_visitor,
        toUInt8(name = 'File Downloaded' OR JSONExtractBool(properties, 'download')) AS is_download,
        leftUTF8(if(JSONHas(properties, 'href'), JSONExtractString(properties, 'href'), JSONExtractString(properties, 'url')), 2000) AS url,
        is_download OR JSONExtractBool(properties, 'outbound') AS is_listed
    FROM events
    $JOIN
    $VISIT_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND kind = 1 AND name IN ('Link Clicked', 'File Downloaded') $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
)
WHERE is_listed AND url != ''
GROUP BY is_download, url
ORDER BY clicks DESC, url, is_download
LIMIT {limit:UInt32}
