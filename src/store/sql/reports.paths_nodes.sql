-- The most frequent nodes at each place of the paths of a period, and how many sessions have a path.
--   site UInt32, from_ms/to_ms Int64, session_ms Int64, steps UInt32 (nodes of a path), anchor UInt8, passive Array(String),
--   nodes UInt32 (how many of each place)
-- $PATHS is fragment.paths.sql. $PEOPLE, $WHO, $JOIN: as in reports.sources; $VISITS, $FILTER_JOIN, $IF_FILTERED: see
-- store::filters. One row has place 0: its `people` are the sessions.
WITH
$PEOPLE
$VISITS
$PATHS
SELECT placed.1 AS place, placed.2 AS node, toUInt64(sum(if(placed.1 = 0, own_sessions, 1))) AS people
FROM
(
    SELECT own_sessions, arrayJoin(arrayPushFront(
        arrayDistinct(arrayFlatten(arrayMap(
            path -> arrayFilter(placed -> placed.2 != 0, arrayMap((node, place) -> (toUInt32(place), node), path, arrayEnumerate(path))),
            paths))),
        (toUInt32(0), toUInt64(0)))) AS placed
    FROM person_paths
)
GROUP BY place, node
ORDER BY people DESC, node
LIMIT {nodes:UInt32} BY place
