-- The most frequent breakdown values of visitors who enter a funnel.
--   site UInt32, from_ms/to_ms Int64, limit UInt32, and the parameters of the fragments
-- $ENTERS and $VALUE are fragments that store::funnel selects from fixed texts: whether an event is an entry, and its
-- value. The value `other` is left out, because the group of all other values has this name.
-- $KEPT are the filters.
-- $PEOPLE, $WHO, $JOIN join the visitors of one person; $VISITS, $VISIT_JOIN add the source of the session, where asked for.
WITH
$PEOPLE
$VISITS
    {site:UInt32} AS site
SELECT value
FROM
(
    SELECT $WHO AS who, $VALUE AS value
    FROM events
    $JOIN
    $VISIT_JOIN
    WHERE site_id = {site:UInt32} AND robot = '' AND visitor != 0
      AND occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      AND occurred_at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
      AND ($ENTERS)$KEPT
)
WHERE value != 'other'
GROUP BY value
ORDER BY uniqExact(who) DESC, value
LIMIT {limit:UInt32}
