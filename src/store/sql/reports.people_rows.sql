-- What is known of these people, in no particular order.
--   site UInt32, people Array(UInt128) (any visitor of each)
-- $PEOPLE, $WHO, $JOIN: as in reports.sources; $VISITORS selects all visitors of `asked`. `asked_visitors` are those of
-- `people` that are this person. No row for those without events.
WITH
$PEOPLE
    asked AS
    (
        SELECT DISTINCT $WHO AS who
        FROM (SELECT arrayJoin({people:Array(UInt128)}) AS visitor) AS named
        $JOIN
    ),
    known AS
    (
        SELECT
            visitor,
            min(occurred_at) AS first,
            max(occurred_at) AS last,
            count() AS visitor_events,
            argMaxIf((occurred_at, user_id), (occurred_at, position), user_id != '' AND NOT arrayExists(
                ended -> ended.1 = visitor AND ended.2 = user_id AND (ended.3 >= occurred_at OR NOT user_verified),
                (SELECT groupArray((visitor, user_id, ended_at)) FROM identity_ends FINAL WHERE site_id = {site:UInt32})))
                AS named_as,
            argMaxIf((occurred_at, toString(country)), (occurred_at, position), country != '') AS seen_in,
            argMaxIf((occurred_at, toString(device)), (occurred_at, position), device != '') AS seen_on
        FROM visitor_events
        WHERE site_id = {site:UInt32} AND visitor IN ($VISITORS)
        GROUP BY visitor
    )
SELECT
    $WHO AS who,
    arrayIntersect({people:Array(UInt128)}, groupArray(visitor)) AS asked_visitors,
    count() AS visitors,
    toUnixTimestamp64Milli(min(first)) AS first_ms,
    toUnixTimestamp64Milli(max(last)) AS last_ms,
    sum(visitor_events) AS events,
    max(named_as).2 AS user_id,
    max(seen_in).2 AS country,
    max(seen_on).2 AS device
FROM known
$JOIN
GROUP BY who
