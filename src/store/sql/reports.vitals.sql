-- How fast were pages, as their visitors' browsers measured it?
--   site UInt32, from_ms/to_ms Int64, limit UInt32
-- Placeholders as in reports.searches. The 75th percentile of each measure, between the two nearest values where it lies
-- between them; null where it was not measured.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT
    path AS page,
    toUInt64(count()) AS samples,
    quantileExactInclusiveOrNullIf(0.75)(measured.1, isNotNull(measured.1)) AS lcp,
    quantileExactInclusiveOrNullIf(0.75)(measured.2, isNotNull(measured.2)) AS inp,
    quantileExactInclusiveOrNullIf(0.75)(measured.3, isNotNull(measured.3)) AS cls,
    quantileExactInclusiveOrNullIf(0.75)(measured.4, isNotNull(measured.4)) AS fcp,
    quantileExactInclusiveOrNullIf(0.75)(measured.5, isNotNull(measured.5)) AS ttfb
FROM
(
    SELECT
        path,
        (JSONExtract(properties, 'lcp_ms', 'Nullable(Float64)'), JSONExtract(properties, 'inp_ms', 'Nullable(Float64)'),
         JSONExtract(properties, 'cls', 'Nullable(Float64)'), JSONExtract(properties, 'fcp_ms', 'Nullable(Float64)'),
         JSONExtract(properties, 'ttfb_ms', 'Nullable(Float64)')) AS measured
    FROM events
    $JOIN
    $VISIT_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND kind = 1 AND name = 'Web Vitals' $IF_FILTERED{AND $KEEPS}
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
)
GROUP BY page
ORDER BY samples DESC, page
LIMIT {limit:UInt32}
