-- How many people were shown each variant of an experiment, and when first?
--   site UInt32, experiment String, variants Array(String), exposed_ms/to_ms Int64 (range of exposures)
-- $EXPOSED is fragment.exposed.sql, with $PEOPLE, $WHO, $JOIN: as in reports.funnel. People who were shown several variants
-- count for the first one; `several` is their number.
WITH
$PEOPLE
$EXPOSED
SELECT
    variant, count() AS people, countIf(shown_variants > 1) AS several, min(first_ms) AS began_ms, max(first_ms) AS newest_ms
FROM exposed
GROUP BY variant
